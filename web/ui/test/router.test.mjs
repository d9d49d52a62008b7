import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressOf, routeOf, routes } from '../src/router.ts';

test('every route has an address of its own', () => {
	for (const route of routes) {
		assert.equal(routeOf(addressOf(route)), route);
	}
});

test('no hash and an unknown route are the overview, an anchor is no route', () => {
	assert.deepEqual(['', '#', '#/', '#/nowhere', '#/users/x'].map(routeOf), Array(5).fill('overview'));
	assert.equal(routeOf('#main'), null);
	assert.equal(routeOf('#users'), null);
});
