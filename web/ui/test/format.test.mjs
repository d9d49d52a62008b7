import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
	decimalsForRange, decimalsForValue, formatDuration, formatLatency, formatNumber, formatRate, formatState, formatUnit, NOTHING,
} from '../src/format.ts';
import { barPosition, rangeState } from '../src/widgets/range_bar.ts';

test('decimals follow the range', () => {
	const cases = [[0, 20000, 0], [60, 180, 0], [4, 22, 1], [59.5, 60.5, 2], [0.02, 0.28, 3], [0, 1e-9, 4]];
	for (const [min, max, decimals] of cases) {
		assert.equal(decimalsForRange(min, max), decimals, `${min} to ${max}`);
	}
	assert.ok(Number.isNaN(decimalsForRange(5, 5)));
	assert.ok(Number.isNaN(decimalsForRange(NaN, 5)));
	assert.equal(decimalsForValue(0), 0);
	assert.equal(decimalsForValue(12.345), 2);
	assert.equal(decimalsForValue(123456), 0);
});

test('what is not there is a dash', () => {
	for (const text of [formatNumber(NaN, 1), formatRate(NaN), formatLatency(NaN), formatDuration(NaN), formatState(null), formatState('')]) {
		assert.equal(text, NOTHING);
	}
});

test('zero has no sign', () => {
	assert.equal(formatNumber(-0.01, 1), '0.0');
	assert.equal(formatNumber(-0, 0), '0');
	assert.equal(formatNumber(-0.06, 1), '-0.1');
});

test('durations and latencies', () => {
	assert.equal(formatDuration(-5), '< 1 s');
	assert.equal(formatDuration(9_900), '9 s');
	assert.equal(formatDuration(61_000), '1 min 1 s');
	assert.equal(formatDuration(2 * 3_600_000), '2 h 0 min');
	assert.equal(formatDuration(50 * 3_600_000), '2 d 2 h');
	assert.match(formatLatency(-33), /^-33 ms$/);
	assert.match(formatLatency(-65_000), /^-1 min 5 s$/);
});

test('states and units', () => {
	assert.equal(formatState('trip_in'), 'Trip in');
	assert.equal(formatUnit('degF'), '°F');
	assert.equal(formatUnit('1'), '');
	assert.equal(formatUnit('gal/min'), 'gal/min');
	assert.equal(formatUnit(null), '');
});

test('range state and bar', () => {
	assert.equal(rangeState(120, 60, 180), 'normal');
	assert.equal(rangeState(60, 60, 180), 'normal');
	assert.equal(rangeState(181, 60, 180), 'high');
	assert.equal(rangeState(59, 60, 180), 'low');
	assert.equal(rangeState(NaN, 60, 180), 'unknown');
	assert.equal(rangeState(5, NaN, NaN), 'unknown');
	assert.equal(rangeState(5, NaN, 4), 'high');
	assert.equal(barPosition(120, 60, 180), 0.5);
	assert.equal(barPosition(1e9, 60, 180), 1);
	assert.equal(barPosition(-1e9, 60, 180), 0);
	assert.ok(Number.isNaN(barPosition(NaN, 60, 180)));
	assert.ok(Number.isNaN(barPosition(5, 5, 5)));
});
