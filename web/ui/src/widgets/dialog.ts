// Modal dialogs. The browser keeps the focus inside and gives it back.

import { element } from '../dom';
import { copyable } from './copyable';
import { Form, type FormOptions } from './form';

let counter = 0;

function openDialog(title: string, ...content: (Node | string)[]): HTMLDialogElement {
	const id = `dialog-${++counter}`;
	const dialog = element('dialog', { 'aria-labelledby': id }, element('h2', { id }, title), ...content);
	dialog.addEventListener('close', () => dialog.remove());
	document.body.append(dialog);
	dialog.showModal();
	return dialog;
}

/** Ends every open dialog, for when its user may no longer go on. */
export function closeDialogs(): void {
	document.querySelectorAll('dialog').forEach((dialog) => dialog.close());
}

/** What a dialog does; it returns what is to follow once the dialog is closed. */
export type DialogWork = () => Promise<() => unknown>;

/** A form in a dialog, which stays open while its submission fails. */
export function formDialog(options: Omit<FormOptions, 'onSubmit'> & { onSubmit: DialogWork }): void {
	const form = new Form({
		...options,
		onSubmit: async () => {
			const follow = await options.onSubmit();
			dialog.close();
			follow();
		},
	});
	const cancel = element('button', { type: 'button' }, 'Cancel');
	form.buttons.prepend(cancel);
	const dialog = openDialog(options.label, form.element);
	cancel.addEventListener('click', () => dialog.close());
}

/** Asks before something is done that cannot be taken back. */
export function confirmDialog(title: string, text: string, action: string, onSubmit: DialogWork): void {
	formDialog({ label: title, submit: action, danger: true, content: [element('p', {}, text)], onSubmit });
}

/** Shows a secret that cannot be had again; only the button closes it. */
export function secretDialog(title: string, text: string, caption: string, secret: string): void {
	const done = element('button', { type: 'button', class: 'primary' }, 'I have kept it');
	const dialog = openDialog(
		title, element('p', {}, text), copyable(caption, secret), element('div', { class: 'buttons' }, done),
	);
	dialog.addEventListener('cancel', (event) => event.preventDefault());
	dialog.addEventListener('keydown', (event) => {
		// The browser lets a second Escape through, whatever a listener of cancel says.
		if (event.key === 'Escape') {
			event.preventDefault();
		}
	});
	done.addEventListener('click', () => dialog.close());
}
