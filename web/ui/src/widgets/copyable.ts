// A text to be taken along, with a button that copies it.

import { element, TextCell } from '../dom';

export function copyable(caption: string, text: string, shown = text): HTMLElement {
	const word = new TextCell('Copy');
	const button = element('button', { type: 'button', 'aria-label': `Copy: ${caption}` }, word.node);
	const said = element('span', { class: 'visually-hidden', role: 'status' });
	const value = element('code', {}, shown);
	button.addEventListener('click', async () => {
		try {
			await navigator.clipboard.writeText(text);
			word.set('Copied');
			said.textContent = 'Copied';
		} catch {
			// Without the right to write the clipboard the text is at least selected.
			getSelection()?.selectAllChildren(value);
			word.set('Selected');
			said.textContent = 'Selected';
		}
	});
	return element(
		'div',
		{ class: 'copyable' },
		element('span', { class: 'copyable-caption' }, caption),
		element('div', { class: 'copyable-row' }, value, button, said),
	);
}
