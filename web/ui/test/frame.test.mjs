import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import { Frame } from '../src/frame.ts';

let frames;
let becomeVisible;
let frame;

beforeEach(() => {
	frames = [];
	globalThis.document = { hidden: false, addEventListener: (_, listener) => (becomeVisible = listener) };
	globalThis.requestAnimationFrame = (task) => frames.push(task);
	globalThis.setInterval = () => 0;
	globalThis.reportError = () => {};
	frame = new Frame();
});

test('a task asked for many times runs once in the next frame', () => {
	let runs = 0;
	const task = () => runs++;
	for (let i = 0; i < 1000; i++) {
		frame.request(task);
	}
	assert.equal(frames.length, 1);
	frames.shift()();
	assert.equal(runs, 1);
	frame.request(task);
	assert.equal(frames.length, 1);
});

test('a hidden page draws nothing and catches up when it is seen again', () => {
	document.hidden = true;
	let runs = 0;
	frame.request(() => runs++);
	assert.equal(frames.length, 0);
	document.hidden = false;
	becomeVisible();
	frames.shift()();
	assert.equal(runs, 1);
});

test('a task that fails does not stop the others', () => {
	let runs = 0;
	frame.request(() => {
		throw new Error('broken widget');
	});
	frame.request(() => runs++);
	frames.shift()();
	assert.equal(runs, 1);
});
