// Requests to the server. Failures become ApiError, with the fields of the server's problem+json where it sent any.

export class ApiError extends Error {
	constructor(
		message: string,
		/** HTTP status; 0 when no answer came at all. */
		readonly status: number,
		readonly detail: string,
		readonly requestId: string,
		/** Which problem it is, such as "login-failed"; empty when the answer does not say. */
		readonly code = '',
		/** Seconds after which another attempt makes sense; NaN when the answer does not say. */
		readonly retryAfter = Number.NaN,
	) {
		super(message);
		this.name = 'ApiError';
	}
}

/** Answers that concern the whole page, whichever request they came to. */
export type Refusal = 'login-required' | 'password-change-required';

const TIMEOUT_MS = 10_000;
const PROBLEM_PREFIX = 'urn:rigalpha:problem:';
const refusalListeners = new Set<(refusal: Refusal) => void>();

export function onRefusal(listener: (refusal: Refusal) => void): void {
	refusalListeners.add(listener);
}

export async function getJson<T>(path: string, timeoutMs = TIMEOUT_MS): Promise<T> {
	return readJson<T>(await request(path, 'GET', undefined, timeoutMs));
}

/** Sends a change; the answer is undefined where the server has nothing to say. */
export async function sendJson<T = void>(method: 'POST' | 'PUT' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<T> {
	return readJson<T>(await request(path, method, body));
}

export async function request(path: string, method = 'GET', body?: object, timeoutMs = TIMEOUT_MS): Promise<Response> {
	return fetch(path, {
		method,
		headers: { accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
		body: body === undefined ? null : JSON.stringify(body),
		cache: 'no-store',
		signal: AbortSignal.timeout(timeoutMs),
	}).catch(unreachable);
}

async function readJson<T>(response: Response): Promise<T> {
	if (response.status === 204) {
		return undefined as T;
	}
	if (response.ok) {
		return (await response.json().catch(unreachable)) as T;
	}
	const error = problemOf(response.status, await readBody(response), response.headers.get('retry-after'));
	if (error.code === 'login-required' || error.code === 'password-change-required') {
		for (const listener of refusalListeners) {
			listener(error.code);
		}
	}
	throw error;
}

export function problemOf(status: number, body: unknown, retryAfter: string | null): ApiError {
	const type = textField(body, 'type');
	return new ApiError(
		textField(body, 'title') || `the server answers ${status}`,
		status,
		textField(body, 'detail'),
		textField(body, 'request_id'),
		type.startsWith(PROBLEM_PREFIX) ? type.slice(PROBLEM_PREFIX.length) : '',
		/^\d{1,6}$/.test(retryAfter ?? '') ? Number(retryAfter) : Number.NaN,
	);
}

/** No answer, or one that broke off. */
function unreachable(cause: unknown): never {
	throw new ApiError('the server cannot be reached', 0, String(cause), '');
}

/** The JSON body of an error answer, or its text as detail: proxies in between may answer anything. */
export async function readBody(response: Response): Promise<unknown> {
	const text = await response.text().catch(() => '');
	try {
		return JSON.parse(text);
	} catch {
		return { detail: text.slice(0, 200) };
	}
}

export function textField(body: unknown, name: string): string {
	if (typeof body !== 'object' || body === null) {
		return '';
	}
	const value = (body as Record<string, unknown>)[name];
	return typeof value === 'string' ? value.trim() : '';
}

/** What went wrong, for a person. */
export function explain(error: unknown): string {
	if (!(error instanceof ApiError)) {
		throw error;
	}
	if (error.status === 0) {
		return 'The server cannot be reached.';
	}
	const text = error.detail || error.message;
	const sentence = text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? '' : '.');
	return error.status >= 500 && error.requestId !== '' ? `${sentence} (request ${error.requestId})` : sentence;
}
