// Who uses the page. No DOM; the server is reached through functions that a test can replace.

import type { Me } from './account_api';
import { ApiError, type Refusal } from './http';

export interface SessionApi {
	logIn(name: string, password: string, code: string): Promise<void>;
	logOut(): Promise<void>;
	fetchMe(): Promise<Me>;
	changePassword(current: string, next: string): Promise<void>;
}

export type Stage =
	/** Not known yet; error says why the server could not be asked. */
	| { kind: 'unknown'; error?: ApiError }
	| { kind: 'login'; notice: string }
	/** The password was given by somebody else and must be changed first. */
	| { kind: 'password'; me: Me }
	| { kind: 'open'; me: Me };

const RETRY_MS = 2_000;

export class Session {
	stage: Stage = { kind: 'unknown' };
	private readonly listeners = new Set<(stage: Stage) => void>();
	/** The password of the login, while it is to be changed: nobody should have to type it twice in a row. */
	private givenPassword = '';

	constructor(private readonly api: SessionApi) {}

	subscribe(listener: (stage: Stage) => void): void {
		this.listeners.add(listener);
	}

	/** Asks who is logged in until the server says. */
	async start(): Promise<void> {
		try {
			await this.readMe();
		} catch (error) {
			if (!(error instanceof ApiError)) {
				throw error;
			}
			if (this.stage.kind === 'unknown') {
				this.set({ kind: 'unknown', error });
				setTimeout(() => void this.start(), RETRY_MS);
			}
		}
	}

	async logIn(name: string, password: string, code: string): Promise<void> {
		await this.api.logIn(name, password, code);
		this.givenPassword = password;
		await this.readMe();
	}

	async logOut(): Promise<void> {
		await this.api.logOut();
	}

	/** Whether the present password must be typed for the change of the first one. */
	get knowsPassword(): boolean {
		return this.givenPassword !== '';
	}

	async changeFirstPassword(current: string, next: string): Promise<void> {
		await this.api.changePassword(current || this.givenPassword, next);
		await this.readMe();
	}

	/** Reads again what the server says of this user, after a change of it. */
	async readMe(): Promise<void> {
		const me = await this.api.fetchMe();
		if (!me.must_change_password) {
			this.givenPassword = '';
		}
		this.set({ kind: me.must_change_password ? 'password' : 'open', me });
	}

	/** An answer of the server said that this user may not go on. */
	refuse(refusal: Refusal): void {
		if (refusal === 'login-required') {
			this.givenPassword = '';
			if (this.stage.kind !== 'login') {
				const notice = this.stage.kind === 'unknown' ? '' : 'Your session has ended. Log in to go on.';
				this.set({ kind: 'login', notice });
			}
		} else if (this.stage.kind === 'open') {
			this.set({ kind: 'password', me: { ...this.stage.me, must_change_password: true } });
		}
	}

	private set(stage: Stage): void {
		this.stage = stage;
		for (const listener of this.listeners) {
			listener(stage);
		}
	}
}
