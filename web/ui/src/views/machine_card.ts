// One machine: who it is, what it does, its risk and incidents, how old its data is, and its sensors by category.

import { categories, categoryOf, type Category } from '../categories';
import { AttributeCell, element, TextCell } from '../dom';
import { formatCount, formatDuration, formatLatency, formatRate, formatState, NOTHING } from '../format';
import { formatRisk, riskLevel, type RiskLevel } from '../risk';
import type { Machine, Store } from '../store';
import { Disclosure } from '../widgets/disclosure';
import { IncidentBadges } from '../widgets/incident_badges';
import { IncidentList } from '../widgets/incident_list';
import { Metric } from '../widgets/metric';
import { SensorGroup } from '../widgets/sensor_group';

/** Device clocks and the server's are never exactly equal; less than this is no reason to speak of skew. */
const SKEW_MS = 5;

const riskTones: Record<RiskLevel, 'warn' | 'alarm' | null> = { normal: null, watch: 'warn', alarm: 'alarm' };

export class MachineCard {
	readonly element: HTMLElement;
	private readonly title = new TextCell();
	private readonly state = new TextCell();
	private readonly stale: AttributeCell;
	private readonly risk = new Metric('Risk', 'risk');
	private readonly age = new Metric('Data age', 'age');
	private readonly rate = new Metric('Messages/s', 'rate');
	private readonly latency = new Metric('Latency', 'latency');
	private readonly sensorCount = new Metric('Sensors', 'sensors');
	private readonly abnormal = new Metric('Out of range', 'abnormal');
	private readonly groups = new Map<Category, SensorGroup>();
	private readonly groupArea = element('div', { class: 'groups' });
	private readonly badges: IncidentBadges;
	private readonly incidents: IncidentList;
	private readonly disclosure: Disclosure;

	/** requestUpdate is called when the viewer opens a part whose values were not drawn while it was closed. */
	constructor(
		readonly machine: Machine,
		private readonly store: Store,
		openByDefault: boolean,
		requestUpdate: () => void,
	) {
		const heading = element('span', { class: 'card-title' }, this.title.node);
		this.badges = new IncidentBadges(machine.name);
		this.incidents = new IncidentList(machine.name);
		const body = element('div', {}, this.groupArea, this.incidents.element);
		this.disclosure = new Disclosure(heading, body, machine.name, openByDefault, requestUpdate);
		this.element = element(
			'article',
			{ class: 'card', 'data-machine': machine.name, 'aria-label': `Machine ${machine.name}` },
			element(
				'header',
				{ class: 'card-head' },
				element('h2', {}, this.disclosure.button),
				element('span', { class: 'state-word' }, this.state.node),
				element('span', { class: 'stale-badge' }, 'STALE'),
				this.badges.element,
				element(
					'dl',
					{ class: 'metrics' },
					...[this.risk, this.age, this.rate, this.latency, this.sensorCount, this.abnormal].map((metric) => metric.element),
				),
			),
			body,
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
		this.updateRisk(serverNow);
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

	/** Risk as number and word; before there is one, how far the training is. */
	private updateRisk(serverNow: number): void {
		const { risk } = this.machine;
		const training = this.store.training.get(this.machine.name);
		if (Number.isNaN(risk)) {
			this.risk.set(training ?? NOTHING, 'words', 'No reading was scored yet');
		} else {
			const level = riskLevel(risk);
			const word = level === 'normal' && this.machine.isStale(serverNow) ? 'last known' : level;
			this.risk.set(`${formatRisk(risk)} ${word}`, riskTones[level], 'Of the newest scored reading: watch from 0.50, alarm from 0.80');
		}
		this.badges.update(this.machine);
		if (this.isOpen) {
			this.incidents.update(this.machine, training);
		}
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
