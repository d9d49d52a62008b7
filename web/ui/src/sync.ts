// Keeps the store in step with the server: the stream brings readings, this file fetches what the stream only points at.

import {
	fetchMachineIncidents, fetchMachineSensors, fetchMachines, fetchReadiness, fetchStatus, fetchTraining,
} from './api';
import { parseTime } from './clock';
import { ApiError } from './http';
import { LiveStream } from './live';
import type { Store } from './store';

const STATUS_INTERVAL_MS = 5_000;
/** The stream does not say when an unchanged value was measured; the sensor list does. */
const SENSOR_INTERVAL_MS = 10_000;
/** Training, and incidents of machines that do not send, make no events. */
const SCORING_INTERVAL_MS = 10_000;
/** A machine's list is not read again sooner than this, however often new keys arrive. */
const LIST_SPACING_MS = 1_000;
const PARALLEL_LISTS = 3;
const NEWEST_INCIDENTS = 5;

export class Sync {
	private readonly stream: LiveStream;
	private readonly listQueue = new Set<string>();
	private readonly listReadAt = new Map<string, number>();
	private readonly listsInFlight = new Set<string>();
	private ready = true;
	private reachable = true;
	private everOpen = false;
	private reason = '';
	/** Counts the starts, so that repetitions of an earlier one end. */
	private run = 0;
	private running = false;

	/** watched: the machines whose sensors are on the screen, which get their lists first and kept fresh. */
	constructor(
		private readonly store: Store,
		private readonly watched: () => Iterable<string>,
	) {
		this.stream = new LiveStream('/api/v1/stream', {
			onOpen: (resumed) => this.handleOpen(resumed),
			onLost: () => this.handleLost(),
			onReading: (event) => {
				if (!store.applyReading(event, Date.now()) && !this.listsInFlight.has(event.machine)) {
					this.wantLists([event.machine]);
				}
			},
			onSensors: (machines) => this.handleSensors(machines),
			onHeartbeat: (serverTime) => store.setServerTime(parseTime(serverTime), Date.now()),
			onReset: () => this.resync(),
		});
	}

	start(): void {
		if (this.running) {
			return;
		}
		this.running = true;
		this.run++;
		this.stream.start();
		this.repeat(() => this.checkStatus(), STATUS_INTERVAL_MS);
		this.repeat(async () => this.wantLists(this.watched()), SENSOR_INTERVAL_MS);
		this.repeat(() => this.readScoring(), SCORING_INTERVAL_MS);
	}

	/** Asks nothing more until it is started again. */
	stop(): void {
		this.running = false;
		this.run++;
		this.stream.stop();
		this.listQueue.clear();
	}

	private handleOpen(resumed: boolean): void {
		this.everOpen = true;
		this.reachable = true;
		this.showConnection();
		if (!resumed) {
			this.resync();
		}
	}

	private handleLost(): void {
		this.showConnection();
		void this.checkStatus();
	}

	private handleSensors(machines: string[]): void {
		const all = machines.length === 0 || machines.includes('*');
		void this.readMachines().then(() => this.wantLists(all ? this.store.machines.keys() : machines));
	}

	private resync(): void {
		this.store.beginSync();
		void this.readMachines().then(() => {
			this.wantLists(this.watched());
			this.wantLists(this.store.machines.keys());
		});
	}

	private async readMachines(): Promise<void> {
		try {
			this.store.applyMachines(await fetchMachines(), Date.now());
		} catch (error) {
			this.noteFailure(error);
		}
	}

	private async readScoring(): Promise<void> {
		try {
			const [machines, training] = await Promise.all([fetchMachines(), fetchTraining()]);
			this.store.applyRisks(machines);
			this.store.applyTraining(training);
			this.wantLists([...this.store.machines.values()].filter((m) => m.incidentsChanged).map((m) => m.name));
		} catch (error) {
			this.noteFailure(error);
		}
	}

	private wantLists(machines: Iterable<string>): void {
		for (const machine of machines) {
			this.listQueue.add(machine);
		}
		this.readNextList();
	}

	private readNextList(): void {
		for (const machine of this.listQueue) {
			if (this.listsInFlight.size >= PARALLEL_LISTS) {
				return;
			}
			if (this.listsInFlight.has(machine)) {
				continue;
			}
			this.listQueue.delete(machine);
			this.listsInFlight.add(machine);
			void this.readList(machine).finally(() => {
				this.listsInFlight.delete(machine);
				this.readNextList();
			});
		}
	}

	private async readList(machine: string): Promise<void> {
		const wait = (this.listReadAt.get(machine) ?? 0) + LIST_SPACING_MS - Date.now();
		if (wait > 0) {
			await new Promise((resolve) => setTimeout(resolve, wait));
		}
		this.listReadAt.set(machine, Date.now());
		try {
			if (!this.store.machines.get(machine)?.described) {
				await this.readMachines();
			}
			const openKinds = this.store.machines.get(machine)?.openKinds ?? [];
			this.store.applySensors(machine, await fetchMachineSensors(machine));
			this.store.applyIncidents(machine, await fetchMachineIncidents(machine, NEWEST_INCIDENTS), openKinds);
		} catch (error) {
			this.noteFailure(error);
		}
	}

	private async checkStatus(): Promise<void> {
		try {
			this.store.setStatus(await fetchStatus());
			this.reachable = true;
			const readiness = await fetchReadiness();
			const recovered = readiness.ready && !this.ready;
			this.ready = readiness.ready;
			this.reason = readiness.reason;
			if (recovered && this.stream.isOpen) {
				this.resync();
			}
			if (this.running) {
				this.stream.retryNow();
			}
		} catch (error) {
			await this.explainFailure(error);
		}
		this.showConnection();
	}

	private async explainFailure(error: unknown): Promise<void> {
		this.noteFailure(error);
		if (!this.reachable) {
			return;
		}
		try {
			const readiness = await fetchReadiness();
			this.ready = readiness.ready;
			this.reason = readiness.reason;
		} catch (second) {
			this.noteFailure(second);
		}
	}

	private noteFailure(error: unknown): void {
		if (!(error instanceof ApiError)) {
			throw error;
		}
		if (error.status === 401) {
			// The session has ended: the page is told by another way.
			return;
		}
		this.reachable = error.status !== 0;
		if (error.status === 503) {
			this.ready = false;
			this.reason = error.detail || error.message;
		}
		this.showConnection();
	}

	private showConnection(): void {
		if (this.reachable && !this.ready) {
			this.store.setConnection('not-ready', this.reason);
		} else if (this.stream.isOpen) {
			this.store.setConnection('live', '');
		} else {
			this.store.setConnection(this.everOpen || !this.reachable ? 'reconnecting' : 'connecting', '');
		}
	}

	/** Runs work now and again a pause after each end, so that a slow server is never asked twice at once. */
	private repeat(work: () => Promise<void>, pause: number, run = this.run): void {
		if (run === this.run) {
			void work().finally(() => setTimeout(() => this.repeat(work, pause, run), pause));
		}
	}
}
