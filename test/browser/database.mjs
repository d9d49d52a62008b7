// The database behind the page, for what only its superuser can bring about. Needs the libpq variables of the stack.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export const hasDatabase = Boolean(process.env.PGHOST);

/** Runs a statement with variables, which it names as :'name'. */
export async function sql(text, variables = {}) {
	const settings = Object.entries(variables).flatMap(([name, value]) => ['-v', `${name}=${value}`]);
	const running = promisify(execFile)('psql', ['-XqAt', '-v', 'ON_ERROR_STOP=1', ...settings, '-f', '-'], { timeout: 60_000 });
	running.child.stdin.end(text);
	return (await running).stdout.trim();
}
