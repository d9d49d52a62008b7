-- Everything belongs to rigalpha_owner, who cannot log in; functions are closed to the public
-- and then opened to the role that needs them.
DO $$
DECLARE
	member record;
BEGIN
	FOR member IN
		SELECT d.classid, d.objid, c.relkind, c.oid::regclass AS relation, p.oid::regprocedure AS routine
		FROM pg_catalog.pg_depend d
		LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_catalog.pg_class'::regclass AND c.oid = d.objid
		LEFT JOIN pg_catalog.pg_proc p ON d.classid = 'pg_catalog.pg_proc'::regclass AND p.oid = d.objid
		WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.deptype = 'e'
			AND d.refobjid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'rigalpha')
		ORDER BY d.objid
	LOOP
		IF member.relkind IN ('r', 'p') THEN
			EXECUTE pg_catalog.format('ALTER TABLE %s OWNER TO rigalpha_owner', member.relation);
		ELSIF member.relkind = 'v' THEN
			EXECUTE pg_catalog.format('ALTER VIEW %s OWNER TO rigalpha_owner', member.relation);
		ELSIF member.routine IS NOT NULL THEN
			EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO rigalpha_owner', member.routine);
			EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', member.routine);
		END IF;
	END LOOP;
END
$$;

GRANT EXECUTE ON FUNCTION rigalpha.ingest TO rigalpha_ingest, rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.worker_abi, rigalpha.worker_sources, rigalpha.worker_claim, rigalpha.worker_ingest,
	rigalpha.worker_reject, rigalpha.worker_gap, rigalpha.worker_report, rigalpha.maintenance_tick TO rigalpha_worker;

GRANT SELECT ON ALL TABLES IN SCHEMA rigalpha_api TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha_api.readings TO rigalpha_viewer;
GRANT SELECT ON rigalpha.machines, rigalpha.sensors, rigalpha.sensor_aliases, rigalpha.machine_sensors, rigalpha.readings,
	rigalpha.reading_values, rigalpha.machine_state, rigalpha.sensor_state, rigalpha.thresholds, rigalpha.effective_thresholds,
	rigalpha.kafka_status, rigalpha.kafka_gaps TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.status, rigalpha.value, rigalpha.state_name, rigalpha.state_codes, rigalpha.flag_names,
	rigalpha.builtin_sensors, rigalpha.node_is_current, rigalpha.system_identifier, rigalpha.database_oid TO rigalpha_viewer;

-- The login of the sidecar, before it takes a role: how users log in and say who they are. No role that a
-- person may have holds these, since whoever may create sessions may act for anybody.
GRANT EXECUTE ON FUNCTION rigalpha.begin_session, rigalpha.login_lookup, rigalpha.login_failed, rigalpha.login_succeeded,
	rigalpha.create_session, rigalpha.end_session, rigalpha.set_own_password_hash, rigalpha.set_own_totp, rigalpha.confirm_own_totp,
	rigalpha.identity, rigalpha.check_token TO rigalpha_web;
GRANT EXECUTE ON FUNCTION rigalpha.check_token TO rigalpha_ingest;
GRANT EXECUTE ON FUNCTION rigalpha.identity, rigalpha.uid, rigalpha.visible_machines, rigalpha.list_sessions, rigalpha.revoke_session,
	rigalpha.revoke_other_sessions TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.create_first_admin, rigalpha.create_user, rigalpha.change_role, rigalpha.set_machines, rigalpha.set_db_role,
	rigalpha.disable_user, rigalpha.enable_user, rigalpha.set_password_hash, rigalpha.clear_totp, rigalpha.list_users,
	rigalpha.issue_token, rigalpha.revoke_token, rigalpha.list_tokens TO rigalpha_admin;

GRANT SELECT, INSERT, UPDATE ON rigalpha.simulator_control TO rigalpha_simulator;

GRANT SELECT ON rigalpha.simulator_control TO rigalpha_operator;
GRANT SELECT ON rigalpha.dead_letters TO rigalpha_admin;
GRANT SELECT ON rigalpha.node, rigalpha.kafka_sources, rigalpha.kafka_offsets, rigalpha.kafka_workers TO rigalpha_admin;

