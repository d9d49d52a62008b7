import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { ApiError, explain, getJson, onRefusal, problemOf, sendJson } from '../src/http.ts';

const realFetch = globalThis.fetch;
afterEach(() => {
	globalThis.fetch = realFetch;
});

function answer(status, body, headers = {}) {
	const asked = [];
	globalThis.fetch = async (path, options) => {
		asked.push({ path, ...options });
		return new Response(status === 204 ? null : JSON.stringify(body), { status, headers });
	};
	return asked;
}

const problem = (code, detail) => ({ type: `urn:rigalpha:problem:${code}`, title: 'No', status: 401, detail, request_id: 'r7' });

test('a problem becomes an error with its code, detail and pause', async () => {
	answer(429, problem('too-many-attempts', 'slow down'), { 'retry-after': '12' });
	await assert.rejects(getJson('/x'), (error) => {
		assert.deepEqual([error.status, error.code, error.detail, error.retryAfter, error.requestId], [429, 'too-many-attempts', 'slow down', 12, 'r7']);
		return true;
	});
});

test('a pause that is not a number of seconds is none', () => {
	for (const text of [null, '', 'Wed, 21 Oct 2026 07:28:00 GMT', '-1', '1e9']) {
		assert.ok(Number.isNaN(problemOf(429, {}, text).retryAfter), String(text));
	}
});

test('the code of a foreign problem type is no code', () => {
	assert.equal(problemOf(401, { type: 'https://example.org/login-required' }, null).code, '');
});

test('what ends the session is told, a failed login is not', async () => {
	const told = [];
	onRefusal((refusal) => told.push(refusal));
	for (const code of ['login-failed', 'login-required', 'code-required', 'password-change-required', 'forbidden']) {
		answer(401, problem(code));
		await assert.rejects(getJson('/x'), ApiError);
	}
	assert.deepEqual(told, ['login-required', 'password-change-required']);
});

test('a change is sent as JSON, and nothing comes back where there is nothing to say', async () => {
	const asked = answer(204);
	assert.equal(await sendJson('PUT', '/x', { a: null }), undefined);
	assert.equal(asked[0].method, 'PUT');
	assert.equal(asked[0].body, '{"a":null}');
	assert.equal(asked[0].headers['content-type'], 'application/json');
	await sendJson('DELETE', '/y');
	assert.equal(asked[1].body, null);
	assert.equal(asked[1].headers['content-type'], undefined);
});

test('failures are explained in a sentence, those of the server with the request', () => {
	assert.equal(explain(new ApiError('Not allowed', 403, 'the last admin stays', 'r1')), 'The last admin stays.');
	assert.equal(explain(new ApiError('The request failed', 500, '', 'r1')), 'The request failed. (request r1)');
	assert.equal(explain(new ApiError('gone', 0, 'TypeError', '')), 'The server cannot be reached.');
	assert.throws(() => explain(new TypeError('a mistake of ours')), TypeError);
});
