// All machines, one card each.

import { element } from '../dom';
import type { Frame } from '../frame';
import type { Change, Machine, Store } from '../store';
import { MachineCard } from './machine_card';

/** With more machines than this, cards start closed: nobody reads hundreds of values at once. */
const OPEN_CARDS = 6;

export class Overview {
	readonly title = 'Machines';
	readonly element: HTMLElement;
	private readonly cards = new Map<Machine, MachineCard>();
	private readonly dirty = new Set<Machine>();
	private readonly relisted = new Set<Machine>();
	private readonly list = element('div', { class: 'cards' });
	private readonly empty = emptyState();
	private readonly waiting = element('p', { class: 'waiting' }, 'Waiting for the list of machines…');

	constructor(
		private readonly store: Store,
		private readonly frame: Frame,
	) {
		this.element = element('main', { id: 'main', tabindex: '-1', 'aria-label': 'Machines' }, this.waiting, this.empty, this.list);
		store.subscribe((change) => this.handleChange(change));
		frame.everySecond(this.drawAll);
		this.arrange();
	}

	/** Names of the machines whose sensors are shown. */
	*openMachines(): Generator<string> {
		for (const [machine, card] of this.cards) {
			if (card.isOpen) {
				yield machine.name;
			}
		}
	}

	private handleChange(change: Change): void {
		if (change.kind === 'machines') {
			this.frame.request(this.arrange);
		} else if (change.kind === 'sensors') {
			this.relisted.add(change.machine);
			this.redraw(change.machine);
		} else if (change.kind === 'readings') {
			this.redraw(change.machine);
		}
	}

	private redraw(machine: Machine): void {
		this.dirty.add(machine);
		this.frame.request(this.drawDirty);
	}

	private readonly drawDirty = (): void => {
		const now = Date.now();
		for (const machine of this.dirty) {
			const card = this.cards.get(machine);
			if (this.relisted.delete(machine)) {
				card?.setSensors();
			}
			card?.update(now);
		}
		this.dirty.clear();
	};

	private readonly drawAll = (): void => {
		const now = Date.now();
		for (const card of this.cards.values()) {
			card.update(now);
		}
	};

	/** Brings the cards in line with the machines; a card that stays keeps its element, and with it the focus. */
	private readonly arrange = (): void => {
		const machines = [...this.store.machines.values()].sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
		const present = new Set(machines);
		for (const [machine, card] of this.cards) {
			if (!present.has(machine)) {
				card.element.remove();
				this.cards.delete(machine);
			}
		}
		machines.forEach((machine, position) => {
			const card = this.cards.get(machine) ?? this.addCard(machine, machines.length);
			const there = this.list.children[position];
			if (there !== card.element) {
				this.list.insertBefore(card.element, there ?? null);
			}
		});
		this.waiting.hidden = this.store.loaded || machines.length > 0;
		this.empty.hidden = machines.length > 0 || !this.store.loaded;
		this.drawAll();
	};

	private addCard(machine: Machine, machineCount: number): MachineCard {
		const card = new MachineCard(machine, this.store, machineCount <= OPEN_CARDS, () => this.redraw(machine));
		this.cards.set(machine, card);
		return card;
	}
}

function emptyState(): HTMLElement {
	const command = [
		`curl -X POST ${location.origin}/api/v1/ingest \\`,
		"  -H 'Content-Type: application/json' \\",
		`  -d '{"machine_id": "A", "state": "drilling", "sensors": {"rpm": 120.5}}'`,
	].join('\n');
	return element(
		'section',
		{ class: 'empty', hidden: '' },
		element('h2', {}, 'No machine has sent data yet'),
		element('p', {}, 'A machine appears here with its first message. To send one by hand:'),
		element('pre', { tabindex: '0', 'aria-label': 'Example command' }, element('code', {}, command)),
	);
}
