-- Scores by SQL: of readings, windows, tables; explanations, incidents, and what cannot be scored.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET client_min_messages = warning;
-- Four sensors that follow two hidden waves; noise that repeats on every platform.
CREATE FUNCTION noise(n bigint, k integer) RETURNS float8 LANGUAGE sql IMMUTABLE
	AS $$ SELECT (hashtext(n || ':' || k)::float8 / 2147483648) $$;
CREATE VIEW plant AS
	SELECT 'P' AS machine, '2024-05-01Z'::timestamptz + n * interval '1 s' AS ts, n,
		50 + 10 * sin(n * 0.05) + noise(n, 1) AS pressure, 20 + 4 * sin(n * 0.05) + noise(n, 2) AS flow,
		300 + 30 * cos(n * 0.031) + 3 * noise(n, 3) AS torque, 80 + 5 * cos(n * 0.031) + noise(n, 4) AS speed
	FROM generate_series(1, 2400) AS n;
CREATE TABLE healthy AS SELECT machine, ts, pressure, flow, torque, speed FROM plant WHERE n <= 1500;
SELECT version, status, rows_used FROM rigalpha.train('plant', 'healthy', 'hybrid', options => '{"false_alarm_rate":0.001}');
SELECT feature_names FROM rigalpha.models WHERE model = 'plant';

-- One reading by itself: usual, strange, by array and by name; the same number either way.
CREATE FUNCTION reading(pressure float8, flow float8, torque float8, speed float8) RETURNS jsonb LANGUAGE sql
	AS $$ SELECT jsonb_build_object('pressure', pressure, 'flow', flow, 'torque', torque, 'speed', speed) $$;
SELECT rigalpha.score('plant', '{50,20,300,80}') < 0.5 AS usual, rigalpha.score('plant', '{50,20,300,120}') > 0.8 AS strange,
	rigalpha.score('plant', '{58,17,300,80}') > 0.8 AS broken_correlation,
	rigalpha.score('plant', '{50,20,300,120}') = rigalpha.score_json('plant', reading(50, 20, 300, 120)) AS same;
SELECT risk > 0.8 AS risk, p_value < 0.001 AS p, is_anomaly, if_score BETWEEN 0 AND 1 AS forest, pca_t2 >= 0 AS t2, pca_q >= 0 AS q, max_z > 5 AS z,
	missing_fraction, warmup, model_version FROM rigalpha.score_detail('plant', reading(50, 20, 300, 120));
-- A version can be named; nothing in, nothing out; missing values up to a half; unknown sensors do not matter.
SELECT model_version FROM rigalpha.score_detail('plant', reading(50, 20, 300, 80), 1);
SELECT rigalpha.score('plant', NULL) IS NULL AS array_null, rigalpha.score_json(NULL, '{}') IS NULL AS model_null, rigalpha.score_json('plant', '{}') IS NULL AS empty,
	rigalpha.score_json('plant', '{"pressure":50}') IS NULL AS quarter, rigalpha.score_json('plant', '{"pressure":50,"flow":20,"other":1}') IS NOT NULL AS half,
	rigalpha.score('plant', '{50,20,NULL,80}') IS NOT NULL AS one_null, rigalpha.score('plant', '{50,20,NaN,80}') IS NOT NULL AS one_nan,
	rigalpha.score('plant', '{NULL,NULL,Infinity,80}') IS NULL AS three_missing, rigalpha.score_json('plant', '{"pressure":"50","flow":null,"torque":[],"speed":80}') IS NULL AS no_numbers;
SELECT risk IS NULL AS risk, p_value IS NULL AS p, is_anomaly IS NULL AS anomaly, missing_fraction FROM rigalpha.score_detail('plant', '{"speed":80}');
SELECT problem($$SELECT rigalpha.score('plant', '{1,2,3}')$$);
SELECT problem($$SELECT rigalpha.score_json('plant', '[1,2]')$$);
SELECT problem($$SELECT rigalpha.score('nobody', '{1}')$$);
SELECT problem($$SELECT * FROM rigalpha.score_detail('plant', '{}', 99)$$);

