// Accounts in the page: the first login, leaving, and what an admin does for others.
import { join } from 'node:path';
import { assert, check, eventually, skip } from './harness.mjs';
import { findLowContrast, openPage } from './page.mjs';

const FIRST = process.env.RIGALPHA_ADMIN_PASSWORD ?? '';
/** What the first password is changed to. A second run against the same stack finds it changed already. */
const OWN = `changed ${FIRST}`;
export const ADMIN = { name: 'admin', password: OWN };

const heading = (page) => page.locator('.page-title').textContent();
const focusedLabel = (page) =>
	page.evaluate(() => document.activeElement?.labels?.[0]?.textContent ?? document.activeElement?.innerText ?? '');

export async function fillLogin(page, { name, password }) {
	await page.locator('.sign-in input[autocomplete="username"]').fill(name);
	await page.locator('.sign-in input[autocomplete="current-password"]').fill(password);
	await page.keyboard.press('Enter');
}

/** Logs in and waits until the machines are on the page. */
export async function logIn(page, user = ADMIN) {
	await page.locator('.sign-in').waitFor();
	await fillLogin(page, user);
	await page.locator('.cards').waitFor({ state: 'attached' });
}

/** Takes what a refused request writes to the console off the list: to be asked for a login is no problem. */
export function forgetRefusals(problems) {
	const others = problems.filter((text) => !/Failed to load resource: .* status of (401|403|422|429)/.test(text));
	problems.splice(0, problems.length, ...others);
}

/** Opens the way to the machines with the keyboard alone, from the one-time password on. */
export async function checkFirstLogin(page, problems, shots) {
	await check('the page asks for a login, and a wrong password is told as such', async () => {
		await eventually(async () => assert.equal(await heading(page), 'Log in'), 10_000);
		assert.equal(await page.locator('.card, .user:visible, .top .metrics:visible').count(), 0, 'nothing of the plant is shown');
		assert.equal(await focusedLabel(page), 'Name');
		await page.screenshot({ path: join(shots, 'login-1366x768.png') });
		await page.keyboard.type(ADMIN.name);
		await page.keyboard.press('Tab');
		assert.equal(await focusedLabel(page), 'Password');
		await page.keyboard.type('not the password');
		await page.keyboard.press('Enter');
		await eventually(async () => assert.equal(await page.locator('.form-message').textContent(), 'Name or password is wrong.'), 10_000);
		assert.equal(await page.locator('.form-message').getAttribute('role'), 'alert');
		assert.equal(await focusedLabel(page), 'Password');
	});

	await check('the one-time password must be changed before anything is shown', async () => {
		await page.keyboard.type(FIRST);
		await page.keyboard.press('Enter');
		const choosing = page.locator('.page-title', { hasText: 'Choose a password of your own' });
		await page.locator('.form-message:has-text("wrong")').or(choosing).waitFor();
		if (!(await choosing.isVisible())) {
			// This stack was tested before.
			return logIn(page);
		}
		assert.equal(await page.locator('.card').count(), 0);
		assert.equal(await focusedLabel(page), 'New password');
		const type = async (next, again) => {
			for (const [i, text] of [next, again].entries()) {
				await page.locator('input[autocomplete="new-password"]').nth(i).fill(text);
			}
			await page.keyboard.press('Enter');
		};
		await type(OWN, `${OWN}!`);
		assert.equal(await page.locator('.form-message').textContent(), 'The two new passwords differ.');
		await type('password', 'password');
		await eventually(async () => assert.match(await page.locator('.form-message').textContent(), /password|guess|common/i), 10_000);
		await type(OWN, OWN);
		await page.locator('.cards').waitFor({ state: 'attached', timeout: 10_000 });
	});

	await check('a login leaves no console error, and none of it breaks the policy', async () => {
		forgetRefusals(problems);
		assert.deepEqual(problems, []);
		assert.deepEqual(await page.evaluate(() => window.policyViolations), []);
		assert.match(await page.locator('.user-button').innerText(), /admin/);
	});
}

