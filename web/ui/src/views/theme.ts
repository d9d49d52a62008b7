// The choice of theme: as the system says, light or dark. The stylesheet knows the rest.

import { element, TextCell } from '../dom';
import { readSetting, writeSetting } from '../settings';

const themes = ['auto', 'light', 'dark'] as const;
type Theme = (typeof themes)[number];

function storedTheme(): Theme {
	const stored = readSetting('theme');
	return themes.find((theme) => theme === stored) ?? 'auto';
}

function applyTheme(theme: Theme): void {
	if (theme === 'auto') {
		delete document.documentElement.dataset['theme'];
	} else {
		document.documentElement.dataset['theme'] = theme;
	}
}

export function themeButton(): HTMLButtonElement {
	let theme = storedTheme();
	const name = new TextCell(theme);
	const button = element('button', { type: 'button', class: 'theme' }, 'Theme: ', name.node);
	applyTheme(theme);
	button.addEventListener('click', () => {
		theme = themes[(themes.indexOf(theme) + 1) % themes.length]!;
		writeSetting('theme', theme);
		applyTheme(theme);
		name.set(theme);
	});
	return button;
}
