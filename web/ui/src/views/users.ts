// Users and their sessions, for admins.

import { endSession, fetchSessions, type SessionRow } from '../account_api';
import { changeUser, clearSecondFactor, createUser, fetchUsers, resetPassword, roles, type UserRow } from '../admin_api';
import { fetchMachines } from '../api';
import { element } from '../dom';
import { NOTHING } from '../format';
import { type Column, DataTable, rowButton } from '../widgets/data_table';
import { confirmDialog, formDialog, secretDialog } from '../widgets/dialog';
import { Checkboxes, type Choice, choiceField, textField } from '../widgets/form';
import { moment } from '../widgets/moment';
import { section } from '../widgets/page';
import { AdminPage } from './admin_page';

const roleWords = { admin: 'admin: everything', operator: 'operator: acts on assigned machines', viewer: 'viewer: reads assigned machines' };
const NO_MACHINES = 'No machine is known yet.';

export class UsersView extends AdminPage {
	private readonly users = new DataTable<UserRow>('Users', this.userColumns(), 'There are none.', (user) => ({
		'data-user': user.name,
		...(user.disabled ? { 'data-off': '' } : {}),
	}));
	private readonly sessions = new DataTable<SessionRow>('Sessions of all users', this.sessionColumns(), 'There are none.', (row) => ({
		'data-session': String(row.id),
	}));

	constructor() {
		super('users');
		const create = element('button', { type: 'button', class: 'primary' }, 'New user');
		create.addEventListener('click', () => void this.attempt(() => this.askNew()));
		this.element.append(
			section('All users', element('div', { class: 'buttons' }, create), this.users.element),
			section('Sessions of all users', this.sessions.element),
		);
		void this.attempt(() => this.read());
	}

	private userColumns(): Column<UserRow>[] {
		return [
			{ title: 'Name', cell: (user) => element('strong', {}, user.name) },
			{ title: 'Role', cell: (user) => user.role },
			{ title: 'Machines', cell: (user) => (user.role === 'admin' ? 'all' : user.machines.join(', ') || 'none') },
			{ title: 'State', cell: stateOf },
			{ title: 'Second factor', cell: (user) => (user.second_factor ? 'on' : 'off') },
			{ title: 'Sessions', cell: (user) => String(user.sessions) },
			{ title: 'Last login', cell: (user) => (user.last_login_at === null ? 'never' : moment(user.last_login_at)) },
			{ title: 'Actions', cell: (user) => element('div', { class: 'row-buttons' }, ...this.actions(user)) },
		];
	}

	private actions(user: UserRow): HTMLElement[] {
		const { name } = user;
		const buttons = [
			rowButton('Edit', name, () => void this.attempt(() => this.askChange(user))),
			rowButton('Reset password', name, () => this.askReset(name)),
		];
		if (user.second_factor) {
			buttons.push(rowButton('Clear second factor', name, () => this.askClear(name)));
		}
		if (user.disabled) {
			buttons.push(rowButton('Enable', name, () => void this.change(() => changeUser(name, { disabled: false }), `${name} may log in again.`)));
		} else {
			buttons.push(rowButton('Disable', name, () => this.askDisable(name), true));
		}
		return buttons;
	}

	private sessionColumns(): Column<SessionRow>[] {
		return [
			{ title: 'User', cell: (row) => row.user_name },
			{ title: 'Started', cell: (row) => moment(row.created_at) },
			{ title: 'Last used', cell: (row) => moment(row.last_seen) },
			{ title: 'Address', cell: (row) => row.address ?? NOTHING },
			{
				title: 'End',
				cell: (row) =>
					row.is_current
						? element('strong', {}, 'this session')
						: rowButton('End', `session of ${row.user_name}`, () => void this.change(() => endSession(row.id), 'The session has ended.')),
			},
		];
	}

	private async read(): Promise<void> {
		const [users, sessions] = await Promise.all([fetchUsers(), fetchSessions(true)]);
		this.users.setRows(users);
		this.sessions.setRows(sessions);
	}

