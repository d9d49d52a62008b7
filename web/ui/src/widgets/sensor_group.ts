// The sensors of one category of a machine, under a heading that keeps counting what is out of range when it is closed.

import type { Category } from '../categories';
import { AttributeCell, element, TextCell } from '../dom';
import type { Machine, Sensor } from '../store';
import { Disclosure } from './disclosure';
import { rangeState } from './range_bar';
import { SensorTile } from './sensor_tile';

export class SensorGroup {
	readonly element: HTMLElement;
	private readonly list = element('ul', { class: 'tiles', role: 'list' });
	private readonly count = new TextCell();
	private readonly abnormal = new TextCell();
	private readonly abnormalShown: AttributeCell;
	private readonly disclosure: Disclosure;
	private tiles: SensorTile[] = [];

	constructor(machineName: string, category: Category, onToggle: () => void) {
		const abnormal = element('span', { class: 'group-abnormal', title: 'Values out of their normal range' }, this.abnormal.node);
		const title = element(
			'span',
			{ class: 'group-title' },
			category,
			element('span', { class: 'group-count' }, this.count.node),
			abnormal,
		);
		this.abnormalShown = new AttributeCell(abnormal, 'hidden');
		this.disclosure = new Disclosure(title, this.list, `${machineName}.${category}`, true, onToggle);
		this.element = element(
			'section',
			{ class: 'group', 'data-category': category, 'aria-label': `${category} sensors of ${machineName}` },
			element('h3', {}, this.disclosure.button),
			this.list,
		);
	}

	/** Takes the sensors in their order; a tile that stays the same keeps its element. */
	setSensors(sensors: Sensor[]): void {
		const known = new Map(this.tiles.map((tile) => [tile.sensor.name, tile]));
		this.tiles = sensors.map((sensor) => {
			const tile = known.get(sensor.name);
			return tile !== undefined && sameLook(tile.sensor, sensor) ? tile : new SensorTile(sensor);
		});
		this.list.replaceChildren(...this.tiles.map((tile) => tile.element));
		this.count.set(String(sensors.length));
		this.element.hidden = sensors.length === 0;
	}

	/** Draws the values if they can be seen; returns how many are out of range. */
	update(machine: Machine, cardOpen: boolean): number {
		const visible = cardOpen && this.disclosure.isOpen;
		let abnormal = 0;
		for (const tile of this.tiles) {
			const { sensor } = tile;
			const value = machine.values[sensor.column] ?? Number.NaN;
			const state = visible
				? tile.update(value, machine.isSensorStale(sensor))
				: rangeState(value, sensor.normalMin, sensor.normalMax);
			abnormal += state === 'high' || state === 'low' ? 1 : 0;
		}
		this.abnormal.set(`${abnormal} out`);
		this.abnormalShown.set(abnormal === 0 ? '' : null);
		return abnormal;
	}
}

function sameLook(a: Sensor, b: Sensor): boolean {
	return (
		a.label === b.label && a.unit === b.unit && Object.is(a.normalMin, b.normalMin) && Object.is(a.normalMax, b.normalMax)
	);
}
