// The own account: password, second factor, sessions.

import { changePassword, endOtherSessions, endSession, fetchSessions, type Me, type SessionRow } from '../account_api';
import { element } from '../dom';
import { NOTHING } from '../format';
import { DataTable, rowButton } from '../widgets/data_table';
import { confirmDialog } from '../widgets/dialog';
import { moment } from '../widgets/moment';
import { newPasswordForm } from '../widgets/new_password';
import { Page, section } from '../widgets/page';
import { SecondFactor } from './second_factor';

export class AccountView extends Page {
	private readonly sessions: DataTable<SessionRow>;
	private readonly endOthers = element('button', { type: 'button', class: 'danger', hidden: '' }, 'End all others');

	constructor(me: Me) {
		super('Account');
		const password = newPasswordForm({
			label: 'Change password',
			submit: 'Change password',
			user: me.name,
			askCurrent: true,
			onSubmit: async (current, next) => {
				await changePassword(current, next);
				await this.read();
				this.say('The password is changed, and your other sessions have ended.');
				this.element.focus();
			},
		});
		this.sessions = new DataTable<SessionRow>('Your sessions', this.columns(), 'There are none.', (row) => ({ 'data-session': String(row.id) }));
		this.endOthers.addEventListener('click', () => this.askEndOthers());
		this.element.append(
			section(
				'You',
				element('p', {}, `${me.name}, ${me.role}`),
				element('p', {}, me.role === 'admin' ? 'You see all machines.' : `Your machines: ${me.machines.join(', ') || 'none yet'}`),
			),
			section('Password', element('p', {}, 'Changing it ends all your other sessions, on every device.'), password.element),
			new SecondFactor(me, this).element,
			section(
				'Sessions',
				element('p', {}, 'Where you are logged in. End what you do not know, then change your password.'),
				this.sessions.element,
				element('div', { class: 'buttons' }, this.endOthers),
			),
		);
		void this.attempt(() => this.read());
	}

	private columns() {
		return [
			{ title: 'Started', cell: (row: SessionRow) => moment(row.created_at) },
			{ title: 'Last used', cell: (row: SessionRow) => moment(row.last_seen) },
			{ title: 'Address', cell: (row: SessionRow) => row.address ?? NOTHING },
			{
				title: 'End',
				cell: (row: SessionRow) =>
					row.is_current ? element('strong', {}, 'this session') : rowButton('End', `session from ${row.address}`, () => void this.end(row)),
			},
		];
	}

	private async read(): Promise<void> {
		const rows = await fetchSessions();
		this.sessions.setRows(rows);
		this.endOthers.hidden = rows.every((row) => row.is_current);
	}

	private async end(row: SessionRow): Promise<void> {
		await this.attempt(async () => {
			await endSession(row.id);
			await this.read();
			this.say('The session has ended.');
		});
	}

	private askEndOthers(): void {
		confirmDialog('End all other sessions', 'Every other device on which you are logged in has to log in again.', 'End them', async () => {
			const ended = await endOtherSessions();
			return () =>
				this.attempt(async () => {
					await this.read();
					this.say(ended === 1 ? 'One session has ended.' : `${ended} sessions have ended.`);
				});
		});
	}
}
