// One machine: who it is, what it does, how old its data is, and its sensors by category.

import { categories, categoryOf, type Category } from '../categories';
import { AttributeCell, element, TextCell } from '../dom';
import { formatCount, formatDuration, formatLatency, formatRate, formatState, NOTHING } from '../format';
import type { Machine, Store } from '../store';
import { Disclosure } from '../widgets/disclosure';
import { Metric } from '../widgets/metric';
import { SensorGroup } from '../widgets/sensor_group';

/** Device clocks and the server's are never exactly equal; less than this is no reason to speak of skew. */
const SKEW_MS = 5;

export class MachineCard {
	readonly element: HTMLElement;
	private readonly title = new TextCell();
	private readonly state = new TextCell();
	private readonly stale: AttributeCell;
	private readonly age = new Metric('Data age', 'age');
	private readonly rate = new Metric('Messages/s', 'rate');
	private readonly latency = new Metric('Latency', 'latency');
	private readonly sensorCount = new Metric('Sensors', 'sensors');
	private readonly abnormal = new Metric('Out of range', 'abnormal');
	private readonly groups = new Map<Category, SensorGroup>();
	private readonly groupArea = element('div', { class: 'groups' });
	private readonly disclosure: Disclosure;

	/** requestUpdate is called when the viewer opens a part whose values were not drawn while it was closed. */
	constructor(
		readonly machine: Machine,
		private readonly store: Store,
		openByDefault: boolean,
		requestUpdate: () => void,
	) {
		const heading = element('span', { class: 'card-title' }, this.title.node);
		this.disclosure = new Disclosure(heading, this.groupArea, machine.name, openByDefault, requestUpdate);
		this.element = element(
			'article',
			{ class: 'card', 'data-machine': machine.name, 'aria-label': `Machine ${machine.name}` },
			element(
				'header',
				{ class: 'card-head' },
				element('h2', {}, this.disclosure.button),
				element('span', { class: 'state-word' }, this.state.node),
				element('span', { class: 'stale-badge' }, 'STALE'),
				element(
					'dl',
					{ class: 'metrics' },
					...[this.age, this.rate, this.latency, this.sensorCount, this.abnormal].map((metric) => metric.element),
				),
			),
			this.groupArea,
		);
		this.stale = new AttributeCell(this.element, 'data-stale');
		for (const category of categories) {
			const group = new SensorGroup(machine.name, category, requestUpdate);
			this.groups.set(category, group);
			this.groupArea.append(group.element);
		}
		this.setSensors();
	}

	get isOpen(): boolean {
		return this.disclosure.isOpen;
	}

	setSensors(): void {
		const { sensors } = this.machine;
		for (const [category, group] of this.groups) {
			group.setSensors(sensors.filter((sensor) => categoryOf(sensor) === category));
		}
		this.sensorCount.set(sensors.length === 0 ? NOTHING : formatCount(sensors.length));
	}

	/** Draws everything that readings and time change. */
	update(now: number): void {
		const { machine } = this;
		this.title.set(machine.label === machine.name ? machine.name : `${machine.name} · ${machine.label}`);
		this.state.set(formatState(machine.state));
		const serverNow = this.store.clock.now(now);
		this.updateAge(serverNow);
		this.updateTraffic(serverNow);
		let abnormal = 0;
		for (const group of this.groups.values()) {
			abnormal += group.update(machine, this.isOpen);
		}
		this.abnormal.set(formatCount(abnormal), abnormal > 0 ? 'warn' : null);
	}

	private updateAge(serverNow: number): void {
		const stale = this.machine.isStale(serverNow);
		this.stale.set(stale ? '' : null);
		this.age.set(formatDuration(this.machine.age(serverNow)), stale ? 'warn' : null);
	}

	private updateTraffic(serverNow: number): void {
		const { traffic } = this.machine;
		this.rate.set(formatRate(traffic.rate(serverNow)), null, 'Messages stored per second, over the last 10 seconds');
		const latency = traffic.latency(serverNow);
		if (latency < -SKEW_MS) {
			this.latency.set(`${formatLatency(latency)} ▲ clock skew`, 'warn', "The device's clock is ahead of the server's");
		} else {
			this.latency.set(formatLatency(latency), null, 'From the device time to receipt by the server, median of the last 10 seconds');
		}
	}
}
