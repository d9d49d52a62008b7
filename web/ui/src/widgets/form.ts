// Forms: labelled fields, one place for what went wrong, and one submission at a time.

import { element, TextCell } from '../dom';
import { ApiError, explain } from '../http';
import { formatDuration } from '../format';

let counter = 0;

/** Something the viewer can put right before the server is asked. */
export class InputError extends Error {
	constructor(
		message: string,
		readonly input: HTMLElement,
	) {
		super(message);
	}
}

export interface Field {
	readonly element: HTMLElement;
	readonly input: HTMLInputElement;
}

/** attributes: of the input; the label and the hint are read together with it. */
export function textField(label: string, attributes: Record<string, string>, hint = ''): Field {
	const id = `field-${++counter}`;
	const input = element('input', { id, type: 'text', spellcheck: 'false', autocapitalize: 'none', ...attributes });
	const node = element('p', { class: 'field' }, element('label', { for: id }, label), input);
	if (hint !== '') {
		node.append(element('small', { id: `${id}-hint` }, hint));
		input.setAttribute('aria-describedby', `${id}-hint`);
	}
	return { element: node, input };
}

export function passwordField(label: string, autocomplete: 'current-password' | 'new-password', hint = ''): Field {
	return textField(label, { type: 'password', autocomplete, required: '' }, hint);
}

export function codeField(): Field {
	return textField('Code of your authenticator app', {
		inputmode: 'numeric', autocomplete: 'one-time-code', pattern: '[0-9 ]*', maxlength: '8', required: '',
	});
}

export interface Choice {
	readonly element: HTMLElement;
	readonly select: HTMLSelectElement;
}

export function choiceField(label: string, options: readonly (readonly [value: string, text: string])[], value: string): Choice {
	const id = `field-${++counter}`;
	const select = element('select', { id }, ...options.map(([option, text]) => element('option', { value: option }, text)));
	select.value = value;
	return { element: element('p', { class: 'field' }, element('label', { for: id }, label), select), select };
}

export class Checkboxes {
	readonly element: HTMLElement;
	private readonly boxes: HTMLInputElement[];

	constructor(legend: string, names: readonly string[], checked: readonly string[], none: string) {
		this.boxes = names.map((value) => element('input', { type: 'checkbox', value }));
		for (const box of this.boxes) {
			box.checked = checked.includes(box.value);
		}
		this.element = element(
			'fieldset',
			{ class: 'checkboxes' },
			element('legend', {}, legend),
			...this.boxes.map((box) => element('label', {}, box, element('span', {}, box.value))),
			...(names.length === 0 ? [none] : []),
		);
	}

	get values(): string[] {
		return this.boxes.filter((box) => box.checked).map((box) => box.value);
	}
}

export interface FormOptions {
	label: string;
	submit: string;
	content: (Node | string)[];
	onSubmit(): Promise<void>;
	danger?: boolean;
	/** Instead of the words of the server; null = those. */
	explain?: (error: ApiError) => string | null;
}

export class Form {
	readonly element: HTMLFormElement;
	readonly buttons: HTMLElement;
	private readonly message = element('p', { class: 'form-message', role: 'alert' });
	private readonly submitText = new TextCell();
	private readonly submit: HTMLButtonElement;
	private busy = false;
	private countdown = 0;

	constructor(private readonly options: FormOptions) {
		this.submitText.set(options.submit);
		this.submit = element('button', { type: 'submit', class: options.danger ? 'danger' : 'primary' }, this.submitText.node);
		this.buttons = element('div', { class: 'buttons' }, this.submit);
		this.element = element('form', { class: 'form', 'aria-label': options.label }, ...options.content, this.message, this.buttons);
		this.element.addEventListener('submit', (event) => {
			event.preventDefault();
			void this.run();
		});
	}

	/** Says something in the place of an error. */
	say(text: string): void {
		// The same words again must be read out again.
		this.message.textContent = '';
		this.message.append(text);
	}

	private async run(): Promise<void> {
		if (this.busy || this.countdown !== 0) {
			return;
		}
		this.busy = true;
		this.element.setAttribute('aria-busy', 'true');
		this.message.textContent = '';
		this.element.querySelectorAll('[aria-invalid]').forEach((node) => node.removeAttribute('aria-invalid'));
		try {
			await this.options.onSubmit();
		} catch (error) {
			this.show(error);
		} finally {
			this.busy = false;
			this.element.removeAttribute('aria-busy');
		}
	}

	private show(error: unknown): void {
		if (error instanceof InputError) {
			error.input.setAttribute('aria-invalid', 'true');
			error.input.focus();
			this.say(error.message);
			return;
		}
		const own = error instanceof ApiError ? this.options.explain?.(error) : null;
		if (error instanceof ApiError && error.status === 429) {
			this.wait(Number.isFinite(error.retryAfter) ? Math.max(1, error.retryAfter) : 1);
		} else {
			this.say(own ?? explain(error));
		}
	}

	/** Says once how long to wait, and counts on the button, which is not read out each second. */
	private wait(seconds: number): void {
		this.say(`Too many attempts. Try again in ${formatDuration(seconds * 1000)}.`);
		const end = Date.now() + seconds * 1000;
		const draw = () => {
			const left = Math.ceil((end - Date.now()) / 1000);
			if (left <= 0) {
				clearInterval(this.countdown);
				this.countdown = 0;
				this.message.textContent = '';
			}
			this.submit.setAttribute('aria-disabled', String(left > 0));
			this.submitText.set(left > 0 ? `${this.options.submit} (${left} s)` : this.options.submit);
		};
		clearInterval(this.countdown);
		this.countdown = setInterval(draw, 250);
		draw();
	}
}
