// Which view the address asks for. Only hashes that start with #/ are routes.

export const routes = ['overview', 'account', 'users', 'tokens', 'audit'] as const;
export type Route = (typeof routes)[number];

/** Views of the administration, which the server answers to admins only. */
export const adminRoutes: readonly Route[] = ['users', 'tokens', 'audit'];

/** null = an anchor within the page, which is no route; an unknown route is the overview. */
export function routeOf(hash: string): Route | null {
	if (hash !== '' && hash !== '#' && !hash.startsWith('#/')) {
		return null;
	}
	return routes.find((route) => hash === addressOf(route)) ?? 'overview';
}

export function addressOf(route: Route): string {
	return route === 'overview' ? '#/' : `#/${route}`;
}

/** Calls back with the present route and with each later one. */
export function followRoute(listener: (route: Route) => void): void {
	let current: Route | null = null;
	const read = () => {
		const next = routeOf(location.hash);
		if (next !== null && next !== current) {
			current = next;
			listener(next);
		}
	};
	addEventListener('hashchange', read);
	read();
	if (current === null) {
		current = 'overview';
		listener('overview');
	}
}
