// The page in a real Chromium against a running stack with its simulator. Prints TAP.
//
//   RIGALPHA_URL          the stack, such as http://127.0.0.1:8080 (needed)
//   RIGALPHA_ADMIN_PASSWORD  the one-time password of its admin (needed); the test changes it
//   PGHOST, PGUSER, …     the superuser of its database; without it the tests of risk and incidents are skipped
//   RIGALPHA_RESTART_WEB  a shell command that restarts the sidecar; without it that test is skipped
//   CHROMIUM              the browser, default /usr/bin/chromium
//
// Screenshots go to build/screenshots/. The test writes readings of two machines of its own, incidents
// of one of them, and a model for machine A.
import { exec } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { checkAccounts, checkFirstLogin, logIn } from './account.mjs';
import { hasDatabase, sql } from './database.mjs';
import { assert, check, eventually, finish, skip } from './harness.mjs';
import { findLowContrast, installWatch, openBrowser, openPage } from './page.mjs';
import { Switchboard } from './switchboard.mjs';

const url = process.env.RIGALPHA_URL;
if (!url) {
	console.log('1..0 # SKIP RIGALPHA_URL does not name a running stack');
	process.exit(process.env.CI === 'true' ? 1 : 0);
}

const shots = join(dirname(fileURLToPath(import.meta.url)), '../../build/screenshots');
mkdirSync(shots, { recursive: true });

const SIMULATED = ['A', 'B', 'C'];
const OWN = 'browser-test';
const MARKUP = 'Z <b>rig</b>';
const newSensor = `found_${Date.now().toString(36)}`;
const desktop = { width: 1366, height: 768 };
const phone = { width: 390, height: 844 };

async function send(machine, sensors, timestamp = new Date()) {
	const response = await fetch(`${url}/api/v1/ingest`, {
		method: 'POST',
		headers: { 'content-type': 'application/json' },
		body: JSON.stringify({ machine_id: machine, timestamp: timestamp.toISOString(), state: 'idle', sensors }),
	});
	const answer = await response.json();
	assert.equal(response.status, 200, JSON.stringify(answer));
	return answer;
}

const OF_OWN = "machine_id = (SELECT id FROM rigalpha.machines WHERE name = :'machine')";

/** An incident of the machine of this test, as ingest() would store it; returns its id. */
function storeIncident(kind, { risk = '', sensors = '{}', detail = '', ended = false, minutes }) {
	return sql(
		`INSERT INTO rigalpha.incidents (machine_id, kind, started, peak_ts, ended, peak_risk, top_sensors, detail)
		SELECT id, :'kind', t, t, CASE WHEN :'ended' THEN t + interval '5 min' END, nullif(:'risk', '')::real, :'sensors', nullif(:'detail', '')
		FROM rigalpha.machines, (SELECT now() - make_interval(mins => :minutes) AS t) m WHERE name = :'machine'
		RETURNING id`,
		{ machine: OWN, kind, risk, sensors, detail, ended, minutes },
	);
}

const board = new Switchboard(url);
const pageUrl = await board.start();
const browser = await openBrowser();
const { page, problems } = await openPage(browser, desktop);

const card = (machine) => page.locator(`.card[data-machine="${machine}"]`);
const tile = (machine, sensor) => card(machine).locator(`.tile[data-sensor="${sensor}"]`);
const metric = (scope, name) => scope.locator(`[data-metric="${name}"] dd`);
const numberIn = (text) => Number.parseFloat(text.replace(/[^\d.-]/g, ''));
const connectionWord = () => page.locator('.connection-word').textContent();
const isStale = (machine) => card(machine).evaluate((node) => node.hasAttribute('data-stale'));
/** Open incidents, but for the one that the database opens by itself when the test stops sending. */
const badges = async (machine) =>
	(await card(machine).locator('.incident-badge').allTextContents()).filter((text) => text !== '◆ Silent');
/** Id and cells of each row of the incidents of a machine, likewise. */
const incidentCells = async (machine) =>
	(
		await card(machine).locator('[data-incident]').evaluateAll((rows) =>
			rows.map((row) => [row.dataset.incident, ...[...row.cells].map((cell) => cell.textContent)]),
		)
	).filter(([, kind]) => kind !== 'Silent');
const valuesOf = (machine) => card(machine).locator('.tile-value').allTextContents();

