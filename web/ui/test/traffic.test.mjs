import assert from 'node:assert/strict';
import { test } from 'node:test';
import { median, Traffic } from '../src/traffic.ts';

const near = (actual, expected, tolerance) =>
	assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} is not ${expected} ± ${tolerance}`);

test('one sample gives no rate', () => {
	const traffic = new Traffic();
	assert.ok(Number.isNaN(traffic.rate(0)));
	traffic.add(0, 1000, 5);
	assert.ok(Number.isNaN(traffic.rate(100)));
});

test('a steady stream reads steady, at one and at a thousand messages per second', () => {
	for (const perSecond of [1, 20, 1000]) {
		const traffic = new Traffic();
		for (let i = 0; i <= 30 * perSecond; i++) {
			traffic.add((i * 1000) / perSecond, i, 5);
			if (i > 12 * perSecond) {
				near(traffic.rate((i * 1000) / perSecond), perSecond, perSecond * 0.001);
			}
		}
		near(traffic.rate(30_500), perSecond, perSecond * 0.001);
	}
});

test('an event without a new message changes nothing', () => {
	const traffic = new Traffic();
	for (let i = 0; i <= 20; i++) {
		traffic.add(i * 1000, i, 5);
		traffic.add(i * 1000 + 700, i, 5);
		if (i > 1) {
			near(traffic.rate(i * 1000 + 700), 1, 0.001);
		}
	}
});

test('coalesced events still count every message', () => {
	const traffic = new Traffic();
	for (let i = 0; i <= 100; i++) {
		traffic.add(i * 100, i * 100, 5);
	}
	near(traffic.rate(10_000), 1000, 1);
});

test('the rate falls when the stream stops and is zero after the window', () => {
	const traffic = new Traffic();
	for (let i = 0; i <= 20; i++) {
		traffic.add(i * 500, i, 5);
	}
	near(traffic.rate(10_000), 2, 0.01);
	const later = traffic.rate(15_000);
	assert.ok(later > 0 && later < 1.6, String(later));
	assert.equal(traffic.rate(20_001), 0);
});

test('a counter that falls starts over', () => {
	const traffic = new Traffic();
	traffic.add(0, 1_000_000, 5);
	traffic.add(1000, 5, 5);
	assert.ok(Number.isNaN(traffic.rate(1000)));
	traffic.add(2000, 15, 5);
	near(traffic.rate(2000), 10, 0.01);
});

test('latency is the median and keeps its sign', () => {
	const traffic = new Traffic();
	[-33, -30, -900].forEach((latency, i) => traffic.add(i * 1000, i, latency));
	assert.equal(traffic.latency(2000), -33);
	assert.equal(median([4, 1, 3, 2]), 2.5);
	assert.ok(Number.isNaN(median([])));
});
