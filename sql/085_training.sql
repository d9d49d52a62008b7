-- Training. The functions in C read the source with the rights of who calls them, and store what
-- came of it as the owner, who alone may write the tables of 055_models.sql.
CREATE FUNCTION rigalpha.train(model name, source text, algorithm text DEFAULT 'hybrid', machine text DEFAULT NULL,
	options jsonb DEFAULT '{}', seed bigint DEFAULT 42, deploy boolean DEFAULT true)
	RETURNS TABLE (model name, version integer, status text, rows_used bigint, train_ms float8, metrics jsonb)
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_train';
COMMENT ON FUNCTION rigalpha.train(name, text, text, text, jsonb, bigint, boolean)
	IS 'Trains a version of a model on a view or SELECT with machine, ts and sensors (jsonb) or numeric columns; see options()';

CREATE FUNCTION rigalpha.train_async(model name, source text, algorithm text DEFAULT 'hybrid', machine text DEFAULT NULL,
	options jsonb DEFAULT '{}', seed bigint DEFAULT 42, deploy boolean DEFAULT true) RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_train_async';
COMMENT ON FUNCTION rigalpha.train_async(name, text, text, text, jsonb, bigint, boolean)
	IS 'train() in a background worker, with the rights of the role that asks, once its transaction has committed; returns the job';

CREATE FUNCTION rigalpha.options(algorithm text DEFAULT 'hybrid')
	RETURNS TABLE (name text, type text, minimum float8, maximum float8, default_value text, description text)
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_options';
COMMENT ON FUNCTION rigalpha.options(text) IS 'Options that train() takes for an algorithm: iforest, pca, lstm_ae or hybrid';

CREATE FUNCTION rigalpha.training_settings(OUT auto_train boolean, OUT auto_train_readings integer, OUT training_workers integer,
	OUT retrain_interval interval)
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_training_settings';
COMMENT ON FUNCTION rigalpha.training_settings() IS 'Settings of automatic training';

CREATE FUNCTION rigalpha.asking_role() RETURNS oid
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_asking_role';
COMMENT ON FUNCTION rigalpha.asking_role() IS 'Role of the session: that of SET ROLE, else the login; not that of a function that runs with the rights of its owner';

CREATE FUNCTION rigalpha.model_header(payload bytea, OUT algorithm text, OUT seed bigint, OUT usable boolean,
	OUT feature_names text[], OUT feature_hash bigint, OUT payload_crc bigint)
	LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'rig_model_header';
COMMENT ON FUNCTION rigalpha.model_header(bytea) IS 'What a payload holds; an error unless it is a sound model';

CREATE FUNCTION rigalpha.remove_version(id integer) RETURNS void
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS 'MODULE_PATHNAME', 'rig_remove_version';
COMMENT ON FUNCTION rigalpha.remove_version(integer) IS 'Deletes a row of model_versions; see drop_model()';

CREATE FUNCTION rigalpha.may_use_model(model name) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT NOT EXISTS (SELECT FROM rigalpha.model_registry r WHERE r.model = may_use_model.model AND r.restricted)
		-- One that is not there for the caller is answered for as any that is not there.
		OR NOT EXISTS (SELECT FROM rigalpha.model_versions v WHERE v.model = may_use_model.model AND rigalpha.may_read_machine(v.machine))
		OR pg_has_role(rigalpha.asking_role(), 'rigalpha_admin', 'USAGE')
		OR EXISTS (SELECT FROM rigalpha.model_grants g JOIN pg_roles r ON r.rolname = g.role
			WHERE g.model = may_use_model.model AND pg_has_role(rigalpha.asking_role(), r.oid, 'USAGE'))
	$$;
COMMENT ON FUNCTION rigalpha.may_use_model(name) IS 'True when the role of the session may score with a model; see grant_model()';

