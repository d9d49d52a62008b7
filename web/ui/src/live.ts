// The event stream: one EventSource that is always either open or on its way back.
//
// The browser reconnects a dropped stream by itself and sends Last-Event-ID, so the server resumes without a gap. Where it
// gives up (an HTTP error), keeps failing, or hangs on a dead connection, this file opens a new stream with growing pauses;
// a new stream has no resume point, so onOpen(resumed = false) asks the owner to read everything again.

export interface ReadingEvent {
	machine: string;
	state: string | null;
	ts: string | number | null;
	received_at: string | number | null;
	latency_ms: number | null;
	readings: number;
	/** The newest value of every sensor; null when the machine has none. */
	values: Record<string, number | null> | null;
	risk: number | null;
	incidents: string[] | null;
}

export interface StreamHandlers {
	onOpen(resumed: boolean): void;
	onLost(): void;
	onReading(event: ReadingEvent): void;
	/** Sensors or machines changed; an empty list means any of them. */
	onSensors(machines: string[]): void;
	onHeartbeat(serverTime: string | number): void;
	/** The server no longer has the events in between. */
	onReset(): void;
}

/** Heartbeats come every 15 s: two missed ones mean that the connection is dead although nothing said so. */
const SILENCE_MS = 35_000;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 15_000;
/** Failed attempts that are left to the browser, which retries at a fixed pace, before the pauses grow. */
const NATIVE_ATTEMPTS = 5;

export class LiveStream {
	private source: EventSource | undefined;
	private failures = 0;
	private opened = false;
	private retryTimer = 0;
	private silenceTimer = 0;

	constructor(
		private readonly url: string,
		private readonly handlers: StreamHandlers,
	) {}

	start(): void {
		this.stop();
		this.opened = false;
		const source = new EventSource(this.url);
		this.source = source;
		source.addEventListener('open', () => this.handleOpen());
		source.addEventListener('error', () => this.handleError(source));
		this.listen(source, 'reading', (data) => this.handlers.onReading(data as ReadingEvent));
		this.listen(source, 'sensors', (data) => this.handlers.onSensors((data as { machines?: string[] }).machines ?? []));
		this.listen(source, 'heartbeat', (data) => this.handlers.onHeartbeat((data as { now: string | number }).now));
		this.listen(source, 'reset', () => this.handlers.onReset());
		this.restartSilenceTimer();
	}

	stop(): void {
		clearTimeout(this.retryTimer);
		clearTimeout(this.silenceTimer);
		this.source?.close();
		this.source = undefined;
	}

	get isOpen(): boolean {
		return this.source?.readyState === EventSource.OPEN;
	}

	/** Ends a pause early, for instance when the server was just seen alive. */
	retryNow(): void {
		if (this.source === undefined) {
			this.start();
		}
	}

	private listen(source: EventSource, type: string, handle: (data: unknown) => void): void {
		source.addEventListener(type, (event: MessageEvent<string>) => {
			this.restartSilenceTimer();
			let data: unknown;
			try {
				data = JSON.parse(event.data);
			} catch {
				return;
			}
			handle(data);
		});
	}

	private handleOpen(): void {
		const resumed = this.opened;
		this.opened = true;
		this.failures = 0;
		this.restartSilenceTimer();
		this.handlers.onOpen(resumed);
	}

	private handleError(source: EventSource): void {
		this.failures++;
		this.handlers.onLost();
		if (source.readyState === EventSource.CLOSED || this.failures >= NATIVE_ATTEMPTS) {
			this.pauseAndRestart();
		}
	}

	private pauseAndRestart(): void {
		this.stop();
		const longest = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(this.failures, 10));
		// Half of the pause is random: pages that lost the same server must not come back in step.
		const pause = longest / 2 + (Math.random() * longest) / 2;
		this.retryTimer = setTimeout(() => this.start(), pause);
	}

	private restartSilenceTimer(): void {
		clearTimeout(this.silenceTimer);
		this.silenceTimer = setTimeout(() => {
			this.failures++;
			this.handlers.onLost();
			this.pauseAndRestart();
		}, SILENCE_MS);
	}
}
