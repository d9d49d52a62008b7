import assert from 'node:assert/strict';
import { test } from 'node:test';
import { actorOf, changesOf, deedOf, keyOf, verdictOf } from '../src/audit.ts';
import { inGroups } from '../src/format.ts';

test('changed fields come first, and NULL is not the same as empty or missing', () => {
	const changes = changesOf({ id: '2', name: 'a', note: null, gone: 'x' }, { id: '2', name: 'b', note: '', more: null });
	assert.deepEqual(
		changes.map(({ field, before, after, changed }) => [field, before, after, changed]),
		[
			['name', 'a', 'b', true],
			['note', null, '', true],
			['gone', 'x', undefined, true],
			['more', undefined, null, true],
			['id', '2', '2', false],
		],
	);
	assert.deepEqual(changesOf(null, null), []);
	assert.deepEqual(changesOf(null, { toString: 'x' }).map((change) => change.before), [undefined]);
});

test('who, what and which row are told in words', () => {
	const entry = { app_user: null, session_user_name: 'postgres', kind: 'update', operation: 'update', relation: 'users' };
	assert.equal(actorOf(entry), 'postgres (database)');
	assert.equal(actorOf({ ...entry, app_user: 'olga' }), 'olga');
	assert.equal(deedOf(entry), 'update users');
	assert.equal(deedOf({ ...entry, kind: 'login', operation: 'failed', relation: null }), 'login: failed');
	assert.equal(keyOf({ id: '2', chain: null }), 'id = 2, chain = NULL');
});

const result = (more) => ({ problems: [], checked: { entries: 12, chains: 2 }, anchored: null, not_checked: [], ...more });

test('a clean check without a checkpoint is called a checksum, and nothing more', () => {
	const verdict = verdictOf(result(), '');
	assert.deepEqual([verdict.tone, verdict.headline], ['good', 'Internally consistent']);
	assert.match(verdict.statements.join(' '), /12 entries in 2 chains.*Not anchored.*only a checksum/);
});

test('an anchored log says up to when, and what stays open', () => {
	const { statements } = verdictOf(result({ anchored: { size: 10, time: 'x' } }), 'noon');
	assert.match(statements.join(' '), /Anchored up to noon \(10 entries\).*Later entries can still be rewritten/);
	assert.doesNotMatch(statements.join(' '), /checksum/);
});

test('problems are never consistent, anchored or not', () => {
	for (const anchored of [null, { size: 10, time: 'x' }]) {
		const verdict = verdictOf(result({ problems: [{}, {}], anchored }), 'noon');
		assert.deepEqual([verdict.tone, verdict.headline], ['bad', '2 problems']);
	}
});

test('what was pruned or erased is a gap and no attack', () => {
	const gone = [{ problem: 'PRUNED' }, { problem: 'REDACTED' }];
	const verdict = verdictOf(result({ problems: gone }), '');
	assert.deepEqual([verdict.tone, verdict.headline], ['good', 'Internally consistent, with gaps']);
	assert.match(verdict.statements.join(' '), /2 ranges of entries were pruned or erased/);
	assert.doesNotMatch(verdict.statements.join(' '), /changed outside/);
	assert.equal(verdictOf(result({ problems: [...gone, { problem: 'ORPHAN_LINK' }] }), '').headline, '1 problem');
	assert.equal(deedOf({ kind: null, operation: null, relation: null }), 'erased');
});

test('a key is shown in groups of four', () => {
	assert.equal(inGroups('JBSWY3DPEHPK3P'), 'JBSW Y3DP EHPK 3P');
	assert.equal(inGroups('JBSWY3DP'), 'JBSW Y3DP');
	assert.equal(inGroups(''), '');
});
