// What the server knows of the plant, as typed functions.

import { ApiError, getJson, readBody, request, textField } from './http';

export interface MachineRow {
	name: string;
	label: string | null;
	state: string | null;
	ts: string | null;
	received_at: string | null;
	latency_ms: number | null;
	/** Time since ts by the server's clock, when it answered. */
	age_ms: number | null;
	readings: number;
	sensors: number;
	/** Risk 0 to 1 of the newest scored reading; null before the first. */
	risk: number | null;
	/** Kinds of the open incidents; null when there are none. */
	incidents: string[] | null;
}

export interface IncidentRow {
	id: number;
	kind: string;
	started: string;
	/** null = open. */
	ended: string | null;
	/** null = not by a model. */
	peak_risk: number | null;
	top_sensors: string[];
	detail: string | null;
}

export interface TrainingRow {
	machine: string;
	/** In words, such as "warming up: 812 of 2000 readings". */
	state: string;
}

export interface SensorRow {
	name: string;
	label: string | null;
	unit: string | null;
	category: string | null;
	normal_min: number | null;
	normal_max: number | null;
	origin: string;
	display_order: number | null;
	value: number | null;
	ts: string | null;
}

export interface StatusRow {
	version: string;
	ready: boolean;
	machines: number;
	sensors: number;
	readings: number;
	dead_letters: number;
	kafka_lag: number | null;
}

export interface Readiness {
	ready: boolean;
	reason: string;
}

export async function fetchMachines(): Promise<MachineRow[]> {
	return (await getJson<{ machines: MachineRow[] }>('/api/v1/machines')).machines;
}

export async function fetchMachineSensors(machine: string): Promise<SensorRow[]> {
	const path = `/api/v1/machines/${encodeURIComponent(machine)}/sensors`;
	return (await getJson<{ sensors: SensorRow[] }>(path)).sensors;
}

/** Newest first. */
export async function fetchMachineIncidents(machine: string, limit: number): Promise<IncidentRow[]> {
	const path = `/api/v1/machines/${encodeURIComponent(machine)}/incidents?limit=${limit}`;
	return (await getJson<{ incidents: IncidentRow[] }>(path)).incidents;
}

export async function fetchTraining(): Promise<TrainingRow[]> {
	return (await getJson<{ training: TrainingRow[] }>('/api/v1/training')).training;
}

export async function fetchStatus(): Promise<StatusRow> {
	const answer = await getJson<StatusRow | StatusRow[]>('/api/v1/status');
	const row = Array.isArray(answer) ? answer[0] : answer;
	if (row === undefined) {
		throw new ApiError('the server sent no status', 200, '', '');
	}
	return row;
}

/** Asks whether the server can serve data. A 503 is an answer here, not an error. */
export async function fetchReadiness(): Promise<Readiness> {
	const response = await request('/readyz');
	if (response.ok) {
		return { ready: true, reason: '' };
	}
	return { ready: false, reason: reasonOf(await readBody(response)) || `the server answers ${response.status}` };
}

function reasonOf(body: unknown): string {
	return textField(body, 'reason') || textField(body, 'detail') || textField(body, 'title');
}
