// Server time as seen from here. Data age is counted in server time, because the clock of the viewing machine may be wrong.

/** Milliseconds since 1970 of an API time (RFC 3339 text or Unix milliseconds); NaN when there is none. */
export function parseTime(value: string | number | null | undefined): number {
	if (typeof value === 'number') {
		return value;
	}
	return typeof value === 'string' ? Date.parse(value) : Number.NaN;
}

export class ServerClock {
	private offset = Number.NaN;

	/** An answer that says what time the server has: replaces the estimate. */
	set(serverTime: number, now: number): void {
		if (Number.isFinite(serverTime)) {
			this.offset = serverTime - now;
		}
	}

	/** Something the server did at serverTime has arrived: its clock cannot be behind that. */
	observe(serverTime: number, now: number): void {
		const offset = serverTime - now;
		if (Number.isFinite(offset) && !(this.offset >= offset)) {
			this.offset = offset;
		}
	}

	now(now: number): number {
		return Number.isFinite(this.offset) ? now + this.offset : now;
	}
}
