-- What of our own is audited.
SELECT rigalpha.audit_enable(t::regclass) FROM unnest(ARRAY['rigalpha.node', 'rigalpha.machines', 'rigalpha.sensors',
	'rigalpha.sensor_aliases', 'rigalpha.model_registry', 'rigalpha.model_deployments',
	'rigalpha.model_grants', 'rigalpha.thresholds', 'rigalpha.alarm_suppressions', 'rigalpha.kafka_sources', 'rigalpha.user_machines']) AS t;
SELECT rigalpha.audit_enable('rigalpha.model_versions', redacted => '{payload}');
SELECT rigalpha.audit_enable('rigalpha.users', redacted => '{password_hash,totp_secret}',
	ignored => '{totp_step,last_login_at,last_failed_at,failed_logins}');
-- What the simulator reports of itself every second is no entry.
SELECT rigalpha.audit_enable('rigalpha.simulator_control', ignored => '{fault_started_at,target,pid,heartbeat_at,sent,note}');
SELECT rigalpha.audit_enable('rigalpha.sessions', redacted => '{token_hash}');
SELECT rigalpha.audit_enable('rigalpha.api_tokens', redacted => '{secret_hash}', ignored => '{last_used_at}');
-- Of an incident its beginning and its end are noted; its peak moves with every riskier reading.
SELECT rigalpha.audit_enable('rigalpha.incidents', 'machine_id', ignored => '{peak_ts,peak_risk,top_sensors,explanation,detail}');
SELECT rigalpha.audit_enable('rigalpha.machine_sensors', 'machine_id');
-- That a job was asked for, begins and ends; not how far it is.
SELECT rigalpha.audit_enable('rigalpha.jobs', ignored => '{phase,progress,pid}');
