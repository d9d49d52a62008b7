-- ThingsBoard telemetry and Influx line protocol, and readings that name no machine.
SET client_min_messages = warning;
DROP EXTENSION IF EXISTS rigalpha CASCADE;
CREATE EXTENSION rigalpha;
