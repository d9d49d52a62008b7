// A button that shows and hides a region and remembers the choice.

import { element } from '../dom';
import { readSetting, writeSetting } from '../settings';

let counter = 0;

export class Disclosure {
	readonly button: HTMLButtonElement;
	private open: boolean;

	/** The region is what the button hides; name is the key of the remembered choice. */
	constructor(
		title: Node,
		private readonly region: HTMLElement,
		name: string,
		openByDefault: boolean,
		private readonly onToggle: (open: boolean) => void = () => {},
	) {
		region.id = `region-${++counter}`;
		const setting = `open.${name}`;
		this.button = element('button', { type: 'button', class: 'disclosure', 'aria-controls': region.id }, title);
		this.button.addEventListener('click', () => {
			writeSetting(setting, this.open ? 'no' : 'yes');
			this.set(!this.open);
		});
		const remembered = readSetting(setting);
		this.open = remembered === null ? openByDefault : remembered === 'yes';
		this.show();
	}

	get isOpen(): boolean {
		return this.open;
	}

	private set(open: boolean): void {
		this.open = open;
		this.show();
		this.onToggle(open);
	}

	private show(): void {
		this.region.hidden = !this.open;
		this.button.setAttribute('aria-expanded', String(this.open));
	}
}
