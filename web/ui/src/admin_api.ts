// Administration: users, tokens of devices, the audit log.

import { getJson, sendJson } from './http';

export const roles = ['admin', 'operator', 'viewer'] as const;

export interface UserRow {
	name: string;
	role: string;
	machines: string[];
	/** Login of the database that is this user without a session. */
	db_role: string | null;
	disabled: boolean;
	has_password: boolean;
	must_change_password: boolean;
	second_factor: boolean;
	/** How many are alive. */
	sessions: number;
	last_login_at: string | null;
	last_failed_at: string | null;
	failed_logins: number;
}

export interface UserChange {
	role?: string;
	machines?: string[];
	disabled?: boolean;
}

export interface TokenRow {
	id: string;
	machine: string;
	name: string;
	network: string | null;
	readings_per_minute: number | null;
	created_by: string | null;
	created_at: string;
	expires_at: string;
	last_used_at: string | null;
	revoked_at: string | null;
	live: boolean;
}

export interface TokenOrder {
	machine: string;
	name: string;
	lifetime_days?: number;
	network?: string;
	readings_per_minute?: number;
}

/** Columns of a row as texts; null = NULL. */
export type Image = Record<string, unknown> | null;

export interface AuditEntry {
	entry_id: number;
	chain: number;
	seq: number;
	at: string;
	/** null = erased */
	kind: string | null;
	session_user_name: string | null;
	app_user: string | null;
	client_address: string | null;
	source: string | null;
	machine: string | null;
	schema_name: string | null;
	relation: string | null;
	operation: string | null;
	reason: string | null;
	key: Image;
	old: Image;
	new: Image;
}

export interface AuditPage {
	entries: AuditEntry[];
	/** What to ask for to get older entries; null = there are none. */
	next: string | number | null;
}

export interface AuditFilter {
	machine: string;
	kind: string;
	user: string;
}

export interface AuditProblem {
	problem: string;
	chain: number | null;
	seq: number | null;
	entry_id: number | null;
	expected: string | null;
	found: string | null;
}

export interface AuditVerification {
	problems: AuditProblem[];
	checked: { entries: number; chains: number };
	/** The newest checkpoint that the log agrees with. */
	anchored: { size: number; time: string } | null;
	not_checked: string[];
}

/** Every entry is computed again. */
const VERIFY_TIMEOUT_MS = 120_000;

const userPath = (name: string) => `/api/v1/users/${encodeURIComponent(name)}`;

export async function fetchUsers(): Promise<UserRow[]> {
	return (await getJson<{ users: UserRow[] }>('/api/v1/users')).users;
}

/** Returns the one-time password. */
export async function createUser(name: string, role: string, machines: string[]): Promise<string> {
	const answer = await sendJson<{ one_time_password: string }>('POST', '/api/v1/users', { name, role, machines });
	return answer.one_time_password;
}

export async function changeUser(name: string, change: UserChange): Promise<void> {
	await sendJson('PATCH', userPath(name), change);
}

/** Returns the one-time password. */
export async function resetPassword(name: string): Promise<string> {
	return (await sendJson<{ one_time_password: string }>('POST', `${userPath(name)}/password`)).one_time_password;
}

export async function clearSecondFactor(name: string): Promise<void> {
	await sendJson('DELETE', `${userPath(name)}/second-factor`);
}

export async function fetchTokens(): Promise<TokenRow[]> {
	return (await getJson<{ tokens: TokenRow[] }>('/api/v1/tokens')).tokens;
}

/** Returns the token, which is shown once. */
export async function issueToken(order: TokenOrder): Promise<string> {
	return (await sendJson<{ token: string }>('POST', '/api/v1/tokens', order)).token;
}

export async function revokeToken(id: string): Promise<void> {
	await sendJson('DELETE', `/api/v1/tokens/${encodeURIComponent(id)}`);
}

/** Newest first. */
export async function fetchAudit(filter: AuditFilter, before: string | number | null, limit: number): Promise<AuditPage> {
	const query = new URLSearchParams({ limit: String(limit) });
	for (const [name, value] of Object.entries({ ...filter, before: before === null ? '' : String(before) })) {
		if (value !== '') {
			query.set(name, value);
		}
	}
	return getJson<AuditPage>(`/api/v1/audit?${query}`);
}

export async function verifyAudit(): Promise<AuditVerification> {
	return getJson<AuditVerification>('/api/v1/audit/verify', VERIFY_TIMEOUT_MS);
}