-- Explanations: the sensor that moved comes first, shares sum to 1, with direction and what was expected.
SELECT rank, sensor, contribution > 0.5 AS most, value, abs(expected - 80) < 8 AS expected, z > 5 AS z, direction, method IS NOT NULL AS method
	FROM rigalpha.explain('plant', reading(50, 20, 300, 120), 1);
SELECT sensor, direction FROM rigalpha.explain('plant', reading(20, 20, 300, 80), 1);
SELECT count(*), round(sum(contribution)::numeric, 5) AS sum, bool_and(contribution >= 0) AS positive FROM rigalpha.explain('plant', reading(50, 20, 300, 120), 10);
SELECT count(*) AS nothing_to_explain FROM rigalpha.explain('plant', reading(50, 20, 300, 80));
SELECT problem($$SELECT * FROM rigalpha.explain('plant', '{}', 0)$$);

-- Windows: 20 readings, flat or as rows.
SELECT rigalpha.score_window('plant', array_agg(v ORDER BY n, k)) < 0.8 AS usual
	FROM plant, unnest(ARRAY[pressure, flow, torque, speed]) WITH ORDINALITY AS u (v, k) WHERE n BETWEEN 1601 AND 1620;
SELECT rigalpha.score_window('plant', array_agg(ARRAY[pressure, flow, torque, speed + 3 * (n - 1601)] ORDER BY n)) > 0.8 AS strange FROM plant WHERE n BETWEEN 1601 AND 1620;
SELECT problem($$SELECT rigalpha.score_window('plant', '{1,2,3,4}')$$);
SELECT count(*) AS rows, count(s) AS scored, min(n) FILTER (WHERE s IS NOT NULL) AS first, bool_and(s BETWEEN 0 AND 1) AS in_range
	FROM (SELECT n, rigalpha.lstm_score('plant', ARRAY[pressure, flow, torque, speed]) OVER (PARTITION BY machine ORDER BY ts) AS s FROM plant WHERE n <= 100) w;
SELECT version FROM rigalpha.train('plant_forest', 'healthy', 'iforest', options => '{"trees":20}');
SELECT problem($$SELECT rigalpha.lstm_score('plant_forest', '{1,2,3,4}') OVER ()$$);
SELECT rigalpha.score('plant_forest', '{50,20,300,80}') < 0.5 AS usual, rigalpha.score_json('plant_forest', '{"pressure":500,"flow":200,"torque":9,"speed":9}') > 0.5 AS strange;

-- Tables: a sensor that leaves the others, from row 2001 to 2100.
CREATE TABLE shift AS SELECT machine, ts, pressure, flow, torque, CASE WHEN n BETWEEN 2001 AND 2100 THEN speed + 9 ELSE speed END AS speed FROM plant WHERE n > 1500;
SELECT count(*) AS rows, count(*) FILTER (WHERE is_anomaly AND row_number BETWEEN 501 AND 600) >= 95 AS found,
	count(*) FILTER (WHERE is_anomaly AND row_number NOT BETWEEN 501 AND 620) <= 5 AS few_false, count(score_lstm) AS windowed,
	count(*) FILTER (WHERE top_sensors[1] = 'speed' AND row_number BETWEEN 501 AND 600) >= 95 AS sensor,
	bool_and(is_anomaly = (risk >= 0.8)) AS consistent, bool_and(p_value BETWEEN 0 AND 1) AS p
	FROM rigalpha.detect('plant', 'shift');
SELECT machine, started BETWEEN '2024-05-01 00:33:21Z' AND '2024-05-01 00:33:26Z' AS started, ended > started AS ended, duration = ended - started AS duration, peak_risk > 0.9 AS peak, top_sensors[1] AS sensor
	FROM rigalpha.incidents('plant', 'shift') ORDER BY started;