CREATE VIEW rigalpha.current_deployments WITH (security_invoker = true, security_barrier = true) AS
	SELECT d.id, d.model, d.version, d.machine, d.deployed_by, d.deployed_at, v.id AS version_id
	FROM (SELECT DISTINCT ON (h.model, h.machine) h.* FROM rigalpha.model_deployments h ORDER BY h.model, h.machine, h.id DESC) d
	JOIN rigalpha.model_versions v ON v.model = d.model AND v.version = d.version;
COMMENT ON VIEW rigalpha.current_deployments IS 'Deployments that apply: the latest of each model and machine, unless it was undeployed';
COMMENT ON COLUMN rigalpha.current_deployments.id IS 'Deployment; a larger one is later';
COMMENT ON COLUMN rigalpha.current_deployments.model IS 'Name of the model';
COMMENT ON COLUMN rigalpha.current_deployments.version IS 'Version';
COMMENT ON COLUMN rigalpha.current_deployments.machine IS 'Machine; null = every machine that has the sensors of the model';
COMMENT ON COLUMN rigalpha.current_deployments.deployed_by IS 'Login that deployed it';
COMMENT ON COLUMN rigalpha.current_deployments.deployed_at IS 'When';
COMMENT ON COLUMN rigalpha.current_deployments.version_id IS 'Key of the version in model_versions';

-- The key alone: a row would carry the payload along.
CREATE FUNCTION rigalpha.find_version(model name, version integer) RETURNS integer
	LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	wanted integer := version;
	result integer;
BEGIN
	IF NOT EXISTS (SELECT FROM rigalpha.model_versions v WHERE v.model = find_version.model) THEN
		RAISE EXCEPTION 'model "%" does not exist', model USING ERRCODE = 'undefined_object';
	END IF;
	IF wanted IS NULL THEN
		SELECT d.version INTO wanted FROM rigalpha.current_deployments d WHERE d.model = find_version.model ORDER BY d.id DESC LIMIT 1;
		IF wanted IS NULL THEN
			RAISE EXCEPTION 'model "%" has no deployed version', model
				USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Run SELECT rigalpha.deploy(model, version).';
		END IF;
	END IF;
	SELECT v.id INTO result FROM rigalpha.model_versions v WHERE v.model = find_version.model AND v.version = wanted;
	IF result IS NULL THEN
		RAISE EXCEPTION 'version % of model "%" does not exist', wanted, model USING ERRCODE = 'undefined_object';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.find_version(name, integer)
	IS 'Key of a version of a model, by default of the one deployed last; an error when there is none';

CREATE FUNCTION rigalpha.usable_version(model name, version integer) RETURNS integer
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	result integer;
BEGIN
	-- What a model learnt of a machine is of that machine: for whoever may not see it, the model is not there.
	IF NOT EXISTS (SELECT FROM rigalpha.model_versions v WHERE v.model = usable_version.model AND rigalpha.may_read_machine(v.machine)) THEN
		RAISE EXCEPTION 'model "%" does not exist', model USING ERRCODE = 'undefined_object';
	END IF;
	result := rigalpha.find_version(model, version);
	IF NOT rigalpha.may_read_machine((SELECT v.machine FROM rigalpha.model_versions v WHERE v.id = result)) THEN
		RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = CASE WHEN version IS NULL THEN format('model "%s" has no version that you may use', model)
			ELSE format('version %s of model "%s" does not exist', version, model) END;
	END IF;
	IF NOT rigalpha.may_use_model(model) THEN
		RAISE EXCEPTION 'permission denied for model "%"', model
			USING ERRCODE = 'insufficient_privilege', HINT = 'An admin can grant it: SELECT rigalpha.grant_model(model, role).';
	END IF;
	RETURN result;
END
$$;
COMMENT ON FUNCTION rigalpha.usable_version(name, integer)
	IS 'Key of a version that the role of the session may score with, by default of the one deployed last; else an error';

CREATE FUNCTION rigalpha.model_payload(model text, version integer DEFAULT NULL)
	RETURNS TABLE (id integer, version integer, payload bytea)
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT v.id, v.version, v.payload FROM rigalpha.model_versions v
	WHERE v.id = (SELECT rigalpha.usable_version(model_payload.model::name, model_payload.version))
	$$;
