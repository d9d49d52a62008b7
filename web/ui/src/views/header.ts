// The bar at the top: product, connection, totals over all machines, theme, user.

import type { Me } from '../account_api';
import { AttributeCell, element, TextCell } from '../dom';
import { formatCount, formatLatency, formatRate } from '../format';
import type { Frame } from '../frame';
import { addressOf } from '../router';
import type { Phase, Store } from '../store';
import { Metric } from '../widgets/metric';
import { UserMenu } from '../widgets/user_menu';
import { themeButton } from './theme';

const words: Record<Phase, string> = {
	connecting: 'Connecting',
	live: 'Live',
	reconnecting: 'Reconnecting',
	'not-ready': 'Not ready',
};

export class Header {
	readonly element: HTMLElement;
	private readonly connection: HTMLElement;
	private readonly totals: HTMLElement;
	private readonly userMenu: UserMenu;
	private readonly word = new TextCell();
	private readonly reason = new TextCell();
	private readonly phase: AttributeCell;
	private readonly machines = new Metric('Machines', 'machines');
	private readonly rate = new Metric('Messages/s', 'rate');
	private readonly latency = new Metric('Latency', 'latency');
	private readonly lag = new Metric('Kafka lag', 'lag');

	constructor(
		private readonly store: Store,
		frame: Frame,
		logOut: () => void,
	) {
		this.userMenu = new UserMenu(logOut);
		this.connection = element(
			'p',
			{ class: 'connection', role: 'status' },
			element('span', { class: 'connection-lamp', 'aria-hidden': 'true' }),
			element('span', { class: 'connection-word' }, this.word.node),
			element('span', { class: 'connection-reason' }, this.reason.node),
		);
		this.phase = new AttributeCell(this.connection, 'data-phase');
		this.totals = element(
			'dl',
			{ class: 'metrics', 'aria-label': 'Totals' },
			...[this.machines, this.rate, this.latency, this.lag].map((metric) => metric.element),
		);
		this.element = element(
			'header',
			{ class: 'top' },
			skipLink(),
			element('h1', {}, element('a', { href: addressOf('overview') }, 'Rig Alpha')),
			this.connection,
			this.totals,
			themeButton(),
			this.userMenu.element,
		);
		store.subscribe((change) => {
			if (change.kind === 'connection' || change.kind === 'status') {
				frame.request(this.draw);
			}
		});
		frame.everySecond(this.draw);
		this.draw();
	}

	/** live: whether the page is in touch with the plant, which is said only then. */
	setUser(me: Me | null, live: boolean): void {
		this.userMenu.setUser(me);
		this.connection.hidden = !live;
		this.totals.hidden = me === null || !live;
	}

	private readonly draw = (): void => {
		const { connection, status, machines } = this.store;
		const now = Date.now();
		this.phase.set(connection.phase);
		this.word.set(words[connection.phase]);
		this.reason.set(connection.reason);
		this.machines.set(this.store.loaded ? formatCount(machines.size) : '–');
		this.rate.set(formatRate(this.store.totalRate(now)), null, 'Messages stored per second, all machines');
		this.latency.set(formatLatency(this.store.typicalLatency(now)), null, 'From the device time to receipt, median of all machines that send');
		const lag = status?.kafka_lag ?? null;
		this.lag.element.hidden = lag === null;
		this.lag.set(formatCount(lag ?? Number.NaN), null, 'Messages in Kafka that are not stored yet');
	};
}

/** Its target is no route: it moves the focus and leaves the address alone. */
function skipLink(): HTMLElement {
	const link = element('a', { class: 'skip', href: '#main' }, 'Skip to the content');
	link.addEventListener('click', (event) => {
		event.preventDefault();
		document.getElementById('main')?.focus();
	});
	return link;
}
