// The risk of a machine as people read it. Nothing here knows the page.

import { formatNumber } from './format';

export type RiskLevel = 'normal' | 'watch' | 'alarm';

const WATCH = 0.5;
const ALARM = 0.8;

export function riskLevel(risk: number): RiskLevel {
	if (risk >= ALARM) {
		return 'alarm';
	}
	return risk >= WATCH ? 'watch' : 'normal';
}

/** Cut, not rounded: what reads 0.50 is never still normal. */
export function formatRisk(risk: number): string {
	return formatNumber(Math.floor(risk * 100 + 1e-9) / 100, 2);
}
