// Tokens of devices, for admins.

import { fetchTokens, issueToken, revokeToken, type TokenOrder, type TokenRow } from '../admin_api';
import { fetchMachines } from '../api';
import { element } from '../dom';
import { formatCount } from '../format';
import { type Column, DataTable, rowButton } from '../widgets/data_table';
import { confirmDialog, formDialog, secretDialog } from '../widgets/dialog';
import { choiceField, textField } from '../widgets/form';
import { moment } from '../widgets/moment';
import { section } from '../widgets/page';
import { AdminPage } from './admin_page';

export class TokensView extends AdminPage {
	private readonly tokens = new DataTable<TokenRow>('Device tokens', this.columns(), 'No device has a token yet.', (token) => ({
		'data-token': token.id,
		...(token.live ? {} : { 'data-off': '' }),
	}));

	constructor() {
		super('tokens');
		const create = element('button', { type: 'button', class: 'primary' }, 'New token');
		create.addEventListener('click', () => void this.attempt(() => this.askNew()));
		this.element.append(
			section(
				'Tokens',
				element('p', {}, 'With a token a device sends the readings of one machine, and nothing else. At most two of the same machine and name are live at a time, so that a new one can replace the old.'),
				element('div', { class: 'buttons' }, create),
				this.tokens.element,
			),
		);
		void this.attempt(() => this.read());
	}

	private columns(): Column<TokenRow>[] {
		return [
			{ title: 'Machine', cell: (token) => element('strong', {}, token.machine) },
			{ title: 'Name', cell: (token) => token.name },
			{ title: 'Token', cell: (token) => element('code', {}, `rig_${token.id}_…`) },
			{ title: 'State', cell: (token) => (token.live ? 'live' : token.revoked_at === null ? 'expired' : 'revoked') },
			{ title: 'Expires', cell: (token) => moment(token.expires_at) },
			{ title: 'Last used', cell: (token) => (token.last_used_at === null ? 'never' : moment(token.last_used_at)) },
			{ title: 'Network', cell: (token) => token.network ?? 'any' },
			{ title: 'Most per minute', cell: (token) => (token.readings_per_minute === null ? 'no limit' : formatCount(token.readings_per_minute)) },
			{
				title: 'Actions',
				cell: (token) => (token.live ? rowButton('Revoke', `${token.name} of ${token.machine}`, () => this.askRevoke(token), true) : ''),
			},
		];
	}

	private async read(): Promise<void> {
		this.tokens.setRows(await fetchTokens());
	}

	private async done(words: string): Promise<void> {
		await this.attempt(async () => {
			await this.read();
			this.say(words);
		});
	}

	private async askNew(): Promise<void> {
		const machines = (await fetchMachines()).map(({ name }) => [name, name] as const);
		const machine = choiceField('Machine', machines, machines[0]?.[0] ?? '');
		const name = textField('Name', { autocomplete: 'off', required: '', maxlength: '63' }, 'What it is for, such as the device.');
		const days = textField('Lifetime in days', { type: 'number', min: '1', max: '3650', value: '365', required: '' });
		const network = textField('Network', { autocomplete: 'off', placeholder: 'any' }, 'Such as 192.0.2.0/24. Other addresses are refused.');
		const most = textField('Most readings per minute', { type: 'number', min: '1', placeholder: 'no limit' });
		formDialog({
			label: 'New token',
			submit: 'Issue',
			content: [machine.element, name.element, days.element, network.element, most.element],
			onSubmit: async () => {
				const order: TokenOrder = { machine: machine.select.value, name: name.input.value.trim(), lifetime_days: days.input.valueAsNumber };
				if (network.input.value.trim() !== '') {
					order.network = network.input.value.trim();
				}
				if (most.input.value !== '') {
					order.readings_per_minute = most.input.valueAsNumber;
				}
				const token = await issueToken(order);
				const text = `Put it into the device. It may send the readings of ${order.machine} and nothing else. It is shown only now.`;
				return () => {
					void this.done('The token was issued.');
					secretDialog('New token', text, `Token of ${order.name}`, token);
				};
			},
		});
	}

	private askRevoke(token: TokenRow): void {
		const text = `What the device “${token.name}” sends for ${token.machine} with this token is refused from now on. That cannot be taken back.`;
		confirmDialog('Revoke the token', text, 'Revoke', async () => {
			await revokeToken(token.id);
			return () => this.done('The token is revoked.');
		});
	}
}
