//! QR codes by qrcode-generator, (c) 2009 Kazuhiko Arase, MIT licence: https://github.com/kazuhikoarase/qrcode-generator
// A text as a QR code, drawn as one SVG path. Loaded only when one is shown.

import qrcode from 'qrcode-generator';

const SVG = 'http://www.w3.org/2000/svg';
/** Light modules around the code, which readers need. */
const QUIET = 4;

export function qrCode(text: string, label: string): SVGSVGElement {
	const code = qrcode(0, 'M');
	code.addData(text, 'Byte');
	code.make();
	const size = code.getModuleCount();
	let path = '';
	for (let row = 0; row < size; row++) {
		for (let column = 0; column < size; column++) {
			if (code.isDark(row, column)) {
				path += `M${column + QUIET} ${row + QUIET}h1v1h-1z`;
			}
		}
	}
	const svg = document.createElementNS(SVG, 'svg');
	svg.setAttribute('class', 'qr');
	svg.setAttribute('viewBox', `0 0 ${size + 2 * QUIET} ${size + 2 * QUIET}`);
	svg.setAttribute('role', 'img');
	svg.setAttribute('aria-label', label);
	const modules = document.createElementNS(SVG, 'path');
	modules.setAttribute('d', path);
	svg.append(modules);
	return svg;
}