await check('the page loads under a strict policy', async () => {
	const response = await page.goto(pageUrl);
	assert.equal(response.status(), 200);
	const policy = response.headers()['content-security-policy'] ?? '';
	for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "require-trusted-types-for 'script'"]) {
		assert.ok(policy.includes(part), `${part} is missing in: ${policy}`);
	}
	assert.ok(!policy.includes('unsafe'), policy);
});

await checkFirstLogin(page, problems, shots);

await check('after the login the page goes live', async () => {
	await installWatch(page);
	await eventually(async () => assert.equal(await connectionWord(), 'Live'), 10_000);
});

await check('each simulated machine has a card with 60 sensors in five groups of 12', async () => {
	for (const machine of SIMULATED) {
		await eventually(async () => assert.equal(await card(machine).locator('.tile:visible').count(), 60), 15_000);
		const groups = await card(machine).locator('.group:visible').evaluateAll((nodes) =>
			nodes.map((node) => [node.dataset.category, node.querySelectorAll('.tile').length]),
		);
		const names = ['Mechanical', 'Fluid', 'Thermal', 'Electrical', 'Environmental'];
		assert.deepEqual(groups, names.map((name) => [name, 12]), machine);
	}
});

await check('values of every machine change within five seconds', async () => {
	for (const machine of SIMULATED) {
		const before = await valuesOf(machine);
		await eventually(async () => {
			const now = await valuesOf(machine);
			const changed = now.filter((value, i) => value !== before[i]).length;
			assert.ok(changed >= 10, `${machine}: ${changed} of 60 values changed`);
		}, 5_000);
	}
});

await check('state, data age, rate and latency are shown', async () => {
	const header = page.locator('.top');
	for (const machine of SIMULATED) {
		await eventually(async () => {
			assert.match((await card(machine).locator('.state-word').textContent()) ?? '', /^[A-Z][a-z]+/);
			assert.equal(await isStale(machine), false);
			assert.ok(numberIn(await metric(card(machine), 'rate').textContent()) > 0, 'no rate');
			assert.match(await metric(card(machine), 'latency').textContent(), /^-?[\d.,]+ ms/);
			assert.match(await metric(card(machine), 'age').textContent(), /^(< 1|\d) s$/);
			assert.equal(await metric(card(machine), 'sensors').textContent(), '60');
		}, 15_000);
	}
	await eventually(async () => {
		assert.ok(numberIn(await metric(header, 'rate').textContent()) > 0, 'no total rate');
		assert.ok(numberIn(await metric(header, 'machines').textContent()) >= SIMULATED.length);
		assert.match(await metric(header, 'latency').textContent(), /ms/);
	}, 5_000);
});

await check('a new machine gets its card, and a value out of range its colour, shape and word', async () => {
	await send(OWN, { rpm: 500, torque: 1 });
	await eventually(async () => {
		assert.equal(await tile(OWN, 'rpm').getAttribute('data-range'), 'high');
		assert.equal(await tile(OWN, 'rpm').locator('.tile-mark').innerText(), '▲High');
		assert.equal(await tile(OWN, 'torque').locator('.tile-mark').innerText(), '▼Low');
		assert.equal(await metric(card(OWN), 'abnormal').textContent(), '2');
	}, 10_000);
	await send(OWN, { rpm: 120, torque: 10 });
	await eventually(async () => {
		assert.equal(await tile(OWN, 'rpm').getAttribute('data-range'), 'normal');
		assert.equal(await tile(OWN, 'rpm').locator('.tile-value').textContent(), '120');
		assert.equal(await tile(OWN, 'rpm').locator('.tile-mark').innerText(), '');
	}, 5_000);
});

await check('a sensor seen for the first time gets its tile without a reload', async () => {
	await send(OWN, { rpm: 121, [newSensor]: 42.5 });
	await eventually(async () => assert.equal(await tile(OWN, newSensor).locator('.tile-value').textContent(), '42.50'), 10_000);
	const category = await tile(OWN, newSensor).evaluate((node) => node.closest('.group').dataset.category);
	assert.equal(category, 'Other');
	assert.equal(await page.evaluate(() => window.pageMarker), 'first load');
});

await check('a device clock that runs ahead is shown as skew, not hidden', async () => {
	await send(OWN, { rpm: 122 }, new Date(Date.now() + 3_000));
	await eventually(async () => {
		const text = await metric(card(OWN), 'latency').textContent();
		assert.match(text, /clock skew/);
		assert.ok(numberIn(text) < 0, text);
	}, 15_000);
});

