// Who is logged in, and where this user can go: a button that shows a list of links.

import { element, TextCell } from '../dom';
import { addressOf } from '../router';
import type { Me } from '../account_api';

export class UserMenu {
	readonly element: HTMLElement;
	private readonly name = new TextCell();
	private readonly role = new TextCell();
	private readonly places = [menuLink('Overview', addressOf('overview')), menuLink('Account', addressOf('account'))];
	private readonly administration = menuLink('Administration', addressOf('users'));
	private readonly list: HTMLElement;
	private readonly button: HTMLButtonElement;

	constructor(logOut: () => void) {
		const leave = element('button', { type: 'button' }, 'Log out');
		leave.addEventListener('click', logOut);
		this.list = element(
			'ul',
			{ id: 'user-menu', class: 'user-list', hidden: '' },
			...this.places,
			this.administration,
			element('li', {}, leave),
		);
		this.button = element(
			'button',
			{ type: 'button', class: 'user-button', 'aria-expanded': 'false', 'aria-controls': 'user-menu' },
			element('span', { class: 'user-name' }, this.name.node),
			' ',
			element('span', { class: 'user-role' }, this.role.node),
		);
		this.element = element('nav', { class: 'user', 'aria-label': 'User' }, this.button, this.list);
		this.button.addEventListener('click', () => this.show(this.list.hidden === true));
		this.element.addEventListener('keydown', (event) => {
			if (event.key === 'Escape' && !this.list.hidden) {
				this.show(false);
				this.button.focus();
			}
		});
		this.list.addEventListener('click', () => this.show(false));
		document.addEventListener('click', (event) => {
			if (!this.element.contains(event.target as Node)) {
				this.show(false);
			}
		});
		this.element.addEventListener('focusout', (event) => {
			if (event.relatedTarget instanceof Node && !this.element.contains(event.relatedTarget)) {
				this.show(false);
			}
		});
	}

	setUser(me: Me | null): void {
		this.element.hidden = me === null;
		this.show(false);
		this.name.set(me?.name ?? '');
		this.role.set(me?.role ?? '');
		// Who has yet to change the first password can only log out.
		const confined = me?.must_change_password ?? true;
		for (const place of this.places) {
			place.hidden = confined;
		}
		this.administration.hidden = confined || me?.role !== 'admin';
	}

	private show(open: boolean): void {
		this.list.hidden = !open;
		this.button.setAttribute('aria-expanded', String(open));
	}
}

function menuLink(text: string, address: string): HTMLElement {
	return element('li', {}, element('a', { href: address }, text));
}
