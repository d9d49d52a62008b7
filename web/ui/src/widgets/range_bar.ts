// Where a value stands against its normal range. The range always fills the same middle part of the bar, so that in a
// column of bars a deviation is a marker outside the band, whatever the units.

import { AttributeCell, element } from '../dom';

export type RangeState = 'normal' | 'high' | 'low' | 'unknown';

/** The part of the bar on each side of the normal range. */
const MARGIN = 0.2;

export function rangeState(value: number, min: number, max: number): RangeState {
	if (value > max) {
		return 'high';
	}
	if (value < min) {
		return 'low';
	}
	return value >= min && value <= max ? 'normal' : 'unknown';
}

/** Position of a value on the bar, 0 to 1; NaN where there is no value or no range. */
export function barPosition(value: number, min: number, max: number): number {
	const position = MARGIN + ((value - min) / (max - min)) * (1 - 2 * MARGIN);
	return Number.isFinite(position) ? Math.min(1, Math.max(0, position)) : Number.NaN;
}

export class RangeBar {
	readonly element: HTMLElement;
	private readonly carrier: HTMLElement;
	private readonly empty: AttributeCell;
	private drawn = Number.NaN;

	constructor(hasRange: boolean) {
		// The carrier is as wide as the bar: moving it by a percentage moves its marker without a new layout.
		this.carrier = element('span', { class: 'bar-carrier' });
		this.element = element('span', { class: 'bar', 'aria-hidden': 'true' }, this.carrier);
		this.empty = new AttributeCell(this.element, 'data-empty');
		this.empty.set('');
		if (hasRange) {
			this.element.prepend(element('span', { class: 'bar-band' }));
		}
	}

	set(position: number): void {
		if (Number.isNaN(position)) {
			this.drawn = position;
			this.empty.set('');
			return;
		}
		const rounded = Math.round(position * 1000) / 10;
		this.empty.set(null);
		if (rounded !== this.drawn) {
			this.drawn = rounded;
			this.carrier.style.transform = `translateX(${rounded}%)`;
		}
	}
}