// Point 11 of docs/security_checklist.md.
await check('markup in a name is text', async () => {
	const sensor = `<img src=x onerror="document.title='owned'">`;
	await send(MARKUP, { rpm: 100, [sensor]: 1 });
	const title = page.locator('.card-title', { hasText: MARKUP });
	await eventually(async () => assert.equal(await title.textContent(), MARKUP), 10_000);
	await eventually(async () => assert.ok((await card(MARKUP).innerText()).includes(sensor)), 10_000);
	assert.equal(await page.locator('.card b, .card img').count(), 0);
	assert.notEqual(await page.title(), 'owned');
});

await check('a machine without a model says in words how far its training is', async () => {
	await eventually(async () => {
		assert.match(await metric(card(MARKUP), 'risk').textContent(), /^warming up: \d+ of \d+ readings$/);
		assert.match(await card(MARKUP).locator('.training').textContent(), /^Model: warming up/);
	}, 15_000);
});

if (hasDatabase) {
	await check('a machine with a model shows its risk as number and word', async () => {
		await sql("SELECT rigalpha.train('browser', $$SELECT * FROM rigalpha.training_readings('A')$$, 'iforest', machine => 'A')");
		await eventually(async () => {
			assert.match(await metric(card('A'), 'risk').textContent(), /^[01][.,]\d\d (normal|watch|alarm)$/);
			assert.match(await card('A').locator('.training').textContent(), /^Model: trained on \d+ readings/);
		}, 20_000);
	});

	await check('an incident gets its badge and its row, also of a machine that does not send', async () => {
		await sql(`DELETE FROM rigalpha.incidents WHERE ${OF_OWN}`, { machine: OWN });
		const closed = await storeIncident('anomaly', { risk: 0.62, sensors: '{torque}', ended: true, minutes: 90 });
		const open = await storeIncident('anomaly', { risk: 0.935, sensors: '{rpm,unknown <b>sensor</b>}', minutes: 2 });
		const stuck = await storeIncident('stuck', { detail: 'the same value 300 times', minutes: 1 });
		await sql(`UPDATE rigalpha.machine_state SET risk = 0.935 WHERE ${OF_OWN}`, { machine: OWN });
		await eventually(async () => {
			assert.equal(await metric(card(OWN), 'risk').textContent(), '0.93 alarm');
			assert.deepEqual(await badges(OWN), [
				'◆ Anomaly: Rotary speed, unknown <b>sensor</b>', '◆ Stuck',
			]);
			assert.deepEqual((await incidentCells(OWN)).map((row) => [row[0], row[1], ...row.slice(3)]), [
				[stuck, 'Stuck', 'open', '–', 'the same value 300 times'],
				[open, 'Anomaly', 'open', '0.93 alarm', 'Rotary speed, unknown <b>sensor</b>'],
				[closed, 'Anomaly', (await incidentCells(OWN))[2][3], '0.62 watch', 'Rotary torque'],
			]);
		}, 25_000);
		for (const row of await incidentCells(OWN)) {
			assert.match(row[2], /\d:\d\d:\d\d/);
		}
		assert.match((await incidentCells(OWN))[2][3], /\d:\d\d:\d\d/);
		assert.equal(await card(OWN).locator('.incidents-none').isVisible(), false);
		await card(OWN).scrollIntoViewIfNeeded();
		await card(OWN).screenshot({ path: join(shots, 'incidents-1366x768.png') });
	});

	await check('an incident that ends loses its badge', async () => {
		await sql(`UPDATE rigalpha.incidents SET ended = now() WHERE kind = 'anomaly' AND ended IS NULL AND ${OF_OWN}`, { machine: OWN });
		await eventually(async () => {
			assert.deepEqual(await badges(OWN), ['◆ Stuck']);
			assert.notEqual((await incidentCells(OWN))[1][3], 'open');
		}, 25_000);
	});
} else {
	skip('risk and incidents', 'PGHOST does not name the database');
}

await check('a machine that stops sending turns stale, the others do not', async () => {
	await eventually(async () => assert.equal(await isStale(OWN), true), 25_000);
	assert.ok(await card(OWN).locator('.stale-badge').isVisible());
	assert.match(await card(OWN).evaluate((node) => getComputedStyle(node).backgroundImage), /repeating-linear-gradient/);
	for (const machine of SIMULATED) {
		assert.equal(await isStale(machine), false, machine);
	}
});

