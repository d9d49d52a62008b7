// Logging in: name and password, and a code only when the server asks for one.

import { element } from '../dom';
import { ApiError } from '../http';
import type { Session } from '../session';
import { codeField, Form, passwordField, textField } from '../widgets/form';
import type { View } from '../widgets/page';

export class LoginView implements View {
	readonly element: HTMLElement;
	readonly title = 'Log in';
	private readonly name = textField('Name', { name: 'username', autocomplete: 'username', required: '' });
	private readonly password = passwordField('Password', 'current-password');
	private readonly code = codeField();

	constructor(
		private readonly session: Session,
		notice: string,
	) {
		this.askCode(false);
		const form = new Form({
			label: 'Log in',
			submit: 'Log in',
			content: [this.name.element, this.password.element, this.code.element],
			onSubmit: () => this.logIn(),
			explain: (error) => {
				if (error.code === 'login-failed') {
					return this.code.element.hidden ? 'Name or password is wrong.' : 'Name, password or code is wrong.';
				}
				return error.code === 'code-required' ? 'Type the code that your authenticator app shows.' : null;
			},
		});
		this.element = element(
			'main',
			{ id: 'main', tabindex: '-1', class: 'sign-in' },
			element('h2', { class: 'page-title' }, 'Log in'),
			element('p', { class: 'notice', role: 'status' }, notice),
			form.element,
		);
	}

	focus(): void {
		this.name.input.focus();
	}

	private async logIn(): Promise<void> {
		try {
			await this.session.logIn(this.name.input.value.trim(), this.password.input.value, this.code.input.value.replaceAll(' ', ''));
		} catch (error) {
			if (error instanceof ApiError && error.code === 'code-required') {
				this.askCode(true);
			} else if (error instanceof ApiError && error.code === 'login-failed') {
				this.code.input.value = '';
				this.password.input.select();
				this.password.input.focus();
			}
			throw error;
		}
	}

	private askCode(wanted: boolean): void {
		this.code.element.hidden = !wanted;
		// A required field that is hidden would block the form.
		this.code.input.disabled = !wanted;
		if (wanted) {
			this.code.input.focus();
		}
	}
}
