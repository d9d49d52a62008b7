import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { LiveStream } from '../src/live.ts';

/** Timers that run when the test says so. */
class FakeTimers {
	now = 0;
	next = 1;
	due = new Map();
	real = [globalThis.setTimeout, globalThis.clearTimeout];

	install() {
		globalThis.setTimeout = (task, pause) => {
			this.due.set(this.next, { task, at: this.now + pause });
			return this.next++;
		};
		globalThis.clearTimeout = (id) => this.due.delete(id);
	}

	uninstall() {
		[globalThis.setTimeout, globalThis.clearTimeout] = this.real;
	}

	/** Passes time in small steps, so that timers set by timers run too. */
	pass(ms) {
		for (const end = this.now + ms; this.now < end; ) {
			this.now += 100;
			for (const [id, { task, at }] of this.due) {
				if (at <= this.now && this.due.delete(id)) {
					task();
				}
			}
		}
	}
}

class FakeEventSource extends EventTarget {
	static CONNECTING = 0;
	static OPEN = 1;
	static CLOSED = 2;
	static made = [];
	readyState = FakeEventSource.CONNECTING;

	constructor(url) {
		super();
		this.url = url;
		FakeEventSource.made.push(this);
	}

	close() {
		this.readyState = FakeEventSource.CLOSED;
	}

	open() {
		this.readyState = FakeEventSource.OPEN;
		this.dispatchEvent(new Event('open'));
	}

	fail(readyState) {
		this.readyState = readyState;
		this.dispatchEvent(new Event('error'));
	}

	send(type, text) {
		this.dispatchEvent(Object.assign(new Event(type), { data: text }));
	}
}

let timers;
let calls;
let stream;

beforeEach(() => {
	timers = new FakeTimers();
	timers.install();
	globalThis.EventSource = FakeEventSource;
	FakeEventSource.made = [];
	calls = [];
	const names = ['onOpen', 'onLost', 'onReading', 'onSensors', 'onHeartbeat', 'onReset'];
	stream = new LiveStream('/s', Object.fromEntries(names.map((name) => [name, (value) => calls.push([name, value])])));
	stream.start();
});

afterEach(() => {
	stream.stop();
	timers.uninstall();
});

const last = () => FakeEventSource.made.at(-1);

test('a dropped stream is resumed by the browser', () => {
	last().open();
	last().fail(FakeEventSource.CONNECTING);
	last().open();
	assert.equal(FakeEventSource.made.length, 1);
	assert.deepEqual(calls, [['onOpen', false], ['onLost', undefined], ['onOpen', true]]);
});

test('a refused stream is opened anew after a pause that grows up to a limit', () => {
	const pauses = [];
	for (let i = 0; i < 8; i++) {
		const before = FakeEventSource.made.length;
		last().fail(FakeEventSource.CLOSED);
		const failedAt = timers.now;
		while (FakeEventSource.made.length === before && timers.now - failedAt < 60_000) {
			timers.pass(100);
		}
		pauses.push(timers.now - failedAt);
	}
	assert.ok(pauses[0] <= 2_000, `first pause ${pauses[0]}`);
	assert.ok(pauses[7] >= 7_500, `last pause ${pauses[7]}`);
	assert.ok(Math.max(...pauses) <= 15_100, `longest pause ${Math.max(...pauses)}`);
	last().open();
	assert.deepEqual(calls.at(-1), ['onOpen', false], 'a new stream has no resume point');
});

test('after several failures in a row the browser is no longer left alone', () => {
	const first = last();
	for (let i = 0; i < 5; i++) {
		first.fail(FakeEventSource.CONNECTING);
	}
	assert.equal(first.readyState, FakeEventSource.CLOSED);
	timers.pass(15_000);
	assert.equal(FakeEventSource.made.length, 2);
});

test('a silent connection is given up', () => {
	last().open();
	timers.pass(20_000);
	last().send('heartbeat', '{"now":1}');
	timers.pass(20_000);
	assert.equal(FakeEventSource.made.length, 1);
	timers.pass(35_000);
	assert.ok(FakeEventSource.made.length >= 2);
	assert.ok(calls.some(([name]) => name === 'onLost'));
});

test('events reach their handlers, a broken one harms nothing', () => {
	last().open();
	last().send('reading', '{"machine":');
	last().send('reading', '{"machine":"A"}');
	last().send('sensors', '{"machines":["A"]}');
	last().send('sensors', '{}');
	last().send('reset', '{}');
	assert.deepEqual(calls.slice(1), [
		['onReading', { machine: 'A' }],
		['onSensors', ['A']],
		['onSensors', []],
		['onReset', undefined],
	]);
});
