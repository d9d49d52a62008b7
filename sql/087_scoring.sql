-- Scores are STABLE, because the name of a model stands for the version that is deployed.
CREATE FUNCTION rigalpha.score(model name, sensors float8[]) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_score';
COMMENT ON FUNCTION rigalpha.score(name, float8[]) IS 'Risk 0..1 of one reading by itself, values in the order of the model''s features; null = not scorable';

CREATE FUNCTION rigalpha.score_json(model name, sensors jsonb) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_score_json';
COMMENT ON FUNCTION rigalpha.score_json(name, jsonb) IS 'Risk 0..1 of one reading by itself, values by sensor name; null = not scorable';

CREATE FUNCTION rigalpha.score_detail(model name, sensors jsonb, version integer DEFAULT NULL,
	OUT risk float8, OUT p_value float8, OUT is_anomaly boolean, OUT if_score float8, OUT pca_t2 float8, OUT pca_q float8,
	OUT max_z float8, OUT missing_fraction real, OUT warmup boolean, OUT model_version integer)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_score_detail';
COMMENT ON FUNCTION rigalpha.score_detail(name, jsonb, integer)
	IS 'Risk of one reading with the p-value and what each detector says; version null = the deployed one';

CREATE FUNCTION rigalpha.score_window(model name, win float8[]) RETURNS float8
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_score_window';
COMMENT ON FUNCTION rigalpha.score_window(name, float8[])
	IS 'Risk 0..1 of the last of 20 consecutive readings by all detectors; the readings oldest first, flat or one per row';

CREATE FUNCTION rigalpha.lstm_score(model name, sensors float8[]) RETURNS float8
	LANGUAGE c STABLE WINDOW PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'rig_lstm_score';
COMMENT ON FUNCTION rigalpha.lstm_score(name, float8[])
	IS 'Window function: risk 0..1 by the LSTM autoencoder alone, OVER (PARTITION BY machine ORDER BY ts); null for the first 19 rows';

CREATE FUNCTION rigalpha.explain(model name, sensors jsonb, top_n integer DEFAULT 5)
	RETURNS TABLE (rank integer, sensor text, contribution float8, value float8, expected float8, z float8, direction text, method text)
	LANGUAGE c STABLE STRICT PARALLEL RESTRICTED ROWS 5
	AS 'MODULE_PATHNAME', 'rig_explain_reading';
COMMENT ON FUNCTION rigalpha.explain(name, jsonb, integer)
	IS 'Sensors that made one reading risky, with shares that sum to 1 over all sensors; no row below risk 0.5';

CREATE FUNCTION rigalpha.detect(model name, source text, from_ts timestamptz DEFAULT NULL, to_ts timestamptz DEFAULT NULL,
	on_error text DEFAULT 'null')
	RETURNS TABLE (machine text, ts timestamptz, row_number bigint, risk float8, is_anomaly boolean, p_value float8,
		top_sensors text[], score_z float8, score_pca float8, score_forest float8, score_lstm float8)
	LANGUAGE c STABLE PARALLEL UNSAFE ROWS 10000
	AS 'MODULE_PATHNAME', 'rig_detect';
COMMENT ON FUNCTION rigalpha.detect(name, text, timestamptz, timestamptz, text)
	IS 'Scores all rows of a table, view or query in time order, machine by machine; row_number is the place in the source; on_error null, skip or error says what becomes of rows that cannot be scored';

CREATE FUNCTION rigalpha.incidents(model name, source text, from_ts timestamptz DEFAULT NULL, to_ts timestamptz DEFAULT NULL)
	RETURNS TABLE (machine text, started timestamptz, ended timestamptz, duration interval, peak_risk float8, top_sensors text[])
	LANGUAGE c STABLE PARALLEL UNSAFE ROWS 100
	AS 'MODULE_PATHNAME', 'rig_incidents';
COMMENT ON FUNCTION rigalpha.incidents(name, text, timestamptz, timestamptz)
	IS 'Anomaly episodes in a table, view or query; ended null = still open at the last row';
