// Bundles the tests with the sources they import and runs them in Node: the store needs no browser.
import { build } from 'esbuild';
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../../../build/unit/ui');
const tests = readdirSync(here).filter((name) => name.endsWith('.test.mjs'));

await build({
	absWorkingDir: here,
	entryPoints: tests,
	bundle: true,
	platform: 'node',
	format: 'esm',
	target: 'node18',
	outdir: out,
	outExtension: { '.js': '.mjs' },
	logLevel: 'warning',
});

const reporter = process.stdout.isTTY ? 'spec' : 'tap';
const run = spawnSync(process.execPath, ['--test', `--test-reporter=${reporter}`, ...tests.map((name) => join(out, name))], {
	stdio: 'inherit',
});
process.exit(run.status ?? 1);