await check('text has a contrast of 4.5 in both themes, also where data is stale', async () => {
	for (const colorScheme of ['light', 'dark']) {
		await page.emulateMedia({ colorScheme });
		assert.deepEqual(await page.evaluate(findLowContrast, 4.5), [], colorScheme);
	}
	await page.emulateMedia({ colorScheme: 'light' });
});

await check('pictures: nothing overflows on a laptop or a phone', async () => {
	for (const [name, size] of [['1366x768', desktop], ['390x844', phone]]) {
		for (const colorScheme of ['light', 'dark']) {
			await page.setViewportSize(size);
			await page.emulateMedia({ colorScheme });
			await page.evaluate(() => window.scrollTo(0, 0));
			const width = await page.evaluate(() => document.documentElement.scrollWidth);
			assert.ok(width <= size.width, `${name}: the page is ${width} px wide`);
			await page.screenshot({ path: join(shots, `overview-${colorScheme}-${name}.png`) });
		}
		await page.emulateMedia({ colorScheme: 'light' });
		await card(OWN).scrollIntoViewIfNeeded();
		await page.screenshot({ path: join(shots, `stale-${name}.png`) });
	}
	await page.setViewportSize(desktop);
});

await check('stale data that comes back is normal again, and ends the incident of its silence', async () => {
	const silent = card(OWN).locator('.incident-badge', { hasText: 'Silent' });
	await eventually(async () => assert.equal(await silent.count(), 1), 60_000);
	assert.equal(await isStale(OWN), true);
	await send(OWN, { rpm: 123 });
	await eventually(async () => assert.equal(await isStale(OWN), false), 10_000);
	await eventually(async () => assert.equal(await silent.count(), 0), 30_000);
});

await check('the keyboard reaches cards and groups and closes them', async () => {
	await page.evaluate(() => {
		// The next Tab goes on from where the focus was last: that is to be the start of the page.
		document.body.tabIndex = -1;
		document.body.focus();
		document.body.removeAttribute('tabindex');
		window.scrollTo(0, 0);
	});
	const focused = () =>
		page.evaluate(() => {
			const node = document.activeElement;
			const style = getComputedStyle(node);
			return { text: node.innerText, outline: style.outlineStyle, expanded: node.getAttribute('aria-expanded') };
		});
	const seen = [];
	for (let i = 0; i < 11; i++) {
		await page.keyboard.press('Tab');
		const { text, outline } = await focused();
		assert.notEqual(outline, 'none', `no visible focus on ${text}`);
		seen.push(text.split('\n')[0]);
	}
	assert.match(seen[0], /^Skip/);
	assert.equal(seen[1], 'Rig Alpha');
	assert.match(seen[2], /^Theme/);
	assert.match(seen[3], /^admin/);
	assert.deepEqual([seen[4], ...seen.slice(5, 10).map((text) => text.split(/\d/)[0].trim())], [
		'A', 'Mechanical', 'Fluid', 'Thermal', 'Electrical', 'Environmental',
	]);
	assert.equal(seen[10], 'B');
	await page.keyboard.press('Enter');
	assert.equal((await focused()).expanded, 'false');
	assert.equal(await card('B').locator('.tile:visible').count(), 0);
	await page.keyboard.press('Enter');
	assert.equal(await card('B').locator('.tile:visible').count(), 60);
});

await check('the theme button changes the theme', async () => {
	const background = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
	const light = await background();
	await page.locator('.theme').click();
	await page.locator('.theme').click();
	assert.equal(await page.locator('.theme').textContent(), 'Theme: dark');
	assert.notEqual(await background(), light);
	await page.locator('.theme').click();
	assert.equal(await background(), light);
});

