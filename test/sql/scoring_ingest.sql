-- Scores in the transaction that stores a reading are those of detect() afterwards, whichever
-- connection stored it.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET client_min_messages = warning;
-- Readings first .. last of a machine in one batch, some sensors moved by so much.
CREATE FUNCTION feed(first integer, last integer, moved float8 DEFAULT 0, keys text[] DEFAULT '{pressure,flow,torque,speed}') RETURNS integer LANGUAGE sql AS $$
	SELECT i.accepted + i.merged FROM rigalpha.ingest(ARRAY(
		SELECT convert_to(json_build_object('machine_id', 'SCORED', 'timestamp', to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
			'sensors', (SELECT json_object_agg(k, v) FROM unnest(ARRAY['pressure', 'flow', 'torque', 'speed'], ARRAY[pressure, flow, torque, speed + moved]) AS u (k, v) WHERE k = ANY (keys)))::text, 'UTF8')
		FROM plant WHERE n BETWEEN first AND last ORDER BY n), 'test') i $$;
CREATE VIEW scored AS
	SELECT (extract(epoch FROM r.ts - '2024-05-01Z'))::integer AS n, r.* FROM rigalpha.readings r JOIN rigalpha.machines m ON m.id = r.machine_id WHERE m.name = 'SCORED';
-- Readings whose stored scores differ from those of detect() over all that is stored now.
CREATE FUNCTION differences(first integer, last integer) RETURNS TABLE (compared bigint, windowed bigint, differ bigint) LANGUAGE sql AS $$
	SELECT count(*), count(s.score_lstm), count(*) FILTER (WHERE (s.risk, s.score_z, s.score_pca, s.score_forest) IS DISTINCT FROM (d.risk::real, d.score_z::real, d.score_pca::real, d.score_forest::real)
			OR abs(s.score_lstm - d.score_lstm) > 1e-4 OR (s.score_lstm IS NULL) <> (d.score_lstm IS NULL))
	FROM scored s JOIN rigalpha.detect('scored', 'SELECT * FROM scored') d USING (ts) WHERE s.n BETWEEN first AND last $$;

-- Before there is a model nothing is scored, and everything is stored.
SELECT feed(1, 600);
SELECT count(*), count(risk), count(model_version) FROM scored;
SELECT state FROM rigalpha.training_info WHERE machine = 'SCORED';
SELECT version, status, rows_used FROM rigalpha.train('scored', 'SELECT * FROM scored', 'hybrid', 'SCORED', '{"false_alarm_rate":0.001}');
SELECT state LIKE 'trained on 600 readings at %' AS state FROM rigalpha.training_info WHERE machine = 'SCORED';

-- From the next reading on there are scores; the window goes back to readings from before the model.
SELECT feed(601, 601);
SELECT n, risk < 0.8 AS risk, score_z >= 0 AS z, score_pca >= 0 AS pca, score_forest >= 0 AS forest, score_lstm >= 0 AS lstm, model_version = (SELECT version_id FROM rigalpha.training_info WHERE machine = 'SCORED') AS version FROM scored WHERE risk IS NOT NULL;
SELECT feed(602, 700), feed(701, 701), feed(702, 702);
SELECT * FROM differences(601, 702);
-- Another connection goes on, and the first one comes back.
\c -
SET client_min_messages = warning;
SELECT feed(703, 710);
SELECT feed(711, 860);
SELECT * FROM differences(601, 860);
-- An abort leaves nothing behind in the window.
BEGIN;
SELECT feed(861, 870, 100);
ROLLBACK;
BEGIN;
SAVEPOINT s;
SELECT feed(861, 865, 100);
ROLLBACK TO s;
SELECT feed(861, 870);
COMMIT;
SELECT * FROM differences(601, 870);

-- Late readings are scored with what was before them, and change no score but their own; then the window is whole again.
SELECT feed(881, 900);
SELECT feed(871, 880);
SELECT * FROM differences(871, 880);
SELECT feed(901, 940);
SELECT * FROM differences(901, 940);
SELECT count(*) FROM scored WHERE risk IS NULL AND n > 600;
-- A reading that is completed is scored anew.
SELECT feed(941, 941, 0, '{pressure}');
SELECT risk IS NULL AS held FROM scored WHERE n = 941;
SELECT feed(942, 942);
SELECT feed(941, 941, 0, '{flow,torque,speed}');
SELECT feed(943, 970);
SELECT * FROM differences(941, 941);
SELECT * FROM differences(943, 970);
-- A gap starts the window anew; a day's end does not.
SELECT feed(981, 1000);
SELECT count(*), count(risk) AS scored, count(score_lstm) AS windowed FROM scored WHERE n BETWEEN 981 AND 1000;
SELECT * FROM differences(981, 1000);

-- An incident opens, keeps its worst reading, names the sensor, and closes.
SELECT feed(1001, 1030), feed(1031, 1060, 12), feed(1061, 1061, 25), feed(1062, 1064, 12);
SELECT kind, started = '2024-05-01 00:17:11Z' OR started BETWEEN '2024-05-01 00:17:11Z' AND '2024-05-01 00:17:15Z' AS started, ended, peak_ts >= started AS peak, peak_risk > 0.9 AS risk, top_sensors[1] AS sensor,
	explanation -> 0 ->> 'sensor' AS explained, (explanation -> 0 ->> 'share')::float8 > 0.4 AS share, detail FROM rigalpha.incidents i JOIN rigalpha.machines m ON m.id = i.machine_id WHERE m.name = 'SCORED';
