// Chromium, and what the tests watch in every page.
import { createRequire } from 'node:module';

const { chromium } = createRequire(new URL('../../web/ui/package.json', import.meta.url))('playwright-core');

export function openBrowser() {
	return chromium.launch({
		executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
		args: [
			'--headless',
			'--no-sandbox',
			'--disable-gpu',
			'--disable-quic',
			'--no-first-run',
			'--disable-background-networking',
			'--disable-component-update',
			'--disable-sync',
		],
	});
}

/** A page with a profile of its own, and the list of what went wrong in it. */
export async function openPage(browser, viewport) {
	const context = await browser.newContext({ viewport, colorScheme: 'light' });
	const page = await context.newPage();
	const problems = [];
	page.on('console', (message) => {
		if (message.type() === 'error' || message.type() === 'warning') {
			problems.push(`console ${message.type()}: ${message.text()}`);
		}
	});
	page.on('pageerror', (error) => problems.push(`exception: ${error.stack}`));
	page.on('request', (request) => {
		const { protocol, host } = new URL(request.url());
		if (protocol.startsWith('http') && host !== new URL(page.url() === 'about:blank' ? request.url() : page.url()).host) {
			problems.push(`request to another host: ${request.url()}`);
		}
	});
	await page.addInitScript(() => {
		window.policyViolations = [];
		addEventListener('securitypolicyviolation', (event) => {
			window.policyViolations.push(`${event.effectiveDirective} ${event.blockedURI}`);
		});
	});
	return { page, context, problems };
}

/** Marks this load of the page and records every word that the connection state shows. */
export async function installWatch(page) {
	await page.evaluate(() => {
		window.pageMarker = 'first load';
		window.connectionWords = [];
		const word = document.querySelector('.connection-word');
		new MutationObserver(() => window.connectionWords.push(word.textContent)).observe(word, {
			characterData: true,
			subtree: true,
		});
	});
}

/** Runs in the page: visible text whose contrast to what is behind it is too low. A gradient counts with each of its colours. */
export function findLowContrast(least) {
	const channels = (color) => color.match(/[\d.]+/g).map(Number);
	const luminance = (color) => {
		const [r, g, b] = channels(color).map((value) => {
			const part = value / 255;
			return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
		});
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	};
	const contrast = (a, b) => {
		const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
		return (high + 0.05) / (low + 0.05);
	};
	const backgrounds = (node) => {
		for (let at = node; at; at = at.parentElement) {
			const style = getComputedStyle(at);
			const gradient = style.backgroundImage.match(/rgba?\([^)]*\)/g);
			if (gradient) {
				return gradient;
			}
			const alpha = channels(style.backgroundColor)[3] ?? 1;
			if (alpha > 0) {
				return [style.backgroundColor];
			}
		}
		return ['rgb(255, 255, 255)'];
	};
	const found = new Set();
	const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (walker.nextNode()) {
		const node = walker.currentNode.parentElement;
		if (walker.currentNode.data.trim() === '' || !node.checkVisibility()) {
			continue;
		}
		const { color } = getComputedStyle(node);
		for (const background of backgrounds(node)) {
			const value = contrast(color, background);
			if (value < least) {
				found.add(`${node.className || node.tagName}: ${color} on ${background} is ${value.toFixed(2)}`);
			}
		}
	}
	return [...found];
}
