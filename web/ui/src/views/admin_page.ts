// The frame of the pages of the administration: the heading, and the way between them.

import { element } from '../dom';
import { addressOf, type Route } from '../router';
import { Page } from '../widgets/page';

const places: readonly (readonly [Route, string])[] = [['users', 'Users'], ['tokens', 'Device tokens'], ['audit', 'Audit log']];

export class AdminPage extends Page {
	constructor(route: Route, ...content: (Node | string)[]) {
		super(
			places.find(([place]) => place === route)![1],
			element(
				'nav',
				{ class: 'places', 'aria-label': 'Administration' },
				...places.map(([place, name]) =>
					element('a', { href: addressOf(place), ...(place === route ? { 'aria-current': 'page' } : {}) }, name),
				),
			),
			...content,
		);
	}
}
