// Logging in, and what every user may do with the own account.

import { getJson, sendJson } from './http';

export interface Me {
	name: string;
	role: string;
	must_change_password: boolean;
	second_factor: boolean;
	machines: string[];
}

export interface SessionRow {
	id: number;
	user_name: string;
	created_at: string;
	last_seen: string;
	expires_at: string;
	address: string | null;
	/** The session that asks. */
	is_current: boolean;
}

export interface SecondFactorKey {
	/** Base32. */
	secret: string;
	/** otpauth: address for an authenticator app. */
	uri: string;
}

export async function logIn(name: string, password: string, code: string): Promise<void> {
	await sendJson<unknown>('POST', '/api/v1/session', code === '' ? { name, password } : { name, password, code });
}

export async function logOut(): Promise<void> {
	await sendJson('DELETE', '/api/v1/session');
}

export async function fetchMe(): Promise<Me> {
	return getJson<Me>('/api/v1/me');
}

export async function changePassword(current: string, next: string): Promise<void> {
	await sendJson('PUT', '/api/v1/me/password', { current, new: next });
}

export async function proposeSecondFactor(password: string): Promise<SecondFactorKey> {
	return sendJson<SecondFactorKey>('PUT', '/api/v1/me/second-factor', { password });
}

export async function confirmSecondFactor(code: string): Promise<void> {
	await sendJson('POST', '/api/v1/me/second-factor', { code });
}

export async function removeSecondFactor(password: string): Promise<void> {
	await sendJson('DELETE', '/api/v1/me/second-factor', { password });
}

/** Live sessions of this user or, for an admin, of all users. */
export async function fetchSessions(all = false): Promise<SessionRow[]> {
	return (await getJson<{ sessions: SessionRow[] }>(`/api/v1/sessions${all ? '?all=true' : ''}`)).sessions;
}

export async function endSession(id: number): Promise<void> {
	await sendJson('DELETE', `/api/v1/sessions/${id}`);
}

/** Ends all sessions of this user but this one; returns how many. */
export async function endOtherSessions(): Promise<number> {
	return (await sendJson<{ ended: number }>('DELETE', '/api/v1/sessions')).ended;
}
