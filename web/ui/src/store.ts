// What is known of the plant right now. No DOM and no network; the present moment is always an argument.
//
// Values are columns: a sensor key gets a column the first time it is seen, and views read values[column] when they draw.

import type { IncidentRow, MachineRow, SensorRow, StatusRow, TrainingRow } from './api';
import { parseTime, ServerClock } from './clock';
import type { ReadingEvent } from './live';
import { median, Traffic } from './traffic';

/** Older than this, data is marked and never looks normal. */
export const STALE_MS = 10_000;
/** A sensor that lags its own machine by this much is marked alone. */
export const SENSOR_STALE_MS = 30_000;

export interface Sensor {
	readonly name: string;
	readonly column: number;
	readonly label: string;
	readonly unit: string | null;
	readonly category: string | null;
	/** NaN where no normal range is known. */
	readonly normalMin: number;
	readonly normalMax: number;
}

export type Phase = 'connecting' | 'live' | 'reconnecting' | 'not-ready';

export interface Connection {
	readonly phase: Phase;
	readonly reason: string;
}

export type Change =
	| { kind: 'machines' }
	| { kind: 'readings'; machine: Machine }
	| { kind: 'sensors'; machine: Machine }
	| { kind: 'connection' }
	| { kind: 'status' };

export class Machine {
	label: string;
	state: string | null = null;
	/** Device time of the newest reading and its receipt by the server, in milliseconds; NaN before the first. */
	ts = Number.NaN;
	receivedAt = Number.NaN;
	/** In the order of display; empty until the list was read. */
	sensors: readonly Sensor[] = [];
	values = new Float64Array(64).fill(Number.NaN);
	/** Device time at which each value is known to have been current. */
	times = new Float64Array(64).fill(Number.NaN);
	readonly traffic = new Traffic();
	/** Of the newest scored reading, 0 to 1; NaN before the first. */
	risk = Number.NaN;
	/** Kinds of the incidents that are open now; what is known of them stands in incidents. */
	openKinds: readonly string[] = [];
	/** The newest incidents, the newest first; empty until the list was read. */
	incidents: readonly IncidentRow[] = [];
	/** Seen in the list of machines, not only in the stream. */
	described = false;
	/** Taken from the current connection; older knowledge gives way to the next snapshot. */
	synced = false;

	private readonly columns = new Map<string, number>();
	private readonly listed = new Set<string>();
	private kindsListed: readonly string[] = [];

	constructor(readonly name: string) {
		this.label = name;
	}

	column(key: string): number {
		let column = this.columns.get(key);
		if (column === undefined) {
			column = this.columns.size;
			this.columns.set(key, column);
			if (column >= this.values.length) {
				this.values = grow(this.values);
				this.times = grow(this.times);
			}
		}
		return column;
	}

	isListed(key: string): boolean {
		return this.listed.has(key);
	}

	list(sensors: Sensor[]): void {
		this.sensors = sensors;
		this.listed.clear();
		for (const sensor of sensors) {
			this.listed.add(sensor.name);
		}
	}

	labelOf(key: string): string {
		return this.sensors.find((sensor) => sensor.name === key)?.label ?? key;
	}

	setRisk(row: { risk: number | null; incidents: string[] | null }): void {
		this.risk = row.risk ?? Number.NaN;
		this.openKinds = row.incidents ?? [];
	}

	/** kinds: those that were open when the list was asked for, for it may miss what was opened later. */
	listIncidents(incidents: IncidentRow[], kinds: readonly string[]): void {
		this.kindsListed = kinds;
		// A list that says the same keeps its rows on the page.
		if (JSON.stringify(incidents) !== JSON.stringify(this.incidents)) {
			this.incidents = incidents;
		}
	}

	/** Whether incidents were opened or closed since their list was read. */
	get incidentsChanged(): boolean {
		return this.openKinds.join() !== this.kindsListed.join();
	}

	/** Age of the newest data. It counts from device time or receipt, whichever is earlier: neither a device clock that runs ahead nor a late backfill looks fresh. */
	age(serverNow: number): number {
		return Number.isFinite(this.ts) ? serverNow - Math.min(this.ts, this.receivedAt) : Number.NaN;
	}

	isStale(serverNow: number): boolean {
		return !(this.age(serverNow) <= STALE_MS);
	}

