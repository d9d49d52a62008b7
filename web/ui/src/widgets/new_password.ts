// A form that sets a new password, typed twice. The name stands in it for password managers, which file by it.

import { element } from '../dom';
import { Form, InputError, passwordField } from './form';

export interface NewPasswordOptions {
	label: string;
	submit: string;
	user: string;
	askCurrent: boolean;
	/** current is empty when it was not asked for. */
	onSubmit(current: string, next: string): Promise<void>;
}

export function newPasswordForm(options: NewPasswordOptions): Form {
	const current = passwordField('Present password', 'current-password');
	const next = passwordField('New password', 'new-password', 'At least 8 characters. Longer is better; any characters count.');
	const again = passwordField('New password again', 'new-password');
	const inputs = [current.input, next.input, again.input];
	const user = element('input', { type: 'text', name: 'username', autocomplete: 'username', readonly: '', hidden: '' });
	user.value = options.user;
	const form: Form = new Form({
		label: options.label,
		submit: options.submit,
		content: [user, ...(options.askCurrent ? [current.element] : []), next.element, again.element],
		onSubmit: async () => {
			if (next.input.value !== again.input.value) {
				throw new InputError('The two new passwords differ.', again.input);
			}
			await options.onSubmit(options.askCurrent ? current.input.value : '', next.input.value);
			for (const input of inputs) {
				input.value = '';
			}
		},
		explain: (error) => (error.code === 'wrong-password' ? 'The present password is wrong.' : null),
	});
	return form;
}
