// The shell: which view is on the page, by who is logged in and by the address.

import * as accountApi from './account_api';
import { element, TextCell } from './dom';
import { Frame } from './frame';
import { onRefusal } from './http';
import { adminRoutes, followRoute, type Route } from './router';
import { Session, type Stage } from './session';
import { Store } from './store';
import { Sync } from './sync';
import { AccountView } from './views/account';
import { AuditView } from './views/audit';
import { FirstPasswordView } from './views/first_password';
import { Header } from './views/header';
import { LoginView } from './views/login';
import { Overview } from './views/overview';
import { TokensView } from './views/tokens';
import { UsersView } from './views/users';
import { closeDialogs } from './widgets/dialog';
import type { View } from './widgets/page';

type ShownView = View & { focus?(): void };

const PRODUCT = 'Rig Alpha';

export class App {
	private readonly store = new Store();
	private readonly frame = new Frame();
	private readonly session = new Session(accountApi);
	private readonly header = new Header(this.store, this.frame, () => void this.logOut());
	private readonly overview = new Overview(this.store, this.frame);
	private readonly sync = new Sync(this.store, () => (this.route === 'overview' ? this.overview.openMachines() : []));
	private view: ShownView = waitingView();
	private route: Route = 'overview';
	/** Whose data the store holds. */
	private user = '';

	start(): void {
		document.body.append(this.header.element, this.view.element);
		this.header.setUser(null, true);
		this.session.subscribe((stage) => this.follow(stage));
		onRefusal((refusal) => this.session.refuse(refusal));
		followRoute((route) => {
			this.route = route;
			if (this.session.stage.kind === 'open') {
				closeDialogs();
				this.show(this.viewOf(route, this.session.stage.me));
			}
		});
		void this.session.start();
	}

	private follow(stage: Stage): void {
		if (stage.kind === 'unknown') {
			const { error } = stage;
			const away = error === undefined || error.status === 0;
			this.store.setConnection(away ? 'reconnecting' : 'not-ready', away ? '' : error.detail || error.message);
			return;
		}
		const me = stage.kind === 'login' ? null : stage.me;
		closeDialogs();
		this.header.setUser(me, stage.kind === 'open');
		if (stage.kind === 'open') {
			this.open(stage.me);
		} else {
			this.sync.stop();
			this.show(
				stage.kind === 'login' ? new LoginView(this.session, stage.notice) : new FirstPasswordView(this.session, stage.me.name),
			);
		}
	}

	private open(me: accountApi.Me): void {
		const identity = JSON.stringify([me.name, me.role, me.machines]);
		if (this.user !== '' && this.user !== identity) {
			// What the page knows may be more than this user may see.
			location.reload();
			return;
		}
		this.user = identity;
		this.sync.start();
		this.show(this.viewOf(this.route, me));
	}

	private viewOf(route: Route, me: accountApi.Me): ShownView {
		if (adminRoutes.includes(route) && me.role !== 'admin') {
			return this.overview;
		}
		switch (route) {
			case 'overview':
				return this.overview;
			case 'account':
				return new AccountView(me);
			case 'users':
				return new UsersView();
			case 'tokens':
				return new TokensView();
			case 'audit':
				return new AuditView();
		}
	}

	private show(view: ShownView): void {
		const first = this.view.title === '';
		this.view.element.replaceWith(view.element);
		this.view = view;
		document.title = view === this.overview ? PRODUCT : `${view.title} – ${PRODUCT}`;
		scrollTo(0, 0);
		if (view.focus !== undefined) {
			view.focus();
		} else if (!first) {
			view.element.focus({ preventScroll: true });
		}
	}

	/** The page starts anew, so that nothing of this user stays in it. */
	private async logOut(): Promise<void> {
		try {
			await this.session.logOut();
		} finally {
			location.reload();
		}
	}
}

function waitingView(): View {
	return {
		title: '',
		element: element('main', { id: 'main', tabindex: '-1' }, element('p', { class: 'waiting' }, new TextCell('Waiting for the server…').node)),
	};
}