	isSensorStale(sensor: Sensor): boolean {
		return this.ts - (this.times[sensor.column] ?? Number.NaN) > SENSOR_STALE_MS;
	}

	/** A value out of an event. An event carries the last known value of every sensor, so only a change proves that the sensor still speaks. */
	setValue(key: string, value: number, ts: number): void {
		const column = this.column(key);
		if (!Object.is(this.values[column], value) || Number.isNaN(this.times[column])) {
			this.values[column] = value;
			this.times[column] = ts;
		}
	}

	/** A value with its own time, out of the list. For the same value that time is the truth; another value that is older was overtaken by an event. */
	confirmValue(key: string, value: number, ts: number): void {
		const column = this.column(key);
		if (Object.is(this.values[column], value) || !(ts < this.times[column]!)) {
			this.values[column] = value;
			this.times[column] = ts;
		}
	}
}

export class Store {
	readonly clock = new ServerClock();
	readonly machines = new Map<string, Machine>();
	/** Whether the list of machines was ever read: an empty plant and an unknown one look different. */
	loaded = false;
	connection: Connection = { phase: 'connecting', reason: '' };
	status: StatusRow | undefined;
	/** How far the training of each machine is, in words. */
	readonly training = new Map<string, string>();
	private readonly listeners = new Set<(change: Change) => void>();

	subscribe(listener: (change: Change) => void): () => void {
		this.listeners.add(listener);
		return () => this.listeners.delete(listener);
	}

	setConnection(phase: Phase, reason: string): void {
		if (phase !== this.connection.phase || reason !== this.connection.reason) {
			this.connection = { phase, reason };
			this.emit({ kind: 'connection' });
		}
	}

	setStatus(status: StatusRow): void {
		this.status = status;
		this.emit({ kind: 'status' });
	}

	setServerTime(serverTime: number, now: number): void {
		this.clock.set(serverTime, now);
	}

	/** A new connection starts: what it says replaces what is known, even if the database was restored to an earlier time. */
	beginSync(): void {
		for (const machine of this.machines.values()) {
			machine.synced = false;
			machine.traffic.clear();
		}
	}

	/** A list of machines read after beginSync. Machines it does not have are gone, unless the stream named them meanwhile. */
	applyMachines(rows: MachineRow[], now: number): void {
		let changed = !this.loaded;
		this.loaded = true;
		const present = new Set<string>();
		for (const row of rows) {
			present.add(row.name);
			const known = this.machines.get(row.name);
			const machine = known ?? this.addMachine(row.name);
			const label = row.label || row.name;
			changed ||= known === undefined || label !== machine.label;
			machine.label = label;
			machine.described = true;
			const ts = parseTime(row.ts);
			this.clock.observe(ts + (row.age_ms ?? Number.NaN), now);
			this.count(machine, parseTime(row.received_at), row.readings, row.latency_ms, now);
			if (!machine.synced || ts > machine.ts) {
				machine.state = row.state;
				machine.ts = ts;
				machine.receivedAt = parseTime(row.received_at);
				machine.synced = true;
			}
			this.takeRisk(machine, row);
		}
		for (const machine of [...this.machines.values()]) {
			if (!machine.synced && !present.has(machine.name)) {
				this.machines.delete(machine.name);
				changed = true;
			}
		}
		if (changed) {
			this.emit({ kind: 'machines' });
		}
	}

	/** A list of machines read in between. Only risk and incidents are taken: how fresh the values are is for the stream to say. */
	applyRisks(rows: MachineRow[]): void {
		for (const row of rows) {
			const machine = this.machines.get(row.name);
			if (machine !== undefined) {
				this.takeRisk(machine, row);
			}
		}
	}

	applyTraining(rows: TrainingRow[]): void {
		this.training.clear();
		for (const { machine: name, state } of rows) {
			this.training.set(name, state);
			const machine = this.machines.get(name);
			if (machine !== undefined) {
				this.emit({ kind: 'readings', machine });
			}
		}
	}

	applyIncidents(name: string, rows: IncidentRow[], kinds: readonly string[]): void {
		const machine = this.machines.get(name);
		if (machine !== undefined) {
			machine.listIncidents(rows, kinds);
			this.emit({ kind: 'readings', machine });
		}
	}

