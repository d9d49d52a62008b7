// TAP for tests that share one browser and run in their order.
import assert from 'node:assert/strict';

export { assert };

let count = 0;
let failures = 0;

export async function check(name, body) {
	count++;
	try {
		await body();
		console.log(`ok ${count} - ${name}`);
	} catch (error) {
		failures++;
		console.log(`not ok ${count} - ${name}`);
		console.log(String(error?.stack ?? error).replace(/^/gm, '# '));
	}
}

export function skip(name, reason) {
	count++;
	console.log(`ok ${count} - ${name} # SKIP ${reason}`);
}

export function finish() {
	console.log(`1..${count}`);
	process.exit(failures === 0 ? 0 : 1);
}

/** Repeats the assertions until they hold; throws the last failure when they do not in time. */
export async function eventually(body, timeoutMs) {
	const deadline = Date.now() + timeoutMs;
	for (;;) {
		try {
			return await body();
		} catch (error) {
			if (Date.now() > deadline) {
				error.message = `after ${timeoutMs} ms: ${error.message}`;
				throw error;
			}
		}
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}
