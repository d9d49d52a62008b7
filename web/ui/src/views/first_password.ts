// The change of a password that somebody else gave, before anything else is shown.

import { element } from '../dom';
import type { Session } from '../session';
import { newPasswordForm } from '../widgets/new_password';
import type { View } from '../widgets/page';

export class FirstPasswordView implements View {
	readonly element: HTMLElement;
	readonly title = 'New password';

	constructor(session: Session, user: string) {
		const form = newPasswordForm({
			label: 'New password',
			submit: 'Set password',
			user,
			askCurrent: !session.knowsPassword,
			onSubmit: (current, next) => session.changeFirstPassword(current, next),
		});
		this.element = element(
			'main',
			{ id: 'main', tabindex: '-1', class: 'sign-in' },
			element('h2', { class: 'page-title' }, 'Choose a password of your own'),
			element('p', {}, `The password of ${user} was made by somebody else and works once. Set a new one to go on.`),
			form.element,
		);
	}

	focus(): void {
		this.element.querySelector<HTMLElement>('input:not([hidden])')?.focus();
	}
}