-- By column: keys come from their sequences (readings of a deleted machine must not get another
-- owner), periods of thresholds and revisions of sources from their triggers.
GRANT INSERT (name, label, sensor_quota), UPDATE (name, label, sensor_quota) ON rigalpha.machines TO rigalpha_admin;
GRANT INSERT (name, label, unit, category, normal_min, normal_max, origin), UPDATE (name, label, unit, category, normal_min, normal_max, origin)
	ON rigalpha.sensors TO rigalpha_admin;
GRANT INSERT (machine_id, sensor_id, lolo, lo, hi, hihi, deadband, on_delay, off_delay), UPDATE (lolo, lo, hi, hihi, deadband, on_delay, off_delay)
	ON rigalpha.thresholds TO rigalpha_admin;
GRANT INSERT (name, brokers, topic, config, workers, paused), UPDATE (name, brokers, topic, config, workers, paused)
	ON rigalpha.kafka_sources TO rigalpha_admin;
GRANT DELETE ON rigalpha.sensors, rigalpha.thresholds, rigalpha.kafka_sources TO rigalpha_admin;
GRANT INSERT, UPDATE, DELETE ON rigalpha.sensor_aliases TO rigalpha_admin;
GRANT UPDATE (display_order) ON rigalpha.machine_sensors TO rigalpha_admin;
GRANT INSERT (name, running, rate, fault, fault_machine), UPDATE (name, running, rate, fault, fault_machine), DELETE
	ON rigalpha.simulator_control TO rigalpha_admin;
GRANT USAGE ON SEQUENCE rigalpha.machines_id_seq, rigalpha.sensors_id_seq, rigalpha.thresholds_id_seq,
	rigalpha.kafka_sources_id_seq TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.setup, rigalpha.adopt, rigalpha.protect_data, rigalpha.set_threshold, rigalpha.create_kafka_source,
	rigalpha.set_source_paused, rigalpha.pause_source, rigalpha.resume_source, rigalpha.drop_source,
	rigalpha.replay_dead_letters, rigalpha.ensure_partitions TO rigalpha_admin;

GRANT SELECT ON rigalpha.models, rigalpha.training_info, rigalpha.current_deployments TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.options, rigalpha.training_settings, rigalpha.training_plan, rigalpha.auto_model,
	rigalpha.may_use_model, rigalpha.model_payload, rigalpha.training_readings, rigalpha.job, rigalpha.cancel_job TO rigalpha_viewer;
GRANT SELECT ON rigalpha.model_registry, rigalpha.model_versions, rigalpha.model_deployments, rigalpha.model_grants, rigalpha.jobs TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.train, rigalpha.train_async, rigalpha.deploy, rigalpha.undeploy, rigalpha.rollback_model, rigalpha.drop_model,
	rigalpha.export_model, rigalpha.import_model, rigalpha.model_header, rigalpha.grant_model, rigalpha.revoke_model TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.training_tick, rigalpha.watch_machines TO rigalpha_worker;
GRANT SELECT ON rigalpha.incidents TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.score, rigalpha.score_json, rigalpha.score_detail, rigalpha.score_window, rigalpha.lstm_score,
	rigalpha.explain, rigalpha.detect, rigalpha.incidents TO rigalpha_viewer;

GRANT SELECT ON rigalpha.audit_log, rigalpha.audit_export, rigalpha.audit_links, rigalpha.audit_entries, rigalpha.audit_chains TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.audit_verify, rigalpha.audit_decode, rigalpha.audit_row_image, rigalpha.audit_reconcile, rigalpha.audit_enable, rigalpha.audit_baseline, rigalpha.audit_row,
	rigalpha.audit_truncate TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.audit_note TO rigalpha_operator;

GRANT EXECUTE ON FUNCTION rigalpha.worker_next_checkpoint, rigalpha.worker_checkpoint_exported TO rigalpha_worker;

-- The signer acts without a session: it learns hashes and how many entries there are.
GRANT EXECUTE ON FUNCTION rigalpha.audit_integrate, rigalpha.audit_checkpoint_proposal, rigalpha.audit_store_checkpoint TO rigalpha_web;
GRANT EXECUTE ON FUNCTION rigalpha.audit_tick TO rigalpha_worker;
GRANT SELECT ON rigalpha.audit_checkpoints, rigalpha.audit_tree, rigalpha.audit_nodes, rigalpha.audit_guards TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha.audit_integrate, rigalpha.audit_root, rigalpha.audit_inclusion, rigalpha.audit_consistency, rigalpha.audit_prove,
	rigalpha.audit_guard, rigalpha.audit_check_guard, rigalpha.audit_head TO rigalpha_admin;

