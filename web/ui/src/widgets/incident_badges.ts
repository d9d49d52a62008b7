// The open incidents of a machine, one badge each: kind, and the sensors that stand out most.

import { element } from '../dom';
import { formatState } from '../format';
import type { Machine } from '../store';

const NAMED_SENSORS = 3;

export class IncidentBadges {
	readonly element: HTMLElement;
	private drawn = '';

	constructor(machineName: string) {
		this.element = element('ul', {
			class: 'incident-badges',
			role: 'list',
			'aria-live': 'polite',
			'aria-label': `Open incidents of ${machineName}`,
		});
	}

	update(machine: Machine): void {
		const texts = machine.openKinds.map((kind) => describe(machine, kind));
		const all = texts.join('\n');
		if (all !== this.drawn) {
			this.drawn = all;
			this.element.replaceChildren(
				...texts.map((text) =>
					element('li', { class: 'incident-badge' }, element('span', { 'aria-hidden': 'true' }, '◆ '), text),
				),
			);
		}
	}
}

/** The event names the kinds only; the sensors follow with the list of incidents. */
function describe(machine: Machine, kind: string): string {
	const open = machine.incidents.find((incident) => incident.kind === kind && incident.ended === null);
	const sensors = (open?.top_sensors ?? []).slice(0, NAMED_SENSORS).map((name) => machine.labelOf(name));
	return sensors.length === 0 ? formatState(kind) : `${formatState(kind)}: ${sensors.join(', ')}`;
}
