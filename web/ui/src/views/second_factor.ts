// The second factor of the own account: a key for an authenticator app, asked for with each login once a code has proved it.

import { confirmSecondFactor, type Me, proposeSecondFactor, removeSecondFactor, type SecondFactorKey } from '../account_api';
import { element } from '../dom';
import { inGroups } from '../format';
import { copyable } from '../widgets/copyable';
import { formDialog } from '../widgets/dialog';
import { codeField, Form, passwordField } from '../widgets/form';
import { type Page, section } from '../widgets/page';

export class SecondFactor {
	readonly element: HTMLElement;
	private readonly area = element('div', {});

	constructor(
		private readonly me: Me,
		private readonly page: Page,
	) {
		this.element = section('Second factor', this.area);
		this.showState(me.second_factor);
	}

	private showState(on: boolean): void {
		const button = element('button', { type: 'button', class: on ? 'danger' : 'primary' }, on ? 'Turn off' : 'Set up');
		button.addEventListener('click', () => (on ? this.askRemoval() : this.askPassword()));
		this.area.replaceChildren(
			element(
				'p',
				{},
				element('strong', {}, on ? 'On. ' : 'Off. '),
				on
					? 'Each login asks for a code of your authenticator app.'
					: 'With it, a login also asks for a code of an authenticator app, so that a password alone opens nothing.',
			),
			element('div', { class: 'buttons' }, button),
		);
	}

	private askPassword(): void {
		const password = passwordField('Password', 'current-password');
		formDialog({
			label: 'Set up a second factor',
			submit: 'Go on',
			content: [password.element],
			onSubmit: async () => {
				const key = await proposeSecondFactor(password.input.value);
				return () => this.showKey(key);
			},
			explain: wrongPassword,
		});
	}

	private showKey(key: SecondFactorKey): void {
		const code = codeField();
		const picture = element('div', { class: 'qr-area' });
		const cancel = element('button', { type: 'button' }, 'Cancel');
		const form = new Form({
			label: 'Confirm the second factor',
			submit: 'Turn on',
			content: [code.element],
			onSubmit: async () => {
				await confirmSecondFactor(code.input.value.replaceAll(' ', ''));
				this.finish(true, 'The second factor is on.');
			},
			explain: (error) => (error.code === 'wrong-code' ? 'The code is wrong. Check the clock of the device that shows it.' : null),
		});
		cancel.addEventListener('click', () => this.showState(this.me.second_factor));
		form.buttons.prepend(cancel);
		this.area.replaceChildren(
			element('p', {}, 'Add this key to an authenticator app, then type the code that it shows. The key is shown only now.'),
			element(
				'div',
				{ class: 'second-factor' },
				picture,
				element(
					'div',
					{ class: 'second-factor-texts' },
					copyable('Key', key.secret, inGroups(key.secret)),
					copyable('Address for the app', key.uri),
				),
			),
			form.element,
		);
		// Without the picture there are still the texts.
		void import('../qr').then(({ qrCode }) => picture.append(qrCode(key.uri, 'The key as a QR code')), () => {});
		code.input.focus();
	}

	private askRemoval(): void {
		const password = passwordField('Password', 'current-password');
		formDialog({
			label: 'Turn off the second factor',
			submit: 'Turn off',
			danger: true,
			content: [element('p', {}, 'From then on the password alone is enough to log in.'), password.element],
			onSubmit: async () => {
				await removeSecondFactor(password.input.value);
				return () => this.finish(false, 'The second factor is off.');
			},
			explain: wrongPassword,
		});
	}

	private finish(on: boolean, words: string): void {
		this.me.second_factor = on;
		this.showState(on);
		this.page.say(words);
		this.page.element.focus();
	}
}

function wrongPassword(error: { code: string }): string | null {
	return error.code === 'wrong-password' ? 'The password is wrong.' : null;
}
