// What a viewer has chosen, kept in this browser. Storage may be forbidden or full; then choices last until the page closes.

const PREFIX = 'rigalpha.';
const memory = new Map<string, string>();

export function readSetting(name: string): string | null {
	try {
		return localStorage.getItem(PREFIX + name) ?? memory.get(name) ?? null;
	} catch {
		return memory.get(name) ?? null;
	}
}

export function writeSetting(name: string, value: string): void {
	memory.set(name, value);
	try {
		localStorage.setItem(PREFIX + name, value);
	} catch {
		// The copy in memory is enough for this visit.
	}
}