-- A range, two machines of which each has its own past, a gap after which windows start anew, and rows without time.
SELECT count(*), min(ts), max(ts) FROM rigalpha.detect('plant', 'shift', '2024-05-01 00:30Z', '2024-05-01 00:31Z');
SELECT machine, count(*), count(score_lstm) AS windowed FROM rigalpha.detect('plant', $$SELECT CASE WHEN n % 2 = 0 THEN 'X' ELSE 'Y' END AS machine, ts, pressure, flow, torque, speed FROM plant WHERE n <= 100$$) GROUP BY machine ORDER BY machine;
SELECT count(*), count(score_lstm) AS windowed FROM rigalpha.detect('plant', $$SELECT ts, pressure, flow, torque, speed FROM plant WHERE n <= 50 OR n BETWEEN 61 AND 100$$);
SELECT count(*), count(ts), count(score_lstm) AS windowed FROM rigalpha.detect('plant', 'SELECT pressure, flow, torque, speed FROM plant ORDER BY n LIMIT 100');
-- Rows that cannot be scored: null, left out, or an error; missing values are held for five periods.
CREATE VIEW holes AS SELECT ts, pressure, CASE WHEN n % 10 < 4 THEN flow END AS flow, CASE WHEN n % 10 < 4 THEN torque END AS torque, CASE WHEN n % 10 < 4 THEN speed END AS speed FROM plant WHERE n <= 100;
SELECT count(*), count(risk) AS scored FROM rigalpha.detect('plant', 'holes');
SELECT count(*), count(risk) AS scored FROM rigalpha.detect('plant', 'holes', on_error => 'skip');
SELECT problem($$SELECT * FROM rigalpha.detect('plant', 'holes', on_error => 'error')$$);
SELECT problem($$SELECT * FROM rigalpha.detect('plant', 'holes', on_error => 'maybe')$$);
SELECT problem($$SELECT * FROM rigalpha.incidents('plant', 'SELECT speed FROM plant')$$);
SELECT problem($$SELECT * FROM rigalpha.detect(NULL, 'holes')$$);

-- Nothing moves, or there is too little: an error instead of a model that says something anyway.
SELECT problem($$SELECT * FROM rigalpha.train('never', 'SELECT ts, 1 AS a, 2 AS b FROM plant')$$);
-- A constant sensor is masked: whatever it does later is no surprise of its own.
SELECT metrics ->> 'masked_features' AS masked FROM rigalpha.train('masked', 'SELECT ts, pressure, flow, 5 AS constant FROM plant WHERE n <= 500', 'pca');
SELECT rigalpha.score_json('masked', '{"pressure":50,"flow":20,"constant":5}') = rigalpha.score_json('masked', '{"pressure":50,"flow":20,"constant":1000}') AS masked;
-- Every algorithm stands by itself.
SELECT version FROM rigalpha.train('only_pca', 'healthy', 'pca', options => '{"false_alarm_rate":0.01}');
SELECT count(*) FILTER (WHERE is_anomaly AND row_number BETWEEN 501 AND 600) >= 80 AS found, count(score_pca) > 0 AS pca, count(score_forest) + count(score_lstm) + count(score_z) AS others FROM rigalpha.detect('only_pca', 'shift');
SELECT version FROM rigalpha.train('only_lstm', 'healthy', 'lstm_ae', options => '{"false_alarm_rate":0.01}');
SELECT count(*) FILTER (WHERE is_anomaly AND row_number BETWEEN 501 AND 600) >= 50 AS found, count(score_lstm) > 0 AS lstm, count(score_forest) + count(score_pca) + count(score_z) AS others FROM rigalpha.detect('only_lstm', 'shift');

-- A function sees the version that is deployed when it is called, in the same session without delay.
SELECT version FROM rigalpha.train('plant', 'healthy', 'iforest', options => '{"trees":20}');
SELECT model_version FROM rigalpha.score_detail('plant', reading(50, 20, 300, 80));
SELECT rigalpha.rollback_model('plant');
SELECT model_version FROM rigalpha.score_detail('plant', reading(50, 20, 300, 80));
SELECT rigalpha.undeploy('plant');
SELECT problem($$SELECT rigalpha.score_json('plant', '{}')$$);
DROP VIEW holes;
DROP TABLE healthy, shift;
SELECT rigalpha.drop_model(m.model) FROM (SELECT DISTINCT model FROM rigalpha.models WHERE model IN ('plant', 'plant_forest', 'masked', 'only_pca', 'only_lstm')) m;