	applySensors(name: string, rows: SensorRow[]): void {
		const machine = this.machines.get(name);
		if (machine === undefined) {
			return;
		}
		const before = machine.sensors;
		const order = (row: SensorRow) => row.display_order ?? Number.MAX_SAFE_INTEGER;
		const sorted = rows.slice().sort((a, b) => order(a) - order(b) || (a.name < b.name ? -1 : 1));
		machine.list(sorted.map((row) => describeSensor(machine, row)));
		for (const row of rows) {
			machine.confirmValue(row.name, row.value ?? Number.NaN, parseTime(row.ts));
		}
		this.emit(sameSensors(before, machine.sensors) ? { kind: 'readings', machine } : { kind: 'sensors', machine });
	}

	/** Takes one event; returns false when the lists of its machine must be read: for a machine or sensor that is not described yet, and for incidents that were opened or closed. */
	applyReading(event: ReadingEvent, now: number): boolean {
		const known = this.machines.get(event.machine);
		const machine = known ?? this.addMachine(event.machine);
		const ts = parseTime(event.ts);
		const receivedAt = parseTime(event.received_at);
		this.clock.observe(receivedAt, now);
		this.count(machine, receivedAt, event.readings, event.latency_ms, now);
		let described = machine.described;
		if (!machine.synced || !(ts < machine.ts)) {
			machine.state = event.state;
			machine.ts = ts;
			machine.receivedAt = receivedAt;
			machine.synced = true;
			machine.setRisk(event);
			const values = event.values ?? {};
			for (const key in values) {
				machine.setValue(key, values[key] ?? Number.NaN, ts);
				described &&= machine.isListed(key);
			}
		}
		this.emit(known === undefined ? { kind: 'machines' } : { kind: 'readings', machine });
		return described && !machine.incidentsChanged;
	}

	/** Messages per second of all machines together. */
	totalRate(now: number): number {
		let sum = Number.NaN;
		for (const machine of this.machines.values()) {
			const rate = machine.traffic.rate(this.clock.now(now));
			if (Number.isFinite(rate)) {
				sum = Number.isFinite(sum) ? sum + rate : rate;
			}
		}
		return sum;
	}

	/** Median over the machines that send. */
	typicalLatency(now: number): number {
		const serverNow = this.clock.now(now);
		const latencies = [...this.machines.values()]
			.filter((machine) => !machine.isStale(serverNow))
			.map((machine) => machine.traffic.latency(serverNow));
		return median(latencies.filter(Number.isFinite));
	}

	private takeRisk(machine: Machine, row: MachineRow): void {
		if (!(parseTime(row.ts) < machine.ts)) {
			machine.setRisk(row);
		}
		this.emit({ kind: 'readings', machine });
	}

	/** The time of receipt belongs to the newest reading by device time. When older data arrives it stands still, and the present counts. */
	private count(machine: Machine, receivedAt: number, readings: number, latency: number | null, now: number): void {
		const { traffic } = machine;
		const late = receivedAt <= traffic.newest && readings > traffic.readings;
		const at = late ? this.clock.now(now) : receivedAt;
		if (Number.isFinite(at)) {
			traffic.add(at, readings, latency ?? Number.NaN);
		}
	}

	private addMachine(name: string): Machine {
		const machine = new Machine(name);
		this.machines.set(name, machine);
		return machine;
	}

	private emit(change: Change): void {
		for (const listener of this.listeners) {
			listener(change);
		}
	}
}

function describeSensor(machine: Machine, row: SensorRow): Sensor {
	return {
		name: row.name,
		column: machine.column(row.name),
		label: row.label || row.name,
		unit: row.unit,
		category: row.category,
		normalMin: row.normal_min ?? Number.NaN,
		normalMax: row.normal_max ?? Number.NaN,
	};
}

function sameSensors(a: readonly Sensor[], b: readonly Sensor[]): boolean {
	return a.length === b.length && a.every((sensor, i) => sameSensor(sensor, b[i]!));
}

function sameSensor(a: Sensor, b: Sensor): boolean {
	return (
		a.name === b.name &&
		a.label === b.label &&
		a.unit === b.unit &&
		a.category === b.category &&
		Object.is(a.normalMin, b.normalMin) &&
		Object.is(a.normalMax, b.normalMax)
	);
}

function grow(column: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
	const bigger = new Float64Array(column.length * 2).fill(Number.NaN);
	bigger.set(column);
	return bigger;
}