await check('the page weighs less than 60 kB on the wire', async () => {
	const sizes = await page.evaluate(() =>
		[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
			.filter((entry) => !entry.name.includes('/api/') && !entry.name.includes('/readyz'))
			.map((entry) => [new URL(entry.name).pathname, entry.encodedBodySize]),
	);
	assert.ok(sizes.some(([path]) => path.endsWith('.js')) && sizes.some(([path]) => path.endsWith('.css')), JSON.stringify(sizes));
	const total = sizes.reduce((sum, [, size]) => sum + size, 0);
	assert.ok(total > 0 && total < 60_000, JSON.stringify(sizes));
});

// Point 12: by then every part of the page was shown.
await check('no console error, no violation, no request to another host', async () => {
	assert.deepEqual(problems.splice(0), []);
	assert.deepEqual(await page.evaluate(() => window.policyViolations), []);
});

await check('a server that goes away shows Reconnecting, data turns stale, and all comes back without a reload', async () => {
	await board.cut();
	await eventually(async () => assert.equal(await connectionWord(), 'Reconnecting'), 15_000);
	await eventually(async () => assert.equal(await isStale('A'), true), 15_000);
	await page.screenshot({ path: join(shots, 'reconnecting-1366x768.png') });
	await board.start();
	await eventually(async () => {
		assert.equal(await connectionWord(), 'Live');
		assert.equal(await isStale('A'), false);
	}, 30_000);
	const before = await valuesOf('A');
	await eventually(async () => assert.notDeepEqual(await valuesOf('A'), before), 5_000);
	assert.equal(await page.evaluate(() => window.pageMarker), 'first load');
});

const restartCommand = process.env.RIGALPHA_RESTART_WEB;
if (restartCommand) {
	await check('a restarted sidecar is found again without a reload', async () => {
		await page.evaluate(() => window.connectionWords.splice(0));
		await promisify(exec)(restartCommand, { timeout: 60_000 });
		await eventually(async () => {
			assert.ok((await page.evaluate(() => window.connectionWords)).includes('Reconnecting'));
			assert.equal(await connectionWord(), 'Live');
		}, 30_000);
		const before = await valuesOf('A');
		await eventually(async () => assert.notDeepEqual(await valuesOf('A'), before), 15_000);
		assert.equal(await page.evaluate(() => window.pageMarker), 'first load');
	});
} else {
	skip('a restarted sidecar is found again without a reload', 'RIGALPHA_RESTART_WEB is not set');
}

await check('while the server was away nothing but failed requests was reported', async () => {
	const others = problems.splice(0).filter((problem) => !/Failed to load resource|net::ERR_/.test(problem));
	assert.deepEqual(others, []);
	assert.deepEqual(await page.evaluate(() => window.policyViolations), []);
});

const problemAnswer = (status, body) => ({ status, contentType: 'application/problem+json', body: JSON.stringify(body) });

await check('a server that is not ready says why', async () => {
	const { page: other, context } = await openPage(browser, desktop);
	const reason = 'the database cannot be reached';
	await other.route('**/readyz', (route) => route.fulfill(problemAnswer(503, { title: 'Not ready', status: 503, detail: reason })));
	await other.route('**/api/v1/**', (route) => route.fulfill(problemAnswer(503, { title: 'Not ready', status: 503, detail: reason })));
	await other.goto(pageUrl);
	await eventually(async () => assert.equal(await other.locator('.connection').innerText(), `Not ready\n${reason}`), 10_000);
	await other.screenshot({ path: join(shots, 'not-ready-1366x768.png') });
	await other.unroute('**/readyz');
	await other.unroute('**/api/v1/**');
	await logIn(other);
	await eventually(async () => assert.equal(await other.locator('.connection-word').textContent(), 'Live'), 30_000);
	await eventually(async () => assert.ok((await other.locator('.tile').count()) >= 180), 15_000);
	await context.close();
});

await check('a plant without machines shows how to send the first message', async () => {
	for (const [name, size] of [['1366x768', desktop], ['390x844', phone]]) {
		const { page: other, context } = await openPage(browser, size);
		await other.route('**/api/v1/machines', (route) => route.fulfill({ json: { machines: [] } }));
		await other.route('**/api/v1/stream', (route) => route.fulfill({ contentType: 'text/event-stream', body: 'retry: 60000\n\n' }));
		await other.goto(pageUrl);
		await logIn(other);
		await eventually(async () => assert.match(await other.locator('.empty').innerText(), /No machine has sent data yet/), 10_000);
		assert.match(await other.locator('.empty code').textContent(), /curl -X POST http.*\/api\/v1\/ingest/);
		assert.ok((await other.evaluate(() => document.documentElement.scrollWidth)) <= size.width);
		await other.screenshot({ path: join(shots, `empty-${name}.png`) });
		await context.close();
	}
});

await checkAccounts(browser, pageUrl, shots);

await browser.close();
await board.cut();
finish();