COMMENT ON FUNCTION rigalpha.model_payload(text, integer) IS 'The model behind the scoring functions: a version, by default the one deployed last';

-- A fleet model scores a machine only when it knows at least half of the machine's sensors, and
-- finds at least half of its own: with fewer it could never give a score.
CREATE FUNCTION rigalpha.ingest_models() RETURNS TABLE (machine_id integer, version_id integer)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	WITH own AS (
		SELECT DISTINCT ON (m.id) m.id AS machine_id, d.version_id
		FROM rigalpha.current_deployments d JOIN rigalpha.machines m ON m.name = d.machine
		ORDER BY m.id, d.id DESC),
	shared AS (
		SELECT d.id, d.version_id, ms.machine_id, count(*) AS sensors, cardinality(v.feature_names) AS features
		FROM rigalpha.current_deployments d
		JOIN rigalpha.model_versions v ON v.id = d.version_id
		CROSS JOIN LATERAL unnest(v.feature_names) AS f (name)
		JOIN rigalpha.sensors s ON s.name = f.name
		JOIN rigalpha.machine_sensors ms ON ms.sensor_id = s.id
		WHERE d.machine IS NULL AND NOT EXISTS (SELECT FROM own o WHERE o.machine_id = ms.machine_id)
		GROUP BY d.id, d.version_id, ms.machine_id, cardinality(v.feature_names))
	SELECT o.machine_id, o.version_id FROM own o
	UNION ALL
	(SELECT DISTINCT ON (sh.machine_id) sh.machine_id, sh.version_id
		FROM shared sh
		WHERE 2 * sh.sensors >= sh.features
			AND 2 * sh.sensors >= (SELECT count(*) FROM rigalpha.machine_sensors ms WHERE ms.machine_id = sh.machine_id)
		ORDER BY sh.machine_id, sh.id DESC)
	$$;
COMMENT ON FUNCTION rigalpha.ingest_models()
	IS 'Version that scores each machine when readings arrive: the latest deployed for it, else the latest fleet model that has its sensors';

CREATE FUNCTION rigalpha.deploy_version(model name, version integer, machine text) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target record;
BEGIN
	IF version IS NULL THEN
		RAISE EXCEPTION 'version must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	PERFORM FROM rigalpha.model_registry r WHERE r.model = deploy_version.model FOR UPDATE;
	SELECT v.status, v.machine INTO target FROM rigalpha.model_versions v WHERE v.id = rigalpha.find_version(deploy_version.model, deploy_version.version);
	IF target.status <> 'ready' THEN
		RAISE EXCEPTION 'version % of model "%" is %', version, model, target.status
			USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Only a version that is ready can be deployed.';
	END IF;
	INSERT INTO rigalpha.model_deployments (model, version, machine)
		VALUES (deploy_version.model, deploy_version.version, coalesce(deploy_version.machine, target.machine));
END
$$;
COMMENT ON FUNCTION rigalpha.deploy_version(name, integer, text) IS 'deploy() for a job, whose asker was let in before';