GRANT EXECUTE ON FUNCTION rigalpha_api.sessions, rigalpha_api.csv_cell, rigalpha_api.readings_csv, rigalpha_api.audit_checkpoint TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.require_admin, rigalpha_api.check_document, rigalpha_api.known_machines, rigalpha_api.users, rigalpha_api.create_user,
	rigalpha_api.change_user, rigalpha_api.tokens, rigalpha_api.issue_token, rigalpha_api.audit, rigalpha_api.audit_anchor,
	rigalpha_api.audit_verification TO rigalpha_admin;

-- The sidecar takes the role of each user for one transaction.
GRANT EXECUTE ON FUNCTION rigalpha.readiness TO rigalpha_web;
GRANT EXECUTE ON FUNCTION rigalpha_api.me TO rigalpha_viewer;

-- Devices. What is logged of a statement must not hold the parameters of the sidecar: tokens of devices and of sessions are among them.
GRANT EXECUTE ON FUNCTION rigalpha.note_refusal TO rigalpha_web;
ALTER ROLE rigalpha_web SET log_parameter_max_length = 0;
ALTER ROLE rigalpha_web SET log_parameter_max_length_on_error = 0;

-- Row security: what policies call, and the columns behind the views, which are read with the rights of the caller. The
-- bytes of a dead letter may hold readings of other machines, and those of a model are for who may use it.
GRANT EXECUTE ON FUNCTION rigalpha.is_user, rigalpha.is_admin_user, rigalpha.visible_machine_names, rigalpha.readiness TO rigalpha_viewer;
GRANT SELECT (id, received_at, source, "partition", "offset", message_time, reading_index, machine, field, reason, detail, payload_id,
	payload_size, replayed_at) ON rigalpha.dead_letters TO rigalpha_viewer;
GRANT SELECT (id, machine, state, phase, progress) ON rigalpha.jobs TO rigalpha_viewer;
GRANT SELECT (id, model, version, algorithm, machine, status, feature_names, options, source_rows, data_from, data_to, metrics, payload_size,
	created_by, created_at) ON rigalpha.model_versions TO rigalpha_viewer;
GRANT SELECT ON rigalpha.model_registry, rigalpha.model_deployments TO rigalpha_viewer;
GRANT SELECT (epoch) ON rigalpha.node TO rigalpha_viewer;
GRANT SELECT (id, name, brokers, topic, workers, paused) ON rigalpha.kafka_sources TO rigalpha_viewer;
GRANT SELECT ON rigalpha.kafka_workers, rigalpha.kafka_offsets TO rigalpha_viewer;

-- What goes from the audit log goes by these, which ask for an admin themselves.
GRANT EXECUTE ON FUNCTION rigalpha.audit_segment, rigalpha.audit_segment_hash, rigalpha.audit_prune, rigalpha.audit_redact TO rigalpha_admin;

-- Alarms.
GRANT SELECT ON rigalpha.alarms, rigalpha.alarm_events, rigalpha.alarm_suppressions, rigalpha.effective_alarm_events TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.priority_rank, rigalpha.limit_priority, rigalpha.threshold_what_if, rigalpha.limit_episodes,
	rigalpha.default_alarm_suppressions TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha.ack_alarm, rigalpha.clear_alarm, rigalpha.reopen_alarm, rigalpha.shelve_alarm, rigalpha.unshelve_alarm
	TO rigalpha_operator;
GRANT INSERT (state, category, sensor_id), UPDATE (state, category, sensor_id), DELETE ON rigalpha.alarm_suppressions TO rigalpha_admin;
GRANT USAGE ON SEQUENCE rigalpha.alarm_suppressions_id_seq TO rigalpha_admin;
GRANT EXECUTE ON FUNCTION rigalpha_api.alarm_page, rigalpha_api.thresholds TO rigalpha_viewer;
GRANT EXECUTE ON FUNCTION rigalpha_api.act_on_alarm, rigalpha_api.check_document TO rigalpha_operator;
GRANT EXECUTE ON FUNCTION rigalpha_api.put_threshold, rigalpha_api.delete_threshold TO rigalpha_admin;
