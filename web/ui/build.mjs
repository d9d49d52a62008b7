// Bundles the page into build/ui: hashed assets, and a .gz beside each file so that the server never compresses.
import { build } from 'esbuild';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, '../../build/ui');
const budgetBytes = 60_000;

const result = await build({
	absWorkingDir: here,
	entryPoints: { app: 'src/main.ts', style: 'css/main.css', icon: 'icon.svg' },
	entryNames: '[name]-[hash]',
	chunkNames: '[name]-[hash]',
	loader: { '.svg': 'copy' },
	bundle: true,
	splitting: true,
	format: 'esm',
	target: 'es2022',
	minify: true,
	legalComments: 'none',
	outdir: out,
	metafile: true,
	write: false,
});

const files = new Map(result.outputFiles.map((file) => [basename(file.path), file.contents]));

function hashedName(entry, extension) {
	const name = [...files.keys()].find((file) => file.startsWith(`${entry}-`) && file.endsWith(extension));
	if (name === undefined) {
		throw new Error(`the bundle has no ${entry}*${extension}`);
	}
	return name;
}

const template = await readFile(join(here, 'index.html'), 'utf8');
const page = template
	.replace('app.js', hashedName('app', '.js'))
	.replace('style.css', hashedName('style', '.css'))
	.replace('icon.svg', hashedName('icon', '.svg'));
files.set('index.html', Buffer.from(page));

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
let total = 0;
for (const [name, contents] of files) {
	const packed = gzipSync(contents, { level: 9 });
	total += packed.length;
	await writeFile(join(out, name), contents);
	await writeFile(join(out, `${name}.gz`), packed);
	console.log(`${name.padEnd(24)} ${String(contents.length).padStart(8)} B ${String(packed.length).padStart(8)} B gzip`);
}
console.log(`${'total'.padEnd(24)} ${' '.repeat(10)} ${String(total).padStart(8)} B gzip`);
if (total > budgetBytes) {
	throw new Error(`the page is ${total} B gzip, the budget is ${budgetBytes} B`);
}