CREATE FUNCTION rigalpha.deploy(model name, version integer, machine text DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM rigalpha.deploy_version(model, version, machine);
END
$$;
COMMENT ON FUNCTION rigalpha.deploy(name, integer, text)
	IS 'Makes a version the one that scores: for the machine that is given, else the one it was trained for, else the fleet';

CREATE FUNCTION rigalpha.undeploy(model name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM FROM rigalpha.model_registry r WHERE r.model = undeploy.model FOR UPDATE;
	PERFORM rigalpha.find_version(model, NULL);
	INSERT INTO rigalpha.model_deployments (model, version, machine)
		SELECT d.model, NULL, d.machine FROM rigalpha.current_deployments d WHERE d.model = undeploy.model ORDER BY d.id;
END
$$;
COMMENT ON FUNCTION rigalpha.undeploy(name) IS 'Ends every deployment of a model; its versions stay';

CREATE FUNCTION rigalpha.rollback_model(model name) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	latest rigalpha.model_deployments;
	former rigalpha.model_deployments;
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM FROM rigalpha.model_registry r WHERE r.model = rollback_model.model FOR UPDATE;
	IF NOT EXISTS (SELECT FROM rigalpha.model_versions v WHERE v.model = rollback_model.model) THEN
		RAISE EXCEPTION 'model "%" does not exist', model USING ERRCODE = 'undefined_object';
	END IF;
	SELECT d.* INTO latest FROM rigalpha.model_deployments d WHERE d.model = rollback_model.model ORDER BY d.id DESC LIMIT 1;
	-- Behind the deployment that an earlier rollback went back to, so that a second one goes further.
	SELECT d.* INTO former
		FROM rigalpha.model_deployments d
		JOIN rigalpha.model_versions v ON v.model = d.model AND v.version = d.version AND v.status = 'ready'
		WHERE d.model = rollback_model.model AND d.machine IS NOT DISTINCT FROM latest.machine
			AND d.id < coalesce(latest.reinstates, latest.id) AND d.version IS DISTINCT FROM latest.version
		ORDER BY d.id DESC LIMIT 1;
	IF former.id IS NULL THEN
		RAISE EXCEPTION 'model "%" has no earlier deployment', model USING ERRCODE = 'object_not_in_prerequisite_state';
	END IF;
	INSERT INTO rigalpha.model_deployments (model, version, machine, reinstates)
		VALUES (former.model, former.version, former.machine, coalesce(former.reinstates, former.id));
	RETURN former.version;
END
$$;
COMMENT ON FUNCTION rigalpha.rollback_model(name) IS 'Deploys the version that was deployed before, and returns it; repeated, it goes further back';

CREATE FUNCTION rigalpha.drop_model(model name, version integer DEFAULT NULL) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	PERFORM FROM rigalpha.model_registry r WHERE r.model = drop_model.model FOR UPDATE;
	IF NOT EXISTS (SELECT FROM rigalpha.model_versions v WHERE v.model = drop_model.model) THEN
		RAISE EXCEPTION 'model "%" does not exist', model USING ERRCODE = 'undefined_object';
	END IF;
	IF version IS NOT NULL THEN
		IF EXISTS (SELECT FROM rigalpha.current_deployments d WHERE d.model = drop_model.model AND d.version = drop_model.version) THEN
			RAISE EXCEPTION 'version % of model "%" is deployed', version, model
				USING ERRCODE = 'object_in_use', HINT = 'Deploy another version, or undeploy the model, first.';
		END IF;
		PERFORM rigalpha.remove_version(rigalpha.find_version(model, version));
		RETURN;
	END IF;
	INSERT INTO rigalpha.model_deployments (model, version, machine)
		SELECT d.model, NULL, d.machine FROM rigalpha.current_deployments d WHERE d.model = drop_model.model ORDER BY d.id;
	DELETE FROM rigalpha.model_grants g WHERE g.model = drop_model.model;
	UPDATE rigalpha.model_registry r SET restricted = false WHERE r.model = drop_model.model;
	PERFORM rigalpha.remove_version(v.id) FROM rigalpha.model_versions v WHERE v.model = drop_model.model;
END
$$;
COMMENT ON FUNCTION rigalpha.drop_model(name, integer)
	IS 'Removes one version that is not deployed, or a model with all versions and grants; numbers are not used again, scores stay';

CREATE FUNCTION rigalpha.grant_model(model name, role name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	IF NOT EXISTS (SELECT FROM rigalpha.model_versions v WHERE v.model = grant_model.model) THEN
		RAISE EXCEPTION 'model "%" does not exist', model USING ERRCODE = 'undefined_object';
	END IF;
	IF role = 'public' THEN
		DELETE FROM rigalpha.model_grants g WHERE g.model = grant_model.model;
		UPDATE rigalpha.model_registry r SET restricted = false WHERE r.model = grant_model.model;
		RETURN;
	END IF;
	IF role IS NULL OR NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
		RAISE EXCEPTION 'role "%" does not exist', role USING ERRCODE = 'undefined_object';
	END IF;
	UPDATE rigalpha.model_registry r SET restricted = true WHERE r.model = grant_model.model;
	INSERT INTO rigalpha.model_grants (model, role) VALUES (grant_model.model, grant_model.role)
		ON CONFLICT ON CONSTRAINT model_grants_pkey DO NOTHING;
END
$$;
COMMENT ON FUNCTION rigalpha.grant_model(name, name)
	IS 'Restricts the use of a model to the roles it is granted to, and rigalpha_admin; role public opens it to all again';

CREATE FUNCTION rigalpha.revoke_model(model name, role name) RETURNS void
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	DELETE FROM rigalpha.model_grants g WHERE g.model = revoke_model.model AND g.role = revoke_model.role;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'model "%" is not granted to role "%"', model, role USING ERRCODE = 'undefined_object';
	END IF;
END
$$;
COMMENT ON FUNCTION rigalpha.revoke_model(name, name) IS 'Takes a grant back; the model stays restricted, also without any grant';

-- The only way into model_versions.
CREATE FUNCTION rigalpha.store_model(model name, machine text, payload bytea, options jsonb, source_text text, source_rows bigint,
	data_from timestamptz, data_to timestamptz, metrics jsonb, isa text, deploy boolean)
	RETURNS TABLE (version integer, status text)
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
#variable_conflict use_column
DECLARE
	header record;
BEGIN
	IF coalesce(store_model.model, '') = '' THEN
		RAISE EXCEPTION 'a model needs a name' USING ERRCODE = 'invalid_parameter_value';
	END IF;
	SELECT * INTO header FROM rigalpha.model_header(store_model.payload);
	INSERT INTO rigalpha.model_registry AS r (model, last_version) VALUES (store_model.model, 1)
		ON CONFLICT ON CONSTRAINT model_registry_pkey DO UPDATE SET last_version = r.last_version + 1
		RETURNING r.last_version INTO store_model.version;
	store_model.status := CASE WHEN header.usable THEN 'ready' ELSE 'unusable' END;
	INSERT INTO rigalpha.model_versions (model, version, algorithm, machine, status, feature_names, feature_hash, options, seed,
			source_text, source_rows, data_from, data_to, metrics, payload, payload_crc, isa, ext_version)
		VALUES (store_model.model, store_model.version, header.algorithm, store_model.machine, store_model.status,
			header.feature_names, header.feature_hash, store_model.options, header.seed, store_model.source_text,
			store_model.source_rows, store_model.data_from, store_model.data_to, store_model.metrics, store_model.payload,
			header.payload_crc, store_model.isa, (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'rigalpha'));
	IF store_model.deploy AND header.usable THEN
		PERFORM rigalpha.deploy_version(store_model.model, store_model.version, NULL);
	END IF;
	RETURN NEXT;
END
$$;
COMMENT ON FUNCTION rigalpha.store_model(name, text, bytea, jsonb, text, bigint, timestamptz, timestamptz, jsonb, text, boolean)
	IS 'Checks a payload and makes it the next version of a model; for train() and import_model()';

CREATE FUNCTION rigalpha.export_model(model name, version integer DEFAULT NULL) RETURNS bytea
	LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
BEGIN
	PERFORM rigalpha.require_admin();
	RETURN (SELECT v.payload FROM rigalpha.model_versions v WHERE v.id = rigalpha.find_version(export_model.model, export_model.version));
END
$$;
COMMENT ON FUNCTION rigalpha.export_model(name, integer) IS 'A version as bytes for import_model(), by default the one deployed last';

CREATE FUNCTION rigalpha.import_model(model name, payload bytea, deploy boolean DEFAULT false) RETURNS integer
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	stored record;
BEGIN
	PERFORM rigalpha.require_admin();
	IF payload IS NULL THEN
		RAISE EXCEPTION 'payload must not be null' USING ERRCODE = 'null_value_not_allowed';
	END IF;
	SELECT * INTO stored FROM rigalpha.store_model(model, NULL, payload, '{}', NULL, NULL, NULL, NULL, '{}', NULL, deploy);
	RETURN stored.version;
END
$$;
COMMENT ON FUNCTION rigalpha.import_model(name, bytea, boolean)
	IS 'Makes what export_model() gave the next version of a model, and returns its number; anything else is an error';

-- Key of the advisory lock that the process of a job holds as long as it lives.
CREATE FUNCTION rigalpha.job_process(id bigint) RETURNS integer
	LANGUAGE sql VOLATILE STRICT PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT l.pid FROM pg_locks l
	WHERE l.locktype = 'advisory' AND l.database = rigalpha.database_oid() AND l.objsubid = 2 AND l.granted
		AND l.classid = 1380010562 AND l.objid::bigint = job_process.id & 2147483647
	$$;
COMMENT ON FUNCTION rigalpha.job_process(bigint) IS 'Process that works on a job now; null = none';

CREATE FUNCTION rigalpha.signal_job(process integer) RETURNS boolean
	LANGUAGE c VOLATILE STRICT PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'rig_signal_job';
COMMENT ON FUNCTION rigalpha.signal_job(integer) IS 'Interrupts the process of a job; see cancel_job()';

-- All users of the sidecar share its login.
CREATE FUNCTION rigalpha.owns_job(requested_by name) RETURNS boolean
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT requested_by = session_user AND session_user <> 'rigalpha_web' OR rigalpha.is_admin() $$;
COMMENT ON FUNCTION rigalpha.owns_job(name) IS 'True for the login that asked for a job, and for admins';

CREATE FUNCTION rigalpha.job(id bigint)
	RETURNS TABLE (id bigint, model name, algorithm text, machine text, state text, phase text, progress float8, version integer,
		message text, requested_by name, acting_role name, created_at timestamptz, started_at timestamptz, finished_at timestamptz)
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	-- Messages may quote values of the source.
	SELECT j.id, j.model, j.algorithm, j.machine, j.state, j.phase, j.progress, j.version,
		CASE WHEN rigalpha.owns_job(j.requested_by) THEN j.message END,
		j.requested_by, j.acting_role, j.created_at, j.started_at, j.finished_at
	FROM rigalpha.jobs j
	WHERE j.id = job.id AND (rigalpha.owns_job(j.requested_by) OR j.machine IS NOT NULL AND rigalpha.may_read_machine(j.machine))
	$$;
COMMENT ON FUNCTION rigalpha.job(bigint) IS 'State of a training job: queued, running, done, failed or cancelled, with phase and progress';

CREATE FUNCTION rigalpha.cancel_job(id bigint) RETURNS boolean
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	target rigalpha.jobs;
BEGIN
	SELECT j.* INTO target FROM rigalpha.jobs j WHERE j.id = cancel_job.id FOR UPDATE;
	IF target.id IS NULL
		OR NOT (rigalpha.owns_job(target.requested_by) OR target.machine IS NOT NULL AND rigalpha.may_read_machine(target.machine)) THEN
		RAISE EXCEPTION 'job % does not exist', id USING ERRCODE = 'undefined_object';
	END IF;
	IF NOT rigalpha.owns_job(target.requested_by) THEN
		RAISE EXCEPTION 'permission denied for job %', id
			USING ERRCODE = 'insufficient_privilege', HINT = 'Who asked for it, or an admin, may cancel it.';
	END IF;
	IF target.state NOT IN ('queued', 'running') THEN
		RETURN false;
	END IF;
	-- A job that has not begun finds this when it does.
	UPDATE rigalpha.jobs j SET cancel_requested = true,
			state = CASE j.state WHEN 'queued' THEN 'cancelled' ELSE j.state END,
			message = CASE j.state WHEN 'queued' THEN 'the job was cancelled' END,
			finished_at = CASE j.state WHEN 'queued' THEN clock_timestamp() END
		WHERE j.id = cancel_job.id;
	IF target.state = 'running' THEN
		PERFORM rigalpha.signal_job(rigalpha.job_process(id));
	END IF;
	RETURN true;
END
$$;
COMMENT ON FUNCTION rigalpha.cancel_job(bigint) IS 'Ends a training job, for who asked for it and for admins; false = it had ended';

-- Automatic training: every machine gets a model of its own.
CREATE FUNCTION rigalpha.auto_model(machine text) RETURNS name
	LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT ('auto.' || CASE WHEN octet_length(machine) <= 58 THEN machine ELSE md5(machine) END)::name $$;
COMMENT ON FUNCTION rigalpha.auto_model(text) IS 'Name of the model that is trained automatically for a machine; a long machine name is hashed';

CREATE FUNCTION rigalpha.training_readings(machine text, max_rows integer DEFAULT 50000)
	RETURNS TABLE (machine_id integer, ts timestamptz, state smallint, sensor_values float8[])
	LANGUAGE sql STABLE PARALLEL RESTRICTED
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT r.machine_id, r.ts, r.state, r.sensor_values
	FROM rigalpha.readings r
	WHERE r.machine_id = (SELECT m.id FROM rigalpha.machines m WHERE m.name = training_readings.machine)
		AND NOT EXISTS (SELECT FROM rigalpha.incidents i
			WHERE i.machine_id = r.machine_id AND i.kind IN ('anomaly', 'stuck') AND r.ts BETWEEN i.started AND coalesce(i.ended, 'infinity'))
	ORDER BY r.ts DESC LIMIT max_rows
	$$;
COMMENT ON FUNCTION rigalpha.training_readings(text, integer) IS 'The newest readings of a machine outside of incidents: what automatic training learns from';

-- One row per machine: what scores it, and whether training is due. Growth is judged by the
-- counter of machine_state: counting readings every few seconds would cost too much.
CREATE FUNCTION rigalpha.fleet_training_plan()
	RETURNS TABLE (machine_id integer, machine text, readings bigint, version_id integer, job_id bigint, due boolean,
		blocked text, next_training_at timestamptz, failure text)
	LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
	SELECT m.id, m.name, st.readings, v.id, coalesce(busy.id, last.id),
		CASE
			WHEN busy.id IS NOT NULL OR backoff.until > now() THEN false
			WHEN v.id IS NULL THEN NOT auto.declined AND st.readings >= s.auto_train_readings
			WHEN v.model <> auto.model THEN false
			WHEN v.source_rows < 50000 THEN st.readings >= 2 * coalesce(done.readings, v.source_rows)
			ELSE s.retrain_interval > interval '0' AND v.created_at + s.retrain_interval <= now()
		END,
		CASE
			WHEN busy.id IS NOT NULL THEN 'busy'
			WHEN NOT s.auto_train THEN 'off'
			WHEN v.id IS NULL AND auto.declined THEN 'undeployed'
			WHEN backoff.until > now() THEN 'backoff'
		END,
		CASE
			WHEN NOT s.auto_train OR busy.id IS NOT NULL THEN NULL
			WHEN v.id IS NULL AND auto.declined OR v.model <> auto.model THEN NULL
			WHEN backoff.until > now() THEN backoff.until
			WHEN v.source_rows >= 50000 AND s.retrain_interval > interval '0' THEN greatest(v.created_at + s.retrain_interval, now())
		END,
		-- Of an automatic training only, which reads nothing but its machine: the messages of others may quote what their source read.
		CASE WHEN backoff.until > now() THEN format('training %s: %s', last.state, last.message) END
	FROM rigalpha.training_settings() s
	CROSS JOIN rigalpha.machines m
	JOIN rigalpha.machine_state st ON st.machine_id = m.id
	LEFT JOIN rigalpha.ingest_models() im ON im.machine_id = m.id
	LEFT JOIN rigalpha.model_versions v ON v.id = im.version_id
	CROSS JOIN LATERAL (
		SELECT n.model, EXISTS (SELECT FROM rigalpha.model_versions x WHERE x.model = n.model) AS declined
		FROM (SELECT rigalpha.auto_model(m.name) AS model) n) auto
	LEFT JOIN LATERAL (SELECT j.id FROM rigalpha.jobs j WHERE j.state IN ('queued', 'running') AND j.machine = m.name ORDER BY j.id DESC LIMIT 1) busy ON true
	LEFT JOIN LATERAL (SELECT j.* FROM rigalpha.jobs j WHERE j.automatic AND j.machine = m.name ORDER BY j.id DESC LIMIT 1) last ON true
	LEFT JOIN LATERAL (SELECT j.readings FROM rigalpha.jobs j WHERE j.automatic AND j.machine = m.name AND j.state = 'done'
		ORDER BY j.id DESC LIMIT 1) done ON true
	CROSS JOIN LATERAL (SELECT CASE WHEN last.state IN ('failed', 'cancelled') THEN last.finished_at + interval '1 h' END AS until) backoff
	$$;
COMMENT ON FUNCTION rigalpha.fleet_training_plan() IS 'training_plan() of every machine, for the clock of the worker';

CREATE FUNCTION rigalpha.training_plan()
	RETURNS TABLE (machine_id integer, machine text, readings bigint, version_id integer, job_id bigint, due boolean,
		blocked text, next_training_at timestamptz, failure text)
	LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$ SELECT p.* FROM rigalpha.fleet_training_plan() p WHERE p.machine_id = ANY ((SELECT rigalpha.readable_machines())::integer[]) $$;
COMMENT ON FUNCTION rigalpha.training_plan() IS 'What scores each machine, and whether its automatic training is due; see training_info';

CREATE FUNCTION rigalpha.training_tick() RETURNS bigint
	LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SECURITY DEFINER
	SET search_path = pg_catalog, pg_temp
	AS $$
DECLARE
	settings record;
	target record;
	job bigint;
BEGIN
	IF pg_is_in_recovery() OR NOT rigalpha.node_is_current() THEN
		RETURN NULL;
	END IF;
	-- A process that was just registered has not taken its lock yet.
	UPDATE rigalpha.jobs j
		SET state = 'failed', message = 'the process of the job ended unexpectedly', finished_at = clock_timestamp()
		WHERE j.state IN ('queued', 'running') AND (j.state = 'running' OR j.created_at < clock_timestamp() - interval '1 min')
			AND rigalpha.job_process(j.id) IS NULL;
	SELECT * INTO settings FROM rigalpha.training_settings();
	IF NOT settings.auto_train
		OR (SELECT count(*) FROM rigalpha.jobs j WHERE j.state IN ('queued', 'running') AND j.automatic) >= settings.training_workers THEN
		RETURN NULL;
	END IF;
	-- Machines without a model first, then the oldest model.
	SELECT p.machine, p.readings INTO target
		FROM rigalpha.fleet_training_plan() p LEFT JOIN rigalpha.model_versions v ON v.id = p.version_id
		WHERE p.due ORDER BY v.created_at NULLS FIRST, p.machine_id LIMIT 1;
	IF target.machine IS NULL THEN
		RETURN NULL;
	END IF;
	BEGIN
		job := rigalpha.train_async(rigalpha.auto_model(target.machine),
			format('SELECT * FROM rigalpha.training_readings(%L)', target.machine), 'hybrid', target.machine);
		UPDATE rigalpha.jobs j SET automatic = true, readings = target.readings WHERE j.id = job;
	EXCEPTION WHEN configuration_limit_exceeded THEN
		-- No free process: there may be one at the next tick.
		job := NULL;
	END;
	RETURN job;
END
$$;
COMMENT ON FUNCTION rigalpha.training_tick()
	IS 'Clock of the background worker, every few seconds: gives up jobs whose process is gone, and starts an automatic training that is due';
