// The audit log in words. No DOM.

import type { AuditEntry, AuditVerification, Image } from './admin_api';
import { formatCount } from './format';

export const auditKinds = [
	'insert', 'update', 'delete', 'truncate', 'baseline', 'ddl', 'login', 'logout', 'token', 'note', 'guard', 'epoch', 'retention',
	'incident', 'alarm', 'refusal',
] as const;

export interface FieldChange {
	field: string;
	/** null = NULL; undefined = the row has no such column on this side. */
	before: string | null | undefined;
	after: string | null | undefined;
	changed: boolean;
}

/** Columns of a row before and after, the changed ones first. */
export function changesOf(old: Image, now: Image): FieldChange[] {
	const fields = [...new Set([...Object.keys(old ?? {}), ...Object.keys(now ?? {})])];
	const changes = fields.map((field) => {
		const before = textOf(old, field);
		const after = textOf(now, field);
		return { field, before, after, changed: before !== after };
	});
	return [...changes.filter((change) => change.changed), ...changes.filter((change) => !change.changed)];
}

function textOf(image: Image, field: string): string | null | undefined {
	if (image === null || !Object.hasOwn(image, field)) {
		return undefined;
	}
	const value = image[field];
	return value === null || value === undefined ? null : typeof value === 'string' ? value : JSON.stringify(value);
}

/** Who acted: the user of the page, else the login of the database. */
export function actorOf(entry: AuditEntry): string {
	return entry.app_user ?? (entry.session_user_name === null ? '' : `${entry.session_user_name} (database)`);
}

/** What was done, and to what. */
export function deedOf(entry: AuditEntry): string {
	if (entry.kind === null) {
		return 'erased';
	}
	const operation = entry.operation ?? '';
	const words = operation === '' || operation.toLowerCase() === entry.kind ? entry.kind : `${entry.kind}: ${operation}`;
	return entry.relation === null ? words : `${words} ${entry.relation}`;
}

/** The row by its key, as in "name = pump". */
export function keyOf(image: Image): string {
	return Object.keys(image ?? {}).map((field) => `${field} = ${textOf(image, field) ?? 'NULL'}`).join(', ');
}

export interface Verdict {
	tone: 'good' | 'bad';
	headline: string;
	/** Each a sentence or two, none of which claims more than was checked. */
	statements: string[];
}

/** anchoredAt: the time of the checkpoint as the viewer reads it. */
export function verdictOf(result: AuditVerification, anchoredAt: string): Verdict {
	const { checked, anchored } = result;
	// What went by right is listed, but is no sign of an attack.
	const problems = result.problems.filter(({ problem }) => problem !== 'PRUNED' && problem !== 'REDACTED');
	const gone = result.problems.length - problems.length;
	const statements = [`Computed again: ${numbered(checked.entries, 'entry', 'entries')} in ${numbered(checked.chains, 'chain', 'chains')}.`];
	if (problems.length > 0) {
		statements.push('The log, or the rows it speaks of, were changed outside of it, or are damaged. Keep a copy of the database before you do anything else.');
	}
	if (gone > 0) {
		statements.push(
			`Not complete: ${numbered(gone, 'range of entries was', 'ranges of entries were')} pruned or erased. The entries of the retention that say so are named below; compare them with what you know of.`,
		);
	}
	if (anchored === null) {
		statements.push(
			'Not anchored: no signed checkpoint vouches for it. Without one kept elsewhere this is only a checksum: who can rewrite the whole database can rewrite the log as well.',
		);
	} else {
		statements.push(
			`Anchored up to ${anchoredAt} (${numbered(anchored.size, 'entry', 'entries')}). That is worth as much as the copies of the checkpoint that are kept on other hosts. Later entries can still be rewritten by a superuser.`,
		);
	}
	statements.push('What never reached the database is in no log, and names are as true as the logins behind them.');
	if (problems.length > 0) {
		return { tone: 'bad', headline: numbered(problems.length, 'problem', 'problems'), statements };
	}
	return { tone: 'good', headline: gone > 0 ? 'Internally consistent, with gaps' : 'Internally consistent', statements };
}

function numbered(count: number, one: string, many: string): string {
	return `${formatCount(count)} ${count === 1 ? one : many}`;
}
