import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { ApiError } from '../src/http.ts';
import { Session } from '../src/session.ts';

const me = (more = {}) => ({ name: 'olga', role: 'operator', must_change_password: false, second_factor: false, machines: ['A'], ...more });
const refused = () => new ApiError('Log in', 401, '', '', 'login-required');

let calls;
let answers;
let stages;
let session;

beforeEach(() => {
	calls = [];
	stages = [];
	answers = { fetchMe: async () => me() };
	const names = ['logIn', 'logOut', 'fetchMe', 'changePassword'];
	const api = Object.fromEntries(
		names.map((name) => [
			name,
			async (...args) => {
				calls.push([name, ...args]);
				return answers[name]?.(...args);
			},
		]),
	);
	session = new Session(api);
	session.subscribe((stage) => stages.push(stage.kind));
});

test('a page with a live session opens', async () => {
	await session.start();
	assert.deepEqual(stages, ['open']);
	assert.equal(session.stage.me.name, 'olga');
});

test('without a session the login comes first, without a word of an ended one', async () => {
	answers.fetchMe = async () => {
		session.refuse('login-required');
		throw refused();
	};
	await session.start();
	assert.deepEqual(session.stage, { kind: 'login', notice: '' });
});

test('a session that ends leads back to the login once, and says so', async () => {
	await session.start();
	session.refuse('login-required');
	session.refuse('login-required');
	assert.deepEqual(stages, ['open', 'login']);
	assert.match(session.stage.notice, /session has ended/);
	await session.logIn('olga', 'secret', '');
	assert.equal(session.stage.kind, 'open');
});

test('a failed login changes nothing', async () => {
	session.refuse('login-required');
	answers.logIn = async () => {
		throw new ApiError('No', 401, '', '', 'login-failed');
	};
	await assert.rejects(session.logIn('olga', 'guess', ''), ApiError);
	assert.deepEqual(stages, ['login']);
	assert.equal(session.knowsPassword, false);
});

test('a given password is changed first, and need not be typed again', async () => {
	answers.fetchMe = async () => me({ must_change_password: true });
	await session.logIn('olga', 'given', '');
	assert.equal(session.stage.kind, 'password');
	assert.equal(session.knowsPassword, true);
	answers.fetchMe = async () => me();
	await session.changeFirstPassword('', 'my own');
	assert.deepEqual(calls.filter(([name]) => name === 'changePassword'), [['changePassword', 'given', 'my own']]);
	assert.equal(session.stage.kind, 'open');
	assert.equal(session.knowsPassword, false, 'the password is forgotten');
});

test('after a reload the given password is asked for', async () => {
	answers.fetchMe = async () => me({ must_change_password: true });
	await session.start();
	assert.equal(session.stage.kind, 'password');
	assert.equal(session.knowsPassword, false);
	await session.changeFirstPassword('typed', 'my own');
	assert.deepEqual(calls.at(-2), ['changePassword', 'typed', 'my own']);
});

test('an answer that asks for the change of the password leads there', async () => {
	await session.start();
	session.refuse('password-change-required');
	assert.equal(session.stage.kind, 'password');
	assert.equal(session.stage.me.must_change_password, true);
});
