"""What SQL shows and allows by role and session, asked as the login of the sidecar: the fence behind the routes."""
import os
import subprocess
import unittest

import people
import stack

ROLES = ("viewer", "operator", "admin")
FORBIDDEN = "42501"


def as_web(text, token=None, role=None):
    """Rows of statements run by rigalpha_web in one transaction, as the sidecar acts; SQLSTATE when one fails."""
    begin = f"SELECT FROM rigalpha.begin_session('{token}');" if token else ""
    take = f"SET LOCAL ROLE rigalpha_{role};" if role else ""
    environment = dict(os.environ, PGUSER="rigalpha_web", PGPASSWORD=os.environ["WEB_PASSWORD"])
    result = subprocess.run(["psql", "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=sqlstate"],
                            input=f"BEGIN; {begin} {take} {text}; COMMIT;", env=environment, capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        return result.stderr.split("ERROR:")[1].split()[0]
    return [line.split("\t") for line in result.stdout.splitlines() if line]


class ViewsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = stack.shared()
        cls.own, cls.foreign = stack.unique("viewed"), stack.unique("viewed")
        for machine in (cls.own, cls.foreign):
            assert cls.server.ingest(stack.reading(machine, 5, rpm=1)).status == 200
            cls.server.ingest({"machine_id": machine, "timestamp": "2001-01-01T00:00:00Z", "sensors": {"rpm": 1}})
            stack.sql("INSERT INTO rigalpha.incidents (machine_id, kind, started, peak_ts) SELECT id, 'silent', now(), now()"
                      f" FROM rigalpha.machines WHERE name = '{machine}';"
                      "INSERT INTO rigalpha.thresholds (machine_id, sensor_id, hi) SELECT m.id, s.id, 1 FROM rigalpha.machines m, rigalpha.sensors s"
                      f" WHERE m.name = '{machine}' AND s.name = 'rpm'")
        cls.numbers = dict(stack.sql(f"SELECT name, id FROM rigalpha.machines WHERE name IN ('{cls.own}', '{cls.foreign}') ORDER BY id"))
        cls.persons = dict(zip(ROLES, people.people(cls.server, *ROLES, machines=[cls.own])))

    def relations(self, role):
        """Every table and view that a role may read as a whole."""
        return [row[0] for row in stack.sql(
            "SELECT c.oid::regclass FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition"
            " AND c.relnamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace)"
            f" AND has_table_privilege('rigalpha_{role}', c.oid, 'SELECT')")]

    def count(self, role, token):
        """Of each relation: rows, and those that name the own and the foreign machine or have its number."""
        columns = ", ".join(f"count(*) FILTER (WHERE strpos(r::text, '{name}') > 0 OR to_jsonb(r) ->> 'machine_id' = '{number}')"
                            for name, number in self.numbers.items())
        rows = as_web(" UNION ALL ".join(f"SELECT '{relation}', count(*), {columns} FROM {relation} r" for relation in self.relations(role)),
                      token, role)
        self.assertIsInstance(rows, list, f"{role}: {rows}")
        return {name: tuple(map(int, counts)) for name, *counts in rows}

    def test_every_view_by_every_role(self):
        """Point 31: an admin sees both machines where others see their own, and nobody else anything of a foreign one."""
        both = {relation for relation, (_, own, foreign) in self.count("admin", self.persons["admin"].token).items() if own and foreign}
        self.assertGreaterEqual(len(both), 15)
        for role in ("viewer", "operator"):
            seen = self.count(role, self.persons[role].token)
            self.assertGreaterEqual(len(seen), 20)
            self.assertEqual([relation for relation, (_, _, foreign) in seen.items() if foreign], [], role)
            self.assertEqual([relation for relation in both & set(seen) if not seen[relation][1]], [], f"{role}: the own machine is missing")
            self.assertEqual(as_web("SELECT machines, readings FROM rigalpha_api.status", self.persons[role].token, role), [["1", "1"]])

    def test_functions_show_the_own_machine(self):
        """Point 31: functions that take a machine find a foreign one as little as one that is not there."""
        range_of = "now() - interval '1 h', now()"
        for function in (f"rigalpha_api.readings('{{}}', {range_of})", f"rigalpha_api.readings_csv('{{}}', {range_of})",
                         "rigalpha.training_readings('{}')"):
            for role in ("viewer", "operator"):
                own, foreign, unknown = (as_web(f"SELECT r::text FROM {function.format(name)} r; ROLLBACK", self.persons[role].token, role)
                                         for name in (self.own, self.foreign, "no-such-machine"))
                self.assertEqual(foreign, unknown, f"{function} as {role}")
                self.assertIsInstance(own, list, f"{function} as {role}")
                self.assertNotEqual(own, foreign, f"{function} as {role}")

    def test_nothing_without_a_session(self):
        """Point 34: the login of the sidecar has no rights, and the roles that it takes show no row without a session."""
        for relation in self.relations("admin"):
            self.assertEqual(as_web(f"SELECT count(*) FROM {relation}"), FORBIDDEN, relation)
        for role in ROLES:
            rows = self.count(role, None)
            status = rows.pop("rigalpha_api.status")
            self.assertEqual({relation: counts for relation, counts in rows.items() if any(counts)}, {}, role)
            self.assertEqual(status, (1, 0, 0))
            self.assertEqual(as_web("SELECT machines, readings, dead_letters, newest_ts IS NULL FROM rigalpha_api.status", None, role),
                             [["0", "0", "0", "t"]], role)
        # A setting is no identity, an invented token no session, and the identity ends with the transaction.
        admin = self.persons["admin"].token
        self.assertEqual(as_web("SET LOCAL rigalpha.user_id = 1; SET LOCAL rigalpha.uid = 1; SELECT count(*) FROM rigalpha_api.machines", None, "admin"), [["0"]])
        self.assertEqual(as_web("SELECT 1", "A" * 43), "RA007")
        self.assertEqual(as_web("COMMIT; BEGIN; SET LOCAL ROLE rigalpha_admin; SELECT count(*) FROM rigalpha_api.machines", admin, "admin"), [["0"]])
        for statement in ("SELECT rigalpha_api.users()", "SELECT rigalpha.create_user('x', 'admin')", "SELECT rigalpha.set_machines('x', '{}')",
                          f"SELECT rigalpha.issue_token('{self.own}', 'x')"):
            self.assertIn(as_web(statement, None, "admin"), (FORBIDDEN, "RA007"), statement)
            self.assertEqual(as_web(statement), FORBIDDEN, statement)

    def test_what_an_operator_cannot_write(self):
        """Point 32: no row of any table; what changes something, and is open to operators, is listed here."""
        for role in ("viewer", "operator"):
            writes = stack.sql(
                "SELECT c.oid::regclass, p FROM pg_class c, unnest('{INSERT,UPDATE,DELETE,TRUNCATE}'::text[]) p WHERE c.relkind IN ('r', 'p', 'v')"
                " AND c.relnamespace IN ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND CASE WHEN p IN ('INSERT', 'UPDATE')"
                f" THEN has_any_column_privilege('rigalpha_{role}', c.oid, p) ELSE has_table_privilege('rigalpha_{role}', c.oid, p) END")
            self.assertEqual(writes, [], role)
            functions = stack.sql("SELECT proname FROM pg_proc p WHERE provolatile = 'v' AND pronamespace IN"
                                  f" ('rigalpha'::regnamespace, 'rigalpha_api'::regnamespace) AND has_function_privilege('rigalpha_{role}', p.oid, 'EXECUTE')")
            operators = {"audit_note", "act_on_alarm", "ack_alarm", "clear_alarm", "reopen_alarm", "shelve_alarm", "unshelve_alarm"}
            allowed = {"cancel_job", "revoke_session", "revoke_other_sessions"} | (operators if role == "operator" else set())
            self.assertEqual({row[0] for row in functions}, allowed, role)
            token = self.persons[role].token
            for statement in ("UPDATE rigalpha.users SET role = 'admin'", "INSERT INTO rigalpha.users (name, role) VALUES ('x', 'admin')",
                              "DELETE FROM rigalpha.api_tokens", "UPDATE rigalpha.thresholds SET hi = 0", "DELETE FROM rigalpha.thresholds",
                              "INSERT INTO rigalpha.user_machines SELECT 1, 1", "UPDATE rigalpha.machines SET label = 'x'",
                              "SELECT rigalpha.set_threshold('rpm', hi => 0)", "SELECT rigalpha.create_user('x', 'admin')",
                              f"SELECT rigalpha.issue_token('{self.own}', 'x')", "SELECT rigalpha.change_role('x', 'admin')",
                              f"SELECT rigalpha.set_machines('{self.persons[role].name}', '{{{self.foreign}}}')",
                              "SELECT rigalpha.deploy('m', 1)", "SELECT rigalpha.train('m', 'x')", "SELECT rigalpha.replay_dead_letters()"):
                self.assertEqual(as_web(statement, token, role), FORBIDDEN, f"{statement} as {role}")
        self.assertIsInstance(as_web("SELECT rigalpha.set_threshold('rpm', hi => 1e9); ROLLBACK", self.persons["admin"].token, "admin"), list)