async function nothingOverflows(page, name, shots) {
	for (const [width, height] of [[1366, 768], [400, 800]]) {
		await page.setViewportSize({ width, height });
		for (const colorScheme of ['light', 'dark']) {
			await page.emulateMedia({ colorScheme });
			assert.deepEqual(await page.evaluate(findLowContrast, 4.5), [], `${name} ${colorScheme}`);
		}
		assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `${name} overflows ${width} px`);
		await page.emulateMedia({ colorScheme: 'light' });
		await page.screenshot({ path: join(shots, `${name}-${width}.png`) });
	}
	await page.setViewportSize({ width: 1366, height: 768 });
	// What has no name is nothing to a screen reader.
	const nameless = await page.evaluate(() =>
		[...document.querySelectorAll('input:not([hidden]), select, button, a, table')]
			.filter((node) => node.checkVisibility())
			.filter((node) => !(node.ariaLabel || node.labels?.length || node.textContent.trim()))
			.map((node) => node.outerHTML.slice(0, 100)),
	);
	assert.deepEqual(nameless, [], name);
}

export async function checkAccounts(browser, pageUrl, shots) {
	const { page, context, problems } = await openPage(browser, { width: 1366, height: 768 });
	const hasAdministration = await (async () => {
		await page.goto(`${pageUrl}#/account`);
		await page.locator('.sign-in').waitFor();
		await fillLogin(page, ADMIN);
		await page.locator('.page').waitFor();
		return page.evaluate(async () => (await fetch('/api/v1/users')).status !== 404);
	})();

	await check('after the login the page goes on where its address says', async () => {
		assert.equal(await heading(page), 'Account');
		await nothingOverflows(page, 'account', shots);
	});

	await check('the second factor shows its key as text and picture, and can be called off', async () => {
		await page.locator('button', { hasText: 'Set up' }).click();
		await page.locator('dialog input').fill(ADMIN.password);
		await page.keyboard.press('Enter');
		await page.locator('.qr').waitFor();
		assert.match(await page.locator('.copyable code').nth(0).textContent(), /^([A-Z2-7]{4} )+[A-Z2-7]{1,4}$/);
		assert.match(await page.locator('.copyable code').nth(1).textContent(), /^otpauth:\/\/totp\//);
		await nothingOverflows(page, 'second-factor', shots);
		await page.locator('.panel button', { hasText: 'Cancel' }).click();
		assert.ok(await page.locator('button', { hasText: 'Set up' }).isVisible());
	});

	if (hasAdministration) {
		await checkAdministration(browser, page, pageUrl, shots);
	} else {
		skip('users, tokens and the audit log', 'the sidecar has no administration');
	}

	await check('a session that has ended leads back to the login, and then to where the page was', async () => {
		await page.goto(`${pageUrl}#/account`);
		await page.locator('.page').waitFor();
		await context.clearCookies();
		await eventually(async () => assert.match(await page.locator('.notice').textContent(), /session has ended/), 15_000);
		await fillLogin(page, ADMIN);
		await eventually(async () => assert.equal(await heading(page), 'Account'), 10_000);
	});

	await check('logging out by the keyboard leaves nothing of the plant on the page', async () => {
		await page.goto(`${pageUrl}#/`);
		await page.locator('.card').first().waitFor();
		await page.locator('.user-button').focus();
		await page.keyboard.press('Enter');
		for (let i = 0; i < 8 && (await focusedLabel(page)) !== 'Log out'; i++) {
			await page.keyboard.press('Tab');
		}
		await page.keyboard.press('Enter');
		await page.locator('.sign-in').waitFor();
		assert.equal(await page.locator('.card').count(), 0);
		assert.equal(await page.evaluate(async () => (await fetch('/api/v1/me')).status), 401);
	});

	await check('none of it broke the policy, left an error or asked another host', async () => {
		forgetRefusals(problems);
		assert.deepEqual(problems, []);
		assert.deepEqual(await page.evaluate(() => window.policyViolations), []);
	});
	await context.close();
}

async function checkAdministration(browser, page, pageUrl, shots) {
	const operator = { name: `olga <img src=x onerror=alert(1)> ${Date.now().toString(36)}`, password: '' };

	await check('an admin makes an operator, whose name stays text', async () => {
		await page.goto(`${pageUrl}#/users`);
		await page.locator('[data-user="admin"]').waitFor();
		await page.locator('button', { hasText: 'New user' }).click();
		await page.locator('dialog input[type="text"]').fill(operator.name);
		await page.locator('dialog select').selectOption('operator');
		await page.locator('dialog input[value="B"]').check();
		await page.locator('dialog button', { hasText: 'Create' }).click();
		operator.password = await page.locator('dialog .copyable code').textContent();
		await page.keyboard.press('Escape');
		assert.equal(await page.locator('dialog').count(), 1, 'Escape does not lose the password');
		await page.locator('dialog button', { hasText: 'I have kept it' }).click();
		const row = page.locator('[data-user]', { hasText: operator.name });
		await eventually(async () => assert.match(await row.innerText(), /operator\s+B\s+one-time password/), 10_000);
		assert.equal(await page.locator('main img').count(), 0);
		await nothingOverflows(page, 'users', shots);
	});

	await check('the operator sees the assigned machine, no other, and no administration', async () => {
		const { page: other, context } = await openPage(browser, { width: 1366, height: 768 });
		await other.goto(`${pageUrl}#/users`);
		await other.locator('.sign-in').waitFor();
		await fillLogin(other, operator);
		await eventually(async () => assert.equal(await heading(other), 'Choose a password of your own'), 10_000);
		for (const i of [0, 1]) {
			await other.locator('input[autocomplete="new-password"]').nth(i).fill(`own ${operator.password}`);
		}
		await other.keyboard.press('Enter');
		await other.locator('.card[data-machine="B"]').waitFor();
		assert.deepEqual(await other.locator('.card').evaluateAll((cards) => cards.map((card) => card.dataset.machine)), ['B']);
		await other.locator('.user-button').click();
		assert.equal(await other.locator('.user-list', { hasText: 'Administration' }).locator('a:visible', { hasText: 'Administration' }).count(), 0);
		await context.close();
	});

	await check('a token is issued, shown once and revoked', async () => {
		await page.goto(`${pageUrl}#/tokens`);
		const name = `gateway ${Date.now().toString(36)}`;
		await page.locator('button', { hasText: 'New token' }).click();
		await page.locator('dialog select').selectOption('B');
		await page.locator('dialog input').first().fill(name);
		await page.locator('dialog button', { hasText: 'Issue' }).click();
		assert.match(await page.locator('dialog .copyable code').textContent(), /^rig_[0-9a-f]{8}_/);
		await page.locator('dialog button', { hasText: 'I have kept it' }).click();
		const row = page.locator('[data-token]', { hasText: name });
		await row.locator('button').click();
		await page.locator('dialog button', { hasText: 'Revoke' }).click();
		await eventually(async () => assert.match(await row.innerText(), /revoked/), 10_000);
		await nothingOverflows(page, 'tokens', shots);
	});

	await check('the audit log shows who made the token, opens to before and after, and says what a check is worth', async () => {
		await page.goto(`${pageUrl}#/audit`);
		const entry = page.locator('[data-entry]', { hasText: 'api_tokens' }).first();
		await entry.waitFor();
		assert.match(await entry.innerText(), /admin/);
		await entry.locator('button').click();
		await eventually(async () => assert.ok((await page.locator('.changes tr[data-changed]').count()) > 0), 5_000);
		await page.locator('button', { hasText: 'Check now' }).click();
		await eventually(async () => assert.match(await page.locator('.verdict').innerText(), /Internally consistent[\s\S]*nchored/), 60_000);
		await nothingOverflows(page, 'audit', shots);
	});
}
