// Values as people read them. Nothing here knows the page.

export const NOTHING = '–';

const formatters = new Map<number, Intl.NumberFormat>();

function formatter(decimals: number): Intl.NumberFormat {
	let found = formatters.get(decimals);
	if (found === undefined) {
		found = new Intl.NumberFormat(undefined, { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
		formatters.set(decimals, found);
	}
	return found;
}

export function formatNumber(value: number, decimals: number): string {
	if (!Number.isFinite(value)) {
		return NOTHING;
	}
	// What rounds to zero has no sign.
	return formatter(decimals).format(Math.abs(value) < 0.5 / 10 ** decimals ? 0 : value);
}

/** Decimals that resolve about a hundredth of the normal range: more would only flicker. */
export function decimalsForRange(min: number, max: number): number {
	const span = max - min;
	if (!(span > 0) || !Number.isFinite(span)) {
		return Number.NaN;
	}
	return Math.min(4, Math.max(0, 2 - Math.floor(Math.log10(span))));
}

/** Four significant digits, for a value whose range is unknown. */
export function decimalsForValue(value: number): number {
	const size = Math.abs(value);
	if (!(size > 0) || !Number.isFinite(size)) {
		return 0;
	}
	return Math.min(4, Math.max(0, 3 - Math.floor(Math.log10(size))));
}

export function formatCount(value: number): string {
	return formatNumber(value, 0);
}

export function formatRate(perSecond: number): string {
	return formatNumber(perSecond, perSecond < 100 ? 1 : 0);
}

/** Milliseconds between two events, kept negative: a message from the future says that a clock is wrong. */
export function formatLatency(ms: number): string {
	if (!Number.isFinite(ms)) {
		return NOTHING;
	}
	if (Math.abs(ms) < 10_000) {
		return `${formatNumber(ms, Math.abs(ms) < 10 ? 1 : 0)} ms`;
	}
	return `${ms < 0 ? '-' : ''}${formatDuration(Math.abs(ms))}`;
}

export function formatDuration(ms: number): string {
	if (!Number.isFinite(ms)) {
		return NOTHING;
	}
	const seconds = Math.max(0, ms) / 1000;
	if (seconds < 1) {
		return '< 1 s';
	}
	if (seconds < 60) {
		return `${Math.floor(seconds)} s`;
	}
	const minutes = Math.floor(seconds / 60);
	if (minutes < 60) {
		return `${minutes} min ${Math.floor(seconds % 60)} s`;
	}
	const hours = Math.floor(minutes / 60);
	return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const momentFormatter = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium' });

/** A point in time by the clock on the viewer's wall. */
export function formatMoment(ms: number): string {
	return Number.isFinite(ms) ? momentFormatter.format(ms) : NOTHING;
}

/** State words arrive as keys such as trip_in. */
export function formatState(state: string | null): string {
	const words = (state ?? '').replaceAll('_', ' ').trim();
	return words === '' ? NOTHING : words.charAt(0).toUpperCase() + words.slice(1);
}

const unitSigns = new Map([
	['1', ''],
	['deg', '°'],
	['degF', '°F'],
	['degC', '°C'],
	['kft.lb', 'kft·lb'],
]);

export function formatUnit(unit: string | null): string {
	return unit === null ? '' : (unitSigns.get(unit) ?? unit);
}

/** A key as it is read out and typed: in groups of four. */
export function inGroups(text: string): string {
	return text.replaceAll(/(.{4})(?=.)/g, '$1 ');
}
