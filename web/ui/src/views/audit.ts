// The audit log, for admins: newest entries first, each of which opens to what was before and after.

import { type AuditEntry, type AuditFilter, fetchAudit } from '../admin_api';
import { fetchMachines } from '../api';
import { actorOf, auditKinds, changesOf, deedOf, keyOf } from '../audit';
import { element } from '../dom';
import { NOTHING } from '../format';
import { choiceField, Form, textField } from '../widgets/form';
import { moment } from '../widgets/moment';
import { section } from '../widgets/page';
import { AdminPage } from './admin_page';
import { AuditVerificationPanel } from './audit_verification';

const PAGE_ENTRIES = 50;
const COLUMNS = ['Time', 'Who', 'What', 'Machine', 'About', 'Details'];

export class AuditView extends AdminPage {
	private readonly rows = element('tbody');
	private readonly table = element(
		'table',
		{ class: 'data audit', 'aria-label': 'Audit log', hidden: '' },
		element('thead', {}, element('tr', {}, ...COLUMNS.map((title) => element('th', { scope: 'col' }, title)))),
		this.rows,
	);
	private readonly none = element('p', { class: 'data-none', hidden: '' }, 'No such entry among those that were looked at.');
	private readonly older = element('button', { type: 'button', hidden: '' }, 'Older');
	private filter: AuditFilter = { machine: '', kind: '', user: '' };
	private next: string | number | null = null;

	constructor() {
		super('audit');
		this.older.addEventListener('click', () => void this.attempt(() => this.readMore()));
		this.element.append(
			new AuditVerificationPanel().element,
			section('Entries', this.filterForm(), this.table, this.none, element('div', { class: 'buttons' }, this.older)),
		);
		void this.attempt(() => this.readFirst());
	}

	private filterForm(): HTMLElement {
		const machine = choiceField('Machine', [['', 'all']], '');
		const kind = choiceField('Kind', [['', 'all'], ...auditKinds.map((name) => [name, name] as const)], '');
		const user = textField('User', { autocomplete: 'off', placeholder: 'all' });
		void this.attempt(async () => {
			machine.select.append(...(await fetchMachines()).map(({ name }) => element('option', { value: name }, name)));
		});
		const form = new Form({
			label: 'Filter',
			submit: 'Show',
			content: [machine.element, kind.element, user.element],
			onSubmit: async () => {
				this.filter = { machine: machine.select.value, kind: kind.select.value, user: user.input.value.trim() };
				await this.readFirst();
			},
		});
		form.element.classList.add('filter');
		return form.element;
	}

	private async readFirst(): Promise<void> {
		this.next = null;
		const page = await fetchAudit(this.filter, null, PAGE_ENTRIES);
		this.rows.replaceChildren();
		this.add(page.entries, page.next);
	}

	/** A page may be empty although older ones are not: the server looks at a part of the log at a time. */
	private async readMore(): Promise<void> {
		const page = await fetchAudit(this.filter, this.next, PAGE_ENTRIES);
		this.add(page.entries, page.next);
	}

	private add(entries: readonly AuditEntry[], next: string | number | null): void {
		this.next = next;
		this.rows.append(...entries.flatMap(entryRows));
		this.table.hidden = this.rows.childElementCount === 0;
		this.none.hidden = !this.table.hidden;
		this.older.hidden = next === null;
	}
}

/** The row of an entry, and the hidden one of its details. */
function entryRows(entry: AuditEntry): HTMLElement[] {
	const id = `entry-${entry.entry_id}`;
	const open = element(
		'button',
		{ type: 'button', class: 'disclosure', 'aria-expanded': 'false', 'aria-controls': id, 'aria-label': `Details of entry ${entry.entry_id}` },
		'Details',
	);
	const cells: (Node | string)[] = [
		moment(entry.at), actorOf(entry) || NOTHING, deedOf(entry), entry.machine ?? NOTHING, entry.reason || keyOf(entry.key) || NOTHING, open,
	];
	const row = element('tr', { 'data-entry': String(entry.entry_id) }, ...cells.map((cell, i) => element('td', { 'data-column': COLUMNS[i]! }, cell)));
	const cell = element('td', { colspan: String(COLUMNS.length) });
	const details = element('tr', { id, class: 'entry-details', hidden: '' }, cell);
	open.addEventListener('click', () => {
		if (cell.childElementCount === 0) {
			cell.append(...detailsOf(entry));
		}
		details.hidden = !details.hidden;
		open.setAttribute('aria-expanded', String(!details.hidden));
	});
	return [row, details];
}

function detailsOf(entry: AuditEntry): HTMLElement[] {
	const facts: [string, string | null][] = [
		['Entry', `${entry.entry_id}, chain ${entry.chain}, place ${entry.seq ?? 'not linked yet'}`],
		['Database login', entry.session_user_name],
		['Address', entry.client_address],
		['Written by', entry.source],
		['Table', entry.relation === null ? null : [entry.schema_name, entry.relation].filter(Boolean).join('.')],
		['Row', keyOf(entry.key)],
		['Reason', entry.reason],
	];
	const list = element('dl', { class: 'facts' });
	for (const [name, value] of facts) {
		if (value !== null && value !== '') {
			list.append(element('dt', {}, name), element('dd', {}, value));
		}
	}
	return entry.old === null && entry.new === null ? [list] : [list, changesTable(entry)];
}

function changesTable(entry: AuditEntry): HTMLElement {
	const show = (value: string | null | undefined) => (value === undefined ? '' : value === null ? element('em', {}, 'NULL') : value);
	const rows = changesOf(entry.old, entry.new).map(({ field, before, after, changed }) =>
		element(
			'tr',
			changed ? { 'data-changed': '' } : {},
			element('th', { scope: 'row' }, field),
			element('td', {}, show(before)),
			element('td', {}, show(after)),
			element('td', {}, changed ? '● changed' : ''),
		),
	);
	const titles = ['Field', 'Before', 'After', ''].map((title) => element('th', { scope: 'col' }, title));
	return element(
		'div',
		{ class: 'changes-area' },
		element(
			'table',
			{ class: 'changes', 'aria-label': 'Before and after' },
			element('thead', {}, element('tr', {}, ...titles)),
			element('tbody', {}, ...rows),
		),
	);
}
