// Message rate and latency of one machine over the last seconds, from its reading counter and the times at which the
// server stored them: events may be coalesced, repeated or late on the way, and the rate is still exact.

const WINDOW_MS = 10_000;
/** Samples closer than this replace each other, so a fast stream needs no more memory than a slow one. */
const SPACING_MS = 200;

interface Sample {
	at: number;
	readings: number;
	latency: number;
}

export class Traffic {
	/** In order of time and counter; the first one may be older than the window and is the base of the rate. */
	private samples: Sample[] = [];

	/** Takes the counter as it was when the server stored a message, in server time. */
	add(at: number, readings: number, latency: number): void {
		const last = this.samples.at(-1);
		if (last !== undefined && readings === last.readings) {
			return;
		}
		if (last !== undefined && (readings < last.readings || at < last.at)) {
			this.clear();
		}
		const before = this.samples.at(-2);
		if (before !== undefined && at - before.at < SPACING_MS) {
			this.samples.pop();
		}
		this.samples.push({ at, readings, latency });
		this.forget(at);
	}

	/** Time and counter of the newest sample; NaN before the first. */
	get newest(): number {
		return this.samples.at(-1)?.at ?? Number.NaN;
	}

	get readings(): number {
		return this.samples.at(-1)?.readings ?? Number.NaN;
	}

	clear(): void {
		this.samples = [];
	}

	/** Messages per second; NaN until two messages or a quiet window allow an answer. */
	rate(now: number): number {
		this.forget(now);
		const first = this.samples[0];
		const last = this.samples.at(-1);
		if (first === undefined || last === undefined) {
			return Number.NaN;
		}
		if (now - last.at > WINDOW_MS) {
			return 0;
		}
		// Between two messages the span ends at the newest one, so a steady stream reads steady; once it pauses, time counts.
		const end = now - last.at > WINDOW_MS / 4 ? now : last.at;
		return first !== last && end > first.at ? ((last.readings - first.readings) * 1000) / (end - first.at) : Number.NaN;
	}

	/** Median latency in the window, in milliseconds; the newest known one when the window is empty. */
	latency(now: number): number {
		this.forget(now);
		const values = this.samples.map((sample) => sample.latency).filter(Number.isFinite);
		return median(values);
	}

	private forget(now: number): void {
		const start = now - WINDOW_MS;
		while (this.samples.length > 1 && this.samples[1]!.at <= start) {
			this.samples.shift();
		}
	}
}

export function median(values: number[]): number {
	const sorted = values.slice().sort((a, b) => a - b);
	const middle = sorted.length >> 1;
	if (sorted.length === 0) {
		return Number.NaN;
	}
	return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
