-- Every table that backends keep in memory tells them of its changes; see invalidate_cache().
DO $$
DECLARE
	table_name text;
BEGIN
	FOREACH table_name IN ARRAY ARRAY['machines', 'sensors', 'sensor_aliases', 'machine_sensors', 'thresholds',
			'model_registry', 'model_versions', 'model_deployments', 'model_grants'] LOOP
		EXECUTE pg_catalog.format('CREATE TRIGGER %I AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON rigalpha.%I
			FOR EACH STATEMENT EXECUTE FUNCTION rigalpha.invalidate_cache()', table_name || '_cache', table_name);
		EXECUTE pg_catalog.format('ALTER TABLE rigalpha.%I ENABLE ALWAYS TRIGGER %I', table_name, table_name || '_cache');
		EXECUTE pg_catalog.format('COMMENT ON TRIGGER %I ON rigalpha.%I IS ''Makes every backend reload what it cached of this table''',
			table_name || '_cache', table_name);
	END LOOP;
END
$$;
