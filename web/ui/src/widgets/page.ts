// The frame of a page other than the overview: a heading, and what its lists could not be read for.

import { element } from '../dom';
import { explain } from '../http';

export interface View {
	readonly element: HTMLElement;
	readonly title: string;
}

export class Page implements View {
	readonly element: HTMLElement;
	private readonly failure = element('p', { class: 'form-message', role: 'alert' });
	private readonly success = element('p', { class: 'done', role: 'status' });

	constructor(
		readonly title: string,
		...content: (Node | string)[]
	) {
		this.element = element(
			'main',
			{ id: 'main', tabindex: '-1', class: 'page' },
			element('h2', { class: 'page-title' }, title),
			this.failure,
			this.success,
			...content,
		);
	}

	/** Runs work that changes or reads something; a failure is said at the top of the page. */
	async attempt(work: () => Promise<void>): Promise<void> {
		this.failure.textContent = '';
		this.success.textContent = '';
		try {
			await work();
		} catch (error) {
			this.failure.textContent = explain(error);
			this.failure.scrollIntoView({ block: 'nearest' });
		}
		if (document.activeElement === document.body) {
			// The button that was pressed is gone with its row.
			this.element.focus({ preventScroll: true });
		}
	}

	say(text: string): void {
		this.success.textContent = text;
	}
}

export function section(title: string, ...content: (Node | string)[]): HTMLElement {
	return element('section', { class: 'panel', 'aria-label': title }, element('h3', {}, title), ...content);
}
