// The bar at the top: product, connection, totals over all machines, theme.

import { AttributeCell, element, TextCell } from '../dom';
import { formatCount, formatLatency, formatRate } from '../format';
import type { Frame } from '../frame';
import type { Phase, Store } from '../store';
import { Metric } from '../widgets/metric';
import { themeButton } from './theme';

const words: Record<Phase, string> = {
	connecting: 'Connecting',
	live: 'Live',
	reconnecting: 'Reconnecting',
	'not-ready': 'Not ready',
};

export class Header {
	readonly element: HTMLElement;
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
	) {
		const connection = element(
			'p',
			{ class: 'connection', role: 'status' },
			element('span', { class: 'connection-lamp', 'aria-hidden': 'true' }),
			element('span', { class: 'connection-word' }, this.word.node),
			element('span', { class: 'connection-reason' }, this.reason.node),
		);
		this.phase = new AttributeCell(connection, 'data-phase');
		this.element = element(
			'header',
			{ class: 'top' },
			element('a', { class: 'skip', href: '#main' }, 'Skip to the machines'),
			element('h1', {}, 'Rig Alpha'),
			connection,
			element(
				'dl',
				{ class: 'metrics', 'aria-label': 'Totals' },
				...[this.machines, this.rate, this.latency, this.lag].map((metric) => metric.element),
			),
			themeButton(),
		);
		store.subscribe((change) => {
			if (change.kind === 'connection' || change.kind === 'status') {
				frame.request(this.draw);
			}
		});
		frame.everySecond(this.draw);
		this.draw();
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
