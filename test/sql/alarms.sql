-- Limit alarms: raised, changed and returned by readings, amended by late ones, and what people do to them.
\set SHOW_CONTEXT never
SET TimeZone = 'UTC';
SET client_min_messages = warning;
-- Readings of a machine at these seconds, in one batch; null = the reading lacks the sensor.
CREATE FUNCTION feed(machine text, seconds float8[], readings float8[], key text DEFAULT 'rpm', state text DEFAULT NULL) RETURNS integer LANGUAGE sql AS $$
	SELECT i.accepted + i.merged FROM rigalpha.ingest(ARRAY(
		SELECT convert_to(json_build_object('machine_id', machine, 'timestamp', to_char(('2024-06-01Z'::timestamptz + make_interval(secs => s)) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
			'state', state, 'sensors', CASE WHEN v IS NULL THEN json_build_object('bit_depth', 1) ELSE json_build_object(key, v) END)::text, 'UTF8')
		FROM unnest(seconds, readings) WITH ORDINALITY AS u (s, v, n) ORDER BY n), 'test') i $$;
CREATE VIEW history AS
	SELECT h.machine, h.sensor, extract(epoch FROM h.at - '2024-06-01Z')::float8 AS s, h.transition, h.level, h.value, h.note
	FROM rigalpha_api.alarm_history h;
CREATE FUNCTION history_of(name text) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s %s', s, transition, level), ', ' ORDER BY s, sensor, transition) FROM history WHERE machine = name AND transition IN ('raised', 'changed', 'returned') $$;

SELECT feed('AL1', '{0}', '{100}');
SELECT rigalpha.set_threshold('rpm', 'AL1', lolo => 10, lo => 20, hi => 120, hihi => 150, deadband => 5) > 0 AS set;
-- Up through both limits and down again; the deadband holds it.
SELECT feed('AL1', '{1,2,3,4,5,6,7,8}', '{120,121,151,146,145,116,115,100}');
SELECT history_of('AL1');
SELECT level, priority, retain, active_state, acked_state, value FROM rigalpha_api.alarm_list WHERE machine = 'AL1';
-- Low side, in batches of one, with a reading that lacks the sensor.
SELECT feed('AL1', '{10}', '{19}'), feed('AL1', '{11}', '{null}'), feed('AL1', '{12}', '{9}'), feed('AL1', '{13}', '{25}');
SELECT history_of('AL1');
-- All of it is one alarm as long as nobody has acknowledged it.
SELECT count(*), bool_and(NOT active_state) FROM rigalpha_api.alarms WHERE machine = 'AL1';
-- The state of the evaluation is kept no longer than it is needed.
SELECT alarm_window IS NULL AS quiet FROM rigalpha.machine_state st JOIN rigalpha.machines m ON m.id = st.machine_id WHERE m.name = 'AL1';
SELECT feed('AL1', '{19}', '{100}');
SELECT alarm_window IS NULL AS quiet FROM rigalpha.machine_state st JOIN rigalpha.machines m ON m.id = st.machine_id WHERE m.name = 'AL1';

-- A thousand oscillations are one alarm: with a deadband, and with an off-delay.
SELECT feed('AL2', '{0}', '{100}');
SELECT rigalpha.set_threshold('rpm', 'AL2', hi => 120, deadband => 2) > 0 AS set;
SELECT feed('AL2', array_agg(n::float8 ORDER BY n), array_agg(119.0 + 2 * (n % 2) ORDER BY n)) FROM generate_series(1, 2000) n;
SELECT count(*) FROM rigalpha.alarms a JOIN rigalpha.machines m ON m.id = a.machine_id WHERE m.name = 'AL2';
SELECT history_of('AL2');
SELECT feed('AL3', '{0}', '{100}');
SELECT rigalpha.set_threshold('rpm', 'AL3', hi => 120, off_delay => '3 s') > 0 AS set;
SELECT sum(feed('AL3', ARRAY[n::float8], ARRAY[119.0 + 2 * (n % 2)])) FROM generate_series(1, 200) n;
SELECT history_of('AL3');
SELECT feed('AL3', '{201,202,203,204}', '{119,119,119,119}');
SELECT history_of('AL3');

-- An on-delay: shorter excursions are nothing; it goes on over readings that lack the sensor, and over connections.
SELECT feed('AL4', '{0}', '{100}');
SELECT rigalpha.set_threshold('rpm', 'AL4', hi => 120, on_delay => '2 s') > 0 AS set;
SELECT feed('AL4', '{1,2,3}', '{130,130,100}'), feed('AL4', '{10}', '{130}');
SELECT history_of('AL4');
\c -
SET TimeZone = 'UTC';
SET client_min_messages = warning;
SELECT feed('AL4', '{11}', '{null}');
SELECT history_of('AL4');
SELECT feed('AL4', '{12}', '{null}');
SELECT history_of('AL4');

-- A late reading within five seconds is taken where it belongs; what does not hold any more is retracted.
SELECT feed('AL5', '{0}', '{100}');
SELECT rigalpha.set_threshold('rpm', 'AL5', hi => 120, on_delay => '2 s') > 0 AS set;
SELECT feed('AL5', '{1,3,4}', '{130,130,130}');
SELECT history_of('AL5');
SELECT feed('AL5', '{2}', '{100}');
SELECT history_of('AL5');
SELECT transition, extract(epoch FROM at - '2024-06-01Z')::float8 AS s, retracted FROM rigalpha_api.event_history WHERE machine = 'AL5' ORDER BY id;
SELECT count(*) FROM rigalpha_api.alarm_list WHERE machine = 'AL5';
SELECT a.retain, a.active_state FROM rigalpha.alarms a JOIN rigalpha.machines m ON m.id = a.machine_id WHERE m.name = 'AL5';
SELECT feed('AL5', '{5}', '{130}');
SELECT history_of('AL5');
-- One that is later changes nothing, also not when another one is taken.
SELECT feed('AL5', '{10}', '{130}'), feed('AL5', '{4.5}', '{100}'), feed('AL5', '{9}', '{130}');
SELECT history_of('AL5');

-- Thresholds act on the next reading, by plain SQL as well.
SELECT feed('AL6', '{0}', '{100}');
SELECT rigalpha.set_threshold('rpm', 'AL6', hi => 120) > 0 AS set;
SELECT feed('AL6', '{1}', '{110}');
UPDATE rigalpha.thresholds SET hi = 105 WHERE machine_id = (SELECT id FROM rigalpha.machines WHERE name = 'AL6') AND valid_to = 'infinity';
SELECT feed('AL6', '{2}', '{110}');
SELECT history_of('AL6');
DELETE FROM rigalpha.thresholds WHERE machine_id = (SELECT id FROM rigalpha.machines WHERE name = 'AL6') AND valid_to = 'infinity';
SELECT feed('AL6', '{3}', '{110}');
SELECT history_of('AL6');

-- People: acknowledge, clear, reopen, shelve.
SELECT id AS alarm FROM rigalpha_api.alarms WHERE machine = 'AL2' \gset
SELECT problem(format('SELECT rigalpha.reopen_alarm(%s)', :alarm)) LIKE '55000%open%' AS open;
SELECT rigalpha.ack_alarm(:alarm, 'seen');
SELECT retain, active_state, acked_state, acked_by = session_user AS by_me, note FROM rigalpha_api.alarm_list WHERE id = :alarm;
SELECT problem(format('SELECT rigalpha.ack_alarm(%s)', :alarm)) LIKE '55000%before' AS twice;
SELECT feed('AL2', '{2001,2002}', '{100,100}');
SELECT retain, active_state FROM rigalpha_api.alarm_list WHERE id = :alarm;
-- The next excursion is another alarm.
SELECT feed('AL2', '{2010}', '{130}');
SELECT count(*), count(*) FILTER (WHERE retain) AS open FROM rigalpha_api.alarm_list WHERE machine = 'AL2';
SELECT problem(format('SELECT rigalpha.reopen_alarm(%s)', :alarm)) LIKE '55000%cannot%' AS newer;
SELECT id AS alarm FROM rigalpha_api.alarms WHERE machine = 'AL2' \gset
SELECT rigalpha.clear_alarm(:alarm, 'sensor is broken');
SELECT retain, active_state, cleared_by = session_user AS by_me FROM rigalpha_api.alarm_list WHERE id = :alarm;
SELECT rigalpha.reopen_alarm(:alarm, 'it is not');
SELECT retain, active_state, acked_state, cleared_by FROM rigalpha_api.alarm_list WHERE id = :alarm;
SELECT problem(format($$SELECT rigalpha.shelve_alarm(%s, now() + interval '8 days')$$, :alarm)) LIKE '22023%' AS too_long;
SELECT rigalpha.shelve_alarm(:alarm, clock_timestamp() + interval '1 hour', 'later');
SELECT shelving_state, retain FROM rigalpha_api.alarms WHERE id = :alarm;
SELECT alarms, worst_alarm FROM rigalpha_api.machines WHERE name = 'AL2';
SELECT rigalpha.alarm_tick();
UPDATE rigalpha.alarms SET shelved_until = clock_timestamp() - interval '1 s' WHERE id = :alarm;
SELECT rigalpha.alarm_tick();
SELECT shelving_state FROM rigalpha_api.alarms WHERE id = :alarm;
SELECT alarms, worst_alarm FROM rigalpha_api.machines WHERE name = 'AL2';
SELECT transition, actor = session_user AS by_me, note FROM rigalpha_api.event_history WHERE alarm_id = :alarm ORDER BY id;
-- One that becomes worse wants to be seen again; an urgent one is acknowledged with a note.
SELECT rigalpha.set_threshold('rpm', 'AL2', hi => 120, hihi => 150) > 0 AS set;
SELECT rigalpha.ack_alarm(:alarm);
SELECT feed('AL2', '{2020}', '{160}');
SELECT level, priority, acked_state FROM rigalpha_api.alarms WHERE id = :alarm;
SELECT problem(format('SELECT rigalpha.ack_alarm(%s)', :alarm)) LIKE '22023%note' AS note_needed;
SELECT problem('SELECT rigalpha.ack_alarm(-1)') LIKE '42704%' AS unknown;
SELECT sqlstate_of('UPDATE rigalpha.alarm_events SET note = NULL');
-- All of them are in the audit log, on the chain of the machine.
SELECT count(*) = (SELECT count(*) FROM rigalpha.alarm_events) AS all_audited FROM rigalpha.audit_entries WHERE kind = 15;

-- What a machine does suppresses alarms, and they come back with it.
SELECT feed('AL7', '{0}', '{100}', 'rpm', 'drilling');
SELECT rigalpha.set_threshold('rpm', 'AL7', hi => 120) > 0 AS rpm, rigalpha.set_threshold('hookload', 'AL7', hi => 120) > 0 AS hookload;
SELECT feed('AL7', '{1}', '{130}', 'rpm', 'trip out'), feed('AL7', '{1}', '{130}', 'hookload', 'trip out');
SELECT sensor, suppressed_state FROM rigalpha_api.alarms WHERE machine = 'AL7' ORDER BY sensor;
SELECT alarms FROM rigalpha_api.live WHERE machine = 'AL7';
SELECT feed('AL7', '{2}', '{130}', 'rpm', 'drilling');
SELECT sensor, s, transition, note FROM history WHERE machine = 'AL7' ORDER BY s, sensor, transition;
SELECT alarms FROM rigalpha_api.live WHERE machine = 'AL7';

-- Incidents are alarms.
SELECT machine_id AS machine FROM rigalpha.machine_state st JOIN rigalpha.machines m ON m.id = st.machine_id WHERE m.name = 'AL6' \gset
UPDATE rigalpha.machine_state SET received_at = clock_timestamp() - interval '10 min' WHERE machine_id = :machine;
SELECT rigalpha.watch_machines() > 0 AS noticed;
SELECT kind, condition_name, priority, active_state, sensor FROM rigalpha_api.alarms WHERE machine = 'AL6' AND kind <> 'limit';
UPDATE rigalpha.machine_state SET received_at = clock_timestamp() WHERE machine_id = :machine;
SELECT count(*) FROM (SELECT rigalpha.watch_machines()) w;
SELECT kind, active_state, retain FROM rigalpha_api.alarms WHERE machine = 'AL6' AND kind <> 'limit';

-- What limits would have raised.
SELECT alarms, levels FROM rigalpha.threshold_what_if('rpm', 'AL1', hi => 120, from_ts => '2024-06-01Z', to_ts => '2024-06-02Z');
SELECT alarms, extract(epoch FROM raised_at[1] - '2024-06-01Z')::integer AS raised, extract(epoch FROM returned_at[1] - '2024-06-01Z')::integer AS returned, levels
	FROM rigalpha.threshold_what_if('rpm', 'AL1', lolo => 10, lo => 20, hi => 120, hihi => 150, deadband => 5, from_ts => '2024-06-01Z', to_ts => '2024-06-02Z');
SELECT alarms FROM rigalpha.threshold_what_if('rpm', 'AL2', hi => 120, from_ts => '2024-06-01Z', to_ts => '2024-06-01 00:33:00Z');
SELECT alarms FROM rigalpha.threshold_what_if('rpm', 'AL2', hi => 120, off_delay => '1500 ms', from_ts => '2024-06-01Z', to_ts => '2024-06-01 00:33:00Z');
SELECT problem($$SELECT * FROM rigalpha.threshold_what_if('rpm', 'no such', hi => 1)$$), sqlstate_of($$SELECT * FROM rigalpha.threshold_what_if('rpm', 'AL1')$$),
	sqlstate_of($$SELECT * FROM rigalpha.threshold_what_if('rpm', 'AL1', lo => 5, hi => 1)$$);

-- The order of arrival makes no difference: shuffled within the lateness, in batches of any size.
CREATE FUNCTION arrive(name text, seed float8, shuffled boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	batch record;
BEGIN
	PERFORM setseed(seed);
	PERFORM feed(name, '{-10}', '{100}');
	PERFORM rigalpha.set_threshold('rpm', name, lo => 80, hi => 120, hihi => 135, deadband => 4, on_delay => '1 s', off_delay => '1500 ms');
	FOR batch IN
		WITH walk AS (SELECT n / 2.0 AS s, 100 + 22 * sin(n / 4.0) + 30 * random() - 15 AS v, random() AS late, random() AS cut, random() < 0.1 AS lacks FROM generate_series(1, 120) n),
		placed AS (SELECT s, CASE WHEN NOT lacks THEN v END AS v, CASE WHEN shuffled THEN s + 4.9 * late ELSE s END AS place, cut FROM walk),
		cuts AS (SELECT *, sum((cut < 0.6)::integer) OVER (ORDER BY place) AS batch FROM placed)
		SELECT array_agg(s ORDER BY place) AS s, array_agg(v ORDER BY place) AS v FROM cuts GROUP BY cuts.batch ORDER BY cuts.batch
	LOOP
		PERFORM feed(name, batch.s, batch.v);
	END LOOP;
	RETURN history_of(name);
END
$$;
SELECT count(*) AS compared, count(*) FILTER (WHERE arrive('ALO' || n, n / 100.0, false) IS DISTINCT FROM arrive('ALS' || n, n / 100.0, true)) AS differ,
	count(*) FILTER (WHERE history_of('ALO' || n) IS NULL) AS silent
	FROM generate_series(1, 25) n;
SELECT count(*) > 20 AS amended FROM rigalpha_api.event_history WHERE machine LIKE 'ALS%' AND transition = 'retracted';
-- The rows are what the transitions say.
SELECT count(*) FROM rigalpha_api.alarm_list a WHERE a.machine LIKE 'AL_%' AND a.kind = 'limit' AND a.active_state IS DISTINCT FROM
	((SELECT h.transition FROM rigalpha_api.alarm_history h WHERE h.alarm_id = a.id AND h.transition IN ('raised', 'changed', 'returned') ORDER BY h.at DESC LIMIT 1) <> 'returned');
SELECT count(*) > 20 AS alarms, count(*) = count(DISTINCT machine) AS one_each FROM rigalpha_api.alarm_list WHERE machine LIKE 'ALS%';

DELETE FROM rigalpha.readings r USING rigalpha.machines m WHERE m.id = r.machine_id AND m.name ~ '^AL[OS0-9]';
DELETE FROM rigalpha.machines m WHERE m.name ~ '^AL[OS0-9]';
-- With the machine go its alarms.
SELECT count(*) FROM rigalpha.alarm_events e WHERE NOT EXISTS (SELECT FROM rigalpha.machines m WHERE m.id = e.machine_id);
DROP FUNCTION arrive(text, float8, boolean), feed(text, float8[], float8[], text, text), history_of(text);
DROP VIEW history;
