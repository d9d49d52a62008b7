import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatRisk, riskLevel } from '../src/risk.ts';

test('levels begin at their limits', () => {
	const cases = [[0, 'normal'], [0.4999, 'normal'], [0.5, 'watch'], [0.7999, 'watch'], [0.8, 'alarm'], [1, 'alarm']];
	for (const [risk, level] of cases) {
		assert.equal(riskLevel(risk), level, String(risk));
	}
});

test('the number never says more than the word', () => {
	const digits = (risk) => formatRisk(risk).replace(/\D/, '.');
	assert.equal(digits(0), '0.00');
	assert.equal(digits(0.4999), '0.49');
	assert.equal(digits(0.7999), '0.79');
	assert.equal(digits(1), '1.00');
	for (let hundredths = 0; hundredths <= 100; hundredths++) {
		const text = (hundredths / 100).toFixed(2);
		assert.equal(digits(Number(text)), text);
		// The database keeps risks in single precision.
		assert.equal(riskLevel(Number(digits(Math.fround(hundredths / 100)))), riskLevel(Math.fround(hundredths / 100)), text);
	}
});
