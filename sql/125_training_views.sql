CREATE VIEW rigalpha.models WITH (security_invoker = true, security_barrier = true) AS
	SELECT v.model, v.version, v.id AS version_id, v.algorithm, v.machine, v.status,
		EXISTS (SELECT FROM rigalpha.current_deployments d WHERE d.version_id = v.id) AS deployed,
		(SELECT max(d.deployed_at) FROM rigalpha.current_deployments d WHERE d.version_id = v.id) AS deployed_at,
		coalesce((SELECT r.restricted FROM rigalpha.model_registry r WHERE r.model = v.model), false) AS restricted,
		cardinality(v.feature_names) AS features, v.feature_names, v.source_rows AS rows_used, v.data_from, v.data_to,
		v.options, v.metrics, v.payload_size, v.created_by, v.created_at
	FROM rigalpha.model_versions v;
COMMENT ON VIEW rigalpha.models IS 'Versions of all models, and which are deployed';
COMMENT ON COLUMN rigalpha.models.model IS 'Name of the model';
COMMENT ON COLUMN rigalpha.models.version IS 'Number within the model, from 1';
COMMENT ON COLUMN rigalpha.models.version_id IS 'Key, as in readings.model_version';
COMMENT ON COLUMN rigalpha.models.algorithm IS 'iforest, pca, lstm_ae or hybrid';
COMMENT ON COLUMN rigalpha.models.machine IS 'Machine that it was trained for; null = a fleet';
COMMENT ON COLUMN rigalpha.models.status IS 'ready or unusable';
COMMENT ON COLUMN rigalpha.models.deployed IS 'True = it scores now';
COMMENT ON COLUMN rigalpha.models.deployed_at IS 'When it was deployed last; null = it is not';
COMMENT ON COLUMN rigalpha.models.restricted IS 'True = only for roles that it is granted to; see grant_model()';
COMMENT ON COLUMN rigalpha.models.features IS 'Number of sensors';
COMMENT ON COLUMN rigalpha.models.feature_names IS 'Sensors in the order of the model';
COMMENT ON COLUMN rigalpha.models.rows_used IS 'Rows that it was trained on; null = imported';
COMMENT ON COLUMN rigalpha.models.data_from IS 'Time of the oldest of them';
COMMENT ON COLUMN rigalpha.models.data_to IS 'Time of the newest of them';
COMMENT ON COLUMN rigalpha.models.options IS 'Options of the training';
COMMENT ON COLUMN rigalpha.models.metrics IS 'What training found';
COMMENT ON COLUMN rigalpha.models.payload_size IS 'Size of the model in bytes';
COMMENT ON COLUMN rigalpha.models.created_by IS 'Login that trained or imported it';
COMMENT ON COLUMN rigalpha.models.created_at IS 'When it was stored';

CREATE VIEW rigalpha.training_info WITH (security_invoker = true, security_barrier = true) AS
	SELECT p.machine_id, p.machine,
		CASE
			WHEN p.blocked = 'busy' AND j.phase = 'training' THEN format('training: %s %%', floor(100 * j.progress))
			WHEN p.blocked = 'busy' THEN 'training: ' || coalesce(j.phase, 'waiting')
			WHEN v.id IS NOT NULL AND v.source_rows IS NULL THEN format('imported at %s', to_char(v.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))
			WHEN v.id IS NOT NULL THEN format('trained on %s readings at %s', v.source_rows, to_char(v.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'))
			WHEN p.blocked = 'off' THEN 'automatic training is off'
			WHEN p.blocked = 'undeployed' THEN 'automatic training is off: its model was undeployed'
			WHEN p.blocked = 'backoff' THEN p.failure
			WHEN p.readings < s.auto_train_readings THEN format('warming up: %s of %s readings', p.readings, s.auto_train_readings)
			ELSE 'waiting for a training process'
		END AS state,
		p.readings, v.model, v.version, p.version_id, v.algorithm, v.created_at AS trained_at, v.source_rows AS rows_used,
		p.next_training_at, p.job_id
	FROM rigalpha.training_plan() p
	CROSS JOIN rigalpha.training_settings() s
	LEFT JOIN rigalpha.model_versions v ON v.id = p.version_id
	LEFT JOIN rigalpha.jobs j ON j.id = p.job_id;
COMMENT ON VIEW rigalpha.training_info IS 'One row per machine: what scores its readings, and how far its training is';
COMMENT ON COLUMN rigalpha.training_info.machine_id IS 'Machine';
COMMENT ON COLUMN rigalpha.training_info.machine IS 'Name of the machine';
COMMENT ON COLUMN rigalpha.training_info.state IS 'In words: warming up, training, trained on, training failed, automatic training is off';
COMMENT ON COLUMN rigalpha.training_info.readings IS 'Readings stored';
COMMENT ON COLUMN rigalpha.training_info.model IS 'Model that scores the machine; null = none yet';
COMMENT ON COLUMN rigalpha.training_info.version IS 'Its version';
COMMENT ON COLUMN rigalpha.training_info.version_id IS 'Key of the version, as in readings.model_version';
COMMENT ON COLUMN rigalpha.training_info.algorithm IS 'iforest, pca, lstm_ae or hybrid';
COMMENT ON COLUMN rigalpha.training_info.trained_at IS 'When the version was stored';
COMMENT ON COLUMN rigalpha.training_info.rows_used IS 'Rows that it was trained on; null = imported';
COMMENT ON COLUMN rigalpha.training_info.next_training_at IS 'When automatic training is due next; null = not by time';
COMMENT ON COLUMN rigalpha.training_info.job_id IS 'Training job that runs, else the last automatic one; see job()';

CREATE VIEW rigalpha_api.models WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM rigalpha.models;
COMMENT ON VIEW rigalpha_api.models IS 'Versions of all models, and which are deployed';

CREATE VIEW rigalpha_api.training WITH (security_invoker = true, security_barrier = true) AS SELECT * FROM rigalpha.training_info;
COMMENT ON VIEW rigalpha_api.training IS 'One row per machine: what scores its readings, and how far its training is';

-- The columns of these views mean what they mean in the relations that they show.
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN
		SELECT v.view, a.attname, pg_catalog.col_description(v.shown, o.attnum) AS text
		FROM (VALUES ('rigalpha_api.models'::regclass, 'rigalpha.models'::regclass),
			('rigalpha_api.training'::regclass, 'rigalpha.training_info'::regclass)) AS v (view, shown)
		JOIN pg_catalog.pg_attribute a ON a.attrelid = v.view AND a.attnum > 0
		JOIN pg_catalog.pg_attribute o ON o.attrelid = v.shown AND o.attname = a.attname
	LOOP
		EXECUTE pg_catalog.format('COMMENT ON COLUMN %s.%I IS %L', c.view, c.attname, c.text);
	END LOOP;
END
$$;
