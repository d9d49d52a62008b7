// One sensor: label, value, unit, bar against the normal range. Out of range shows as colour, as shape and as a word.

import { AttributeCell, element, TextCell } from '../dom';
import { decimalsForRange, decimalsForValue, formatNumber, formatUnit } from '../format';
import type { Sensor } from '../store';
import { barPosition, RangeBar, rangeState, type RangeState } from './range_bar';

const marks: Record<RangeState, { shape: string; word: string }> = {
	normal: { shape: '', word: '' },
	unknown: { shape: '', word: '' },
	high: { shape: '▲', word: 'High' },
	low: { shape: '▼', word: 'Low' },
};

export class SensorTile {
	readonly element: HTMLLIElement;
	private readonly value = new TextCell('–');
	private readonly shape = new TextCell();
	private readonly word = new TextCell();
	private readonly range: AttributeCell;
	private readonly stale: AttributeCell;
	private readonly bar: RangeBar;
	private readonly decimals: number;
	private drawn: number | undefined;
	private state: RangeState = 'unknown';

	constructor(readonly sensor: Sensor) {
		this.decimals = decimalsForRange(sensor.normalMin, sensor.normalMax);
		this.bar = new RangeBar(Number.isFinite(this.decimals));
		this.element = element(
			'li',
			{ class: 'tile', 'data-sensor': sensor.name, title: this.describe() },
			element('span', { class: 'tile-label' }, sensor.label),
			element(
				'span',
				{ class: 'tile-mark' },
				element('span', { 'aria-hidden': 'true' }, this.shape.node),
				element('span', { class: 'tile-word' }, this.word.node),
			),
			element('span', { class: 'tile-value' }, this.value.node),
			element('span', { class: 'tile-unit' }, formatUnit(sensor.unit)),
			this.bar.element,
		);
		this.range = new AttributeCell(this.element, 'data-range');
		this.stale = new AttributeCell(this.element, 'data-stale');
	}

	/** Draws a value and says how it stands against the normal range. */
	update(value: number, stale: boolean): RangeState {
		this.stale.set(stale ? '' : null);
		if (!Object.is(value, this.drawn)) {
			this.drawn = value;
			const { normalMin, normalMax } = this.sensor;
			this.state = rangeState(value, normalMin, normalMax);
			this.value.set(formatNumber(value, Number.isNaN(this.decimals) ? decimalsForValue(value) : this.decimals));
			this.shape.set(marks[this.state].shape);
			this.word.set(marks[this.state].word);
			this.range.set(this.state);
			this.bar.set(barPosition(value, normalMin, normalMax));
		}
		return this.state;
	}

	private describe(): string {
		const { name, label, normalMin, normalMax, unit } = this.sensor;
		const range = Number.isFinite(this.decimals) ? `normal ${normalMin} to ${normalMax} ${formatUnit(unit)}` : 'no normal range known';
		return `${label} (${name}): ${range.trim()}`;
	}
}