SELECT risk > 0.8 AS risk, incidents FROM rigalpha_api.live WHERE machine = 'SCORED';
SELECT incidents_open FROM rigalpha.status();
SELECT feed(1065, 1150);
SELECT kind, ended > peak_ts AS ended FROM rigalpha.incidents i JOIN rigalpha.machines m ON m.id = i.machine_id WHERE m.name = 'SCORED';
SELECT incidents FROM rigalpha_api.live WHERE machine = 'SCORED';
-- A sensor that repeats a value where it never rested.
CREATE FUNCTION freeze(first integer, last integer) RETURNS integer LANGUAGE sql AS $$
	SELECT i.accepted FROM rigalpha.ingest(ARRAY(
		SELECT convert_to(json_build_object('machine_id', 'SCORED', 'timestamp', to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'pressure', pressure, 'flow', flow, 'torque', 300.5, 'speed', speed)::text, 'UTF8')
		FROM plant WHERE n BETWEEN first AND last ORDER BY n), 'test') i $$;
SELECT freeze(1151, 1180), feed(1181, 1182);
SELECT kind, started, ended, detail FROM rigalpha.incidents i JOIN rigalpha.machines m ON m.id = i.machine_id WHERE m.name = 'SCORED' AND kind = 'stuck';

-- A new version scores the next reading, an undeployed one the last that it did.
SELECT version FROM rigalpha.train('scored', 'SELECT * FROM scored WHERE n <= 800', 'iforest', 'SCORED', '{"trees":20}');
SELECT feed(1183, 1183);
SELECT score_forest IS NOT NULL AS forest, score_pca, score_lstm FROM scored WHERE n = 1183;
SELECT rigalpha.rollback_model('scored');
SELECT feed(1184, 1184);
SELECT score_lstm IS NOT NULL AS lstm FROM scored WHERE n = 1184;
SET rigalpha.lstm_stride = 4;
SELECT feed(1185, 1224);
SELECT count(*), count(risk) AS scored, count(score_lstm) AS windowed FROM scored WHERE n BETWEEN 1185 AND 1224;
SELECT window_stride FROM rigalpha.machine_state st JOIN rigalpha.machines m ON m.id = st.machine_id WHERE m.name = 'SCORED';
-- When most messages of a batch waited, as in a backlog, windows are looked at ever less often; a single old one means nothing.
CREATE FUNCTION feed_waited(reading integer, waited interval[]) RETURNS smallint LANGUAGE sql AS $$
	SELECT FROM rigalpha.ingest(ARRAY(
		SELECT CASE WHEN i = 1 THEN convert_to(json_build_object('machine_id', 'SCORED', 'timestamp', to_char(ts AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), 'pressure', pressure, 'flow', flow, 'torque', torque, 'speed', speed)::text, 'UTF8') ELSE '' END
		FROM plant, generate_subscripts(waited, 1) AS i WHERE n = reading ORDER BY i), 'test', times => ARRAY(SELECT clock_timestamp() - w FROM unnest(waited) AS w));
	SELECT window_stride FROM rigalpha.machine_state st JOIN rigalpha.machines m ON m.id = st.machine_id WHERE m.name = 'SCORED' $$;
SELECT feed_waited(1225, '{2 s,2 s,0 s}') AS behind;
SELECT feed_waited(1226, '{2 s,0 s,0 s}') AS one_old;
SELECT feed_waited(1227, '{1 h}') AS behind;
SELECT feed_waited(1228, '{NULL}') AS without_time;
SET rigalpha.lstm_stride = 0;
SELECT feed(1229, 1234);
SELECT count(score_lstm) AS windowed, count(score_forest) AS rows FROM scored WHERE n BETWEEN 1229 AND 1234;
RESET rigalpha.lstm_stride;
SELECT rigalpha.undeploy('scored');
SELECT feed(1235, 1235);
SELECT risk, model_version FROM scored WHERE n = 1235;
-- A damaged model stops no reading.
SELECT rigalpha.deploy('scored', 1);
ALTER TABLE rigalpha.model_versions DISABLE TRIGGER keep_version;
UPDATE rigalpha.model_versions SET payload = set_byte(payload, 1000, get_byte(payload, 1000) # 1) WHERE model = 'scored' AND version = 1;
ALTER TABLE rigalpha.model_versions ENABLE ALWAYS TRIGGER keep_version;
\c -
SELECT feed(1236, 1237);
SELECT n, risk FROM scored WHERE n > 1235 ORDER BY n;

-- Machines that are silent, and clocks that run ahead.
UPDATE rigalpha.machine_state SET received_at = clock_timestamp() - interval '2 min' WHERE machine_id = (SELECT id FROM rigalpha.machines WHERE name = 'SCORED');
SELECT rigalpha.watch_machines() > 0 AS noticed;
SELECT kind, ended, detail LIKE 'no reading for 12% s' AS detail FROM rigalpha_api.incidents WHERE machine = 'SCORED' AND kind = 'silent';
SELECT count(*) FROM (SELECT rigalpha.watch_machines()) w, rigalpha_api.incidents WHERE machine = 'SCORED' AND kind = 'silent';
UPDATE rigalpha.machine_state SET received_at = clock_timestamp(), ts = clock_timestamp() + interval '20 s' WHERE machine_id = (SELECT id FROM rigalpha.machines WHERE name = 'SCORED');
SELECT rigalpha.watch_machines() > 0 AS noticed;
SELECT kind, ended IS NOT NULL AS ended FROM rigalpha_api.incidents WHERE machine = 'SCORED' AND kind IN ('silent', 'clock') ORDER BY kind;
UPDATE rigalpha.machine_state SET ts = clock_timestamp() WHERE machine_id = (SELECT id FROM rigalpha.machines WHERE name = 'SCORED');
SELECT count(*) FROM (SELECT rigalpha.watch_machines()) w, rigalpha_api.incidents WHERE machine = 'SCORED' AND ended IS NULL;
