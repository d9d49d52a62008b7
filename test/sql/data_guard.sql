-- DROP EXTENSION refuses while the data is protected; the guard itself is no part of the extension.
SELECT rigalpha.protect_data();
SELECT rigalpha.protect_data();
DROP EXTENSION rigalpha;
SELECT count(*) FROM pg_depend WHERE objid = 'rigalpha.data_guard'::regclass AND deptype = 'e';
SELECT rigalpha.protect_data(false);
SELECT rigalpha.protect_data(false);
BEGIN;
DROP EXTENSION rigalpha;
ROLLBACK;