	private async change(work: () => Promise<void>, words: string): Promise<void> {
		await this.attempt(async () => {
			await work();
			await this.read();
			this.say(words);
		});
	}

	/** Shows what a dialog has done. A failure to read it again belongs to the page, not to the dialog. */
	private async done(words: string): Promise<void> {
		await this.change(async () => {}, words);
	}

	private async askNew(): Promise<void> {
		const names = await machineNames();
		const name = textField('Name', { autocomplete: 'off', required: '', maxlength: '63' });
		const role = roleField('viewer');
		const machines = new Checkboxes('Machines', names, [], NO_MACHINES);
		hideForAdmins(role, machines);
		formDialog({
			label: 'New user',
			submit: 'Create',
			content: [name.element, role.element, machines.element],
			onSubmit: async () => {
				const wanted = name.input.value.trim();
				const chosen = role.select.value === 'admin' ? [] : machines.values;
				const password = await createUser(wanted, role.select.value, chosen);
				return () => this.showPassword(wanted, password, `${wanted} was created.`);
			},
		});
	}

	private async askChange(user: UserRow): Promise<void> {
		const names = await machineNames();
		const role = roleField(user.role);
		const machines = new Checkboxes('Machines', [...new Set([...names, ...user.machines])], user.machines, NO_MACHINES);
		hideForAdmins(role, machines);
		formDialog({
			label: `Change ${user.name}`,
			submit: 'Save',
			content: [role.element, machines.element, element('p', { class: 'quiet' }, 'A change ends the sessions of this user.')],
			onSubmit: async () => {
				const chosen = role.select.value === 'admin' ? user.machines : machines.values;
				const change = {
					...(role.select.value === user.role ? {} : { role: role.select.value }),
					...(sameNames(chosen, user.machines) ? {} : { machines: chosen }),
				};
				if (Object.keys(change).length > 0) {
					await changeUser(user.name, change);
				}
				return () => this.done(`${user.name} is saved.`);
			},
		});
	}

	private askReset(name: string): void {
		const text = `The present password of ${name} stops working, and the sessions end. You get a password that works once.`;
		confirmDialog(`Reset the password of ${name}`, text, 'Reset password', async () => {
			const password = await resetPassword(name);
			return () => this.showPassword(name, password, `The password of ${name} was reset.`);
		});
	}

	private askClear(name: string): void {
		const text = `The password alone is then enough to log in as ${name}. Do this only when you know that the device is lost.`;
		confirmDialog(`Clear the second factor of ${name}`, text, 'Clear', async () => {
			await clearSecondFactor(name);
			return () => this.done(`The second factor of ${name} is off.`);
		});
	}

	private askDisable(name: string): void {
		confirmDialog(`Disable ${name}`, `${name} can no longer log in, and all sessions end at once.`, 'Disable', async () => {
			await changeUser(name, { disabled: true });
			return () => this.done(`${name} is disabled.`);
		});
	}

	private showPassword(name: string, password: string, words: string): void {
		void this.done(words);
		const text = `Give this to ${name} on a safe way. It works once, and a new password is asked for. It is shown only now.`;
		secretDialog('One-time password', text, `One-time password of ${name}`, password);
	}
}

function stateOf(user: UserRow): string {
	if (user.disabled) {
		return 'disabled';
	}
	if (!user.has_password) {
		return 'no password';
	}
	return user.must_change_password ? 'one-time password' : 'active';
}

function roleField(value: string): Choice {
	return choiceField('Role', roles.map((role) => [role, roleWords[role]] as const), value);
}

/** Admins see every machine, so there is nothing to choose. */
function hideForAdmins(role: Choice, machines: Checkboxes): void {
	const show = () => {
		machines.element.hidden = role.select.value === 'admin';
	};
	role.select.addEventListener('change', show);
	show();
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
	return a.length === b.length && a.every((name) => b.includes(name));
}

async function machineNames(): Promise<string[]> {
	return (await fetchMachines()).map((machine) => machine.name);
}
