// A table of rows that are drawn anew as a whole; on a narrow screen each row becomes a block.

import { element } from '../dom';

export interface Column<T> {
	title: string;
	cell(row: T): Node | string;
}

export class DataTable<T> {
	readonly element: HTMLElement;
	private readonly body = element('tbody');
	private readonly table: HTMLTableElement;
	private readonly none: HTMLElement;

	constructor(
		label: string,
		private readonly columns: readonly Column<T>[],
		empty: string,
		/** Attributes of the row, for style and tests. */
		private readonly mark: (row: T) => Record<string, string> = () => ({}),
	) {
		this.none = element('p', { class: 'data-none', hidden: '' }, empty);
		this.table = element(
			'table',
			{ class: 'data', 'aria-label': label },
			element('thead', {}, element('tr', {}, ...columns.map(({ title }) => element('th', { scope: 'col' }, title)))),
			this.body,
		);
		this.element = element('div', { class: 'data-area' }, this.table, this.none);
		this.table.hidden = true;
	}

	setRows(rows: readonly T[]): void {
		this.body.replaceChildren();
		this.addRows(rows);
	}

	addRows(rows: readonly T[]): void {
		this.body.append(...rows.map((row) => this.draw(row)));
		this.table.hidden = this.body.childElementCount === 0;
		this.none.hidden = !this.table.hidden;
	}

	private draw(row: T): HTMLElement {
		const cells = this.columns.map(({ title, cell }) => element('td', { 'data-column': title }, cell(row)));
		return element('tr', this.mark(row), ...cells);
	}
}

/** A button in a table: its name for a screen reader says which row it acts on. */
export function rowButton(text: string, subject: string, act: () => void, danger = false): HTMLButtonElement {
	const button = element('button', { type: 'button', 'aria-label': `${text}: ${subject}` }, text);
	button.classList.toggle('danger', danger);
	button.addEventListener('click', act);
	return button;
}
