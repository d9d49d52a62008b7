-- Options of training: what there is, and what is refused. All come before anything is read.
\set SHOW_CONTEXT never
SELECT * FROM rigalpha.options();
SELECT a.algorithm, string_agg(o.name, ' ') AS options FROM unnest('{iforest,pca,lstm_ae,hybrid}'::text[]) AS a (algorithm), rigalpha.options(a.algorithm) o GROUP BY a.algorithm ORDER BY 1;
-- Defaults lie in their ranges, and every option says what it is for.
SELECT DISTINCT o.name FROM unnest('{iforest,pca,lstm_ae,hybrid}'::text[]) AS a (algorithm), rigalpha.options(a.algorithm) o
	WHERE NOT coalesce(o.default_value::float8 BETWEEN o.minimum AND o.maximum, true) OR o.description = '' OR o.type NOT IN ('integer', 'float8');
SELECT rigalpha.options('rul');
SELECT rigalpha.options(NULL);

-- The source does not exist: an option that is accepted leads to 42P01.
SELECT algorithm, options, problem(format('SELECT rigalpha.train(''o'', ''no_such_source'', %L, options => %L)', algorithm, options)) FROM (VALUES
	('hybrid', '{}'), ('hybrid', NULL), ('iforest', '{"trees":1000,"sample":4096}'), ('pca', '{"components":3,"window_components":0}'), ('lstm_ae', '{"hidden":8,"epochs":2,"batch":32,"learning_rate":0.01,"stride":1,"max_windows":500,"patience":2}'),
	('hybrid', '{"false_alarm_rate":1e-5}'), ('hybrid', '{"contamination":0.01}'), ('hybrid', '{"trees":1e2}'), ('hybrid', '{"max_rows":100}'),
	('hybrid', '{"tree":10}'), ('iforest', '{"hidden":8}'), ('pca', '{"trees":1}'), ('lstm_ae', '{"Hidden":8}'), ('hybrid', '{"":1}'),
	('hybrid', '{"trees":0}'), ('hybrid', '{"trees":1001}'), ('hybrid', '{"trees":10.5}'), ('hybrid', '{"trees":"10"}'), ('hybrid', '{"trees":null}'), ('hybrid', '{"trees":true}'), ('hybrid', '{"trees":[1]}'), ('hybrid', '{"trees":1e400}'),
	('hybrid', '{"false_alarm_rate":0}'), ('hybrid', '{"false_alarm_rate":0.6}'), ('hybrid', '{"learning_rate":-1}'), ('hybrid', '{"max_rows":99}'), ('hybrid', '{"false_alarm_rate":0.1,"contamination":0.1}'),
	('hybrid', '[]'), ('hybrid', '1'), ('hybrid', '[{"trees":1}]'), ('rul', '{}'), ('', '{}'), ('HYBRID', '{}')) AS v (algorithm, options);
SELECT arguments, problem(format('SELECT rigalpha.train(%s)', arguments)) FROM unnest(ARRAY[$$NULL, 'x'$$, $$'', 'x'$$, $$'m', NULL$$, $$'m', 'x', NULL$$, $$'m', 'x', seed => NULL$$, $$'m', 'x', deploy => NULL$$]) AS arguments;
-- A job is refused for the same reasons, before it is made.
SELECT problem($$SELECT rigalpha.train_async('m', 'x', 'rul')$$), problem($$SELECT rigalpha.train_async('m', 'x', options => '{"tree":1}')$$), problem($$SELECT rigalpha.train_async('', 'x')$$);
SELECT count(*) FROM rigalpha.jobs;
BEGIN READ ONLY;
SELECT rigalpha.train('m', 'x');
ROLLBACK;

-- The default rate keeps the budget of false alarms per day at the period of the data.
CREATE TABLE period_rows AS SELECT n, sin(n) AS a, cos(n * 1.7) + random() AS b FROM generate_series(1, 300) AS n;
CREATE FUNCTION rate_of(source text, options jsonb DEFAULT '{}') RETURNS numeric LANGUAGE sql AS $$
	SELECT round((t.metrics ->> 'false_alarm_rate')::numeric, 10) FROM rigalpha.train('period', source, 'iforest', options => '{"trees":5}'::jsonb || options) t $$;
SET client_min_messages = warning;
SELECT step, rate_of(format($$SELECT '2024-01-01Z'::timestamptz + n * interval '%s' AS ts, a, b FROM period_rows$$, step)) FROM unnest('{10 ms,1 s,1 min,1 h,1 day}'::text[]) AS step;
SET rigalpha.false_alarms_per_day = 1;
SELECT rate_of($$SELECT '2024-01-01Z'::timestamptz + n * interval '1 s' AS ts, a, b FROM period_rows$$);
RESET rigalpha.false_alarms_per_day;
-- Not by gaps, nor by steps of zero; without time there is no period.
SELECT rate_of($$SELECT '2024-01-01Z'::timestamptz + (n / 3) * interval '1 s' + (n / 100) * interval '1 day' AS ts, a, b FROM period_rows$$), rate_of('SELECT a, b FROM period_rows');
SELECT rate_of('period_rows', '{"false_alarm_rate":0.02}'), rate_of('period_rows', '{"contamination":0.03}');
-- What a version was trained with is kept, with the defaults filled in.
SELECT options - 'max_rows' AS options FROM rigalpha.models WHERE model = 'period' ORDER BY version DESC LIMIT 1;
SELECT rigalpha.drop_model('period');
RESET client_min_messages;
DROP TABLE period_rows;
DROP FUNCTION rate_of;
