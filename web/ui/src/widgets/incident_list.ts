// The newest incidents of a machine as a table, under a line that says how far its training is.

import type { IncidentRow } from '../api';
import { element, TextCell } from '../dom';
import { formatState, NOTHING } from '../format';
import { formatRisk, riskLevel } from '../risk';
import type { Machine } from '../store';
import { moment } from './moment';

const COLUMNS = ['Kind', 'Started', 'Ended', 'Peak risk', 'Top sensors'];

export class IncidentList {
	readonly element: HTMLElement;
	private readonly training = new TextCell();
	private readonly rows = element('tbody');
	private readonly table: HTMLElement;
	private readonly none = element('p', { class: 'incidents-none' }, 'No incidents so far');
	private drawn: readonly IncidentRow[] | undefined;
	private drawnSensors: Machine['sensors'] | undefined;

	constructor(machineName: string) {
		this.table = element(
			'table',
			{ 'aria-label': `Newest incidents of ${machineName}` },
			element('thead', {}, element('tr', {}, ...COLUMNS.map((column) => element('th', { scope: 'col' }, column)))),
			this.rows,
		);
		this.element = element(
			'section',
			{ class: 'incidents', 'aria-label': `Incidents of ${machineName}` },
			element('h3', {}, 'Incidents'),
			element('p', { class: 'training' }, 'Model: ', this.training.node),
			this.none,
			this.table,
		);
	}

	update(machine: Machine, training: string | undefined): void {
		this.training.set(training ?? NOTHING);
		if (machine.incidents !== this.drawn || machine.sensors !== this.drawnSensors) {
			this.drawn = machine.incidents;
			this.drawnSensors = machine.sensors;
			this.rows.replaceChildren(...machine.incidents.map((incident) => incidentRow(machine, incident)));
			this.table.hidden = machine.incidents.length === 0;
			this.none.hidden = !this.table.hidden;
		}
	}
}

function incidentRow(machine: Machine, incident: IncidentRow): HTMLElement {
	const { kind, started, ended, peak_risk: peak, top_sensors: sensors, detail } = incident;
	const cells: (Node | string)[] = [
		formatState(kind),
		moment(started),
		ended === null ? element('strong', {}, 'open') : moment(ended),
		peak === null ? NOTHING : `${formatRisk(peak)} ${riskLevel(peak)}`,
		sensors.map((name) => machine.labelOf(name)).join(', ') || detail || NOTHING,
	];
	return element(
		'tr',
		{ 'data-incident': String(incident.id), ...(ended === null ? { 'data-open': '' } : {}) },
		// On a narrow screen the row is a block, and each cell says what it is.
		...cells.map((cell, i) => element('td', { 'data-column': COLUMNS[i]! }, cell)),
	);
}
