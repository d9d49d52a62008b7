// A caption with a live number under it.

import { AttributeCell, element, TextCell } from '../dom';

export class Metric {
	readonly element: HTMLElement;
	private readonly value = new TextCell('–');
	private readonly tone: AttributeCell;
	private readonly hint: AttributeCell;

	constructor(caption: string, name: string) {
		this.element = element(
			'div',
			{ class: 'metric', 'data-metric': name },
			element('dt', {}, caption),
			element('dd', {}, this.value.node),
		);
		this.tone = new AttributeCell(this.element, 'data-tone');
		this.hint = new AttributeCell(this.element, 'title');
	}

	/** Tone words: a sentence instead of a number. */
	set(text: string, tone: 'warn' | 'alarm' | 'words' | null = null, hint: string | null = null): void {
		this.value.set(text);
		this.tone.set(tone);
		this.hint.set(hint);
	}
}
