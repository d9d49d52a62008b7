// What a check of the audit log says, and what it does not.

import { type AuditProblem, verifyAudit } from '../admin_api';
import { verdictOf } from '../audit';
import { parseTime } from '../clock';
import { element } from '../dom';
import { formatMoment, NOTHING } from '../format';
import { DataTable } from '../widgets/data_table';
import { Form } from '../widgets/form';
import { section } from '../widgets/page';

export class AuditVerificationPanel {
	readonly element: HTMLElement;
	private readonly result = element('div', { class: 'verdict', role: 'status' });

	constructor() {
		const form = new Form({
			label: 'Check the audit log',
			submit: 'Check now',
			content: [],
			onSubmit: async () => {
				this.result.replaceChildren(element('p', {}, 'Checking…'));
				try {
					await this.check();
				} catch (error) {
					this.result.replaceChildren();
					throw error;
				}
			},
		});
		form.buttons.append(
			element('a', { href: '/api/v1/audit/checkpoint', download: 'checkpoint.txt' }, 'Newest signed checkpoint, to keep elsewhere'),
		);
		this.result.append(element('p', {}, 'Not checked since this page was opened.'));
		this.element = section('Integrity', this.result, form.element);
	}

	private async check(): Promise<void> {
		const result = await verifyAudit();
		const verdict = verdictOf(result, formatMoment(parseTime(result.anchored?.time)));
		const parts: HTMLElement[] = [
			element('p', { class: 'verdict-headline', 'data-tone': verdict.tone }, `${verdict.tone === 'good' ? '✓' : '▲'} ${verdict.headline}`),
			...verdict.statements.map((text) => element('p', {}, text)),
		];
		if (result.not_checked.length > 0) {
			parts.push(element('p', {}, 'Not checked here:'), element('ul', { class: 'bullets' }, ...result.not_checked.map((text) => element('li', {}, text))));
		}
		if (result.problems.length > 0) {
			const table = new DataTable<AuditProblem>('Problems of the audit log', problemColumns, '');
			table.setRows(result.problems);
			parts.push(table.element);
		}
		this.result.replaceChildren(...parts);
	}
}

const text = (value: string | number | null) => (value === null ? NOTHING : String(value));

const problemColumns = [
	{ title: 'Problem', cell: (row: AuditProblem) => element('strong', {}, row.problem) },
	{ title: 'Chain', cell: (row: AuditProblem) => text(row.chain) },
	{ title: 'Place', cell: (row: AuditProblem) => text(row.seq) },
	{ title: 'Entry', cell: (row: AuditProblem) => text(row.entry_id) },
	{ title: 'Expected', cell: (row: AuditProblem) => element('code', { class: 'hash' }, text(row.expected)) },
	{ title: 'Found', cell: (row: AuditProblem) => element('code', { class: 'hash' }, text(row.found)) },
];
