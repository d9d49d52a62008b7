-- Labels of every function, so that a change shows in a diff: volatility, parallel safety, strictness, rights, pinned settings.
SELECT p.oid::regprocedure AS function, p.provolatile AS volatile, p.proparallel AS parallel, p.proisstrict AS strict, p.prosecdef AS definer, l.lanname AS language, array_to_string(p.proconfig, ', ') AS settings
	FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang WHERE p.pronamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) ORDER BY p.pronamespace::regnamespace::text, p.proname, p.oid::regprocedure::text;
