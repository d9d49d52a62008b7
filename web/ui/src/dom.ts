// The only ways in which this page makes elements and writes text. Text is always text: there is no markup from data.

type Child = Node | string;

export function element<K extends keyof HTMLElementTagNameMap>(
	tag: K,
	attributes: Record<string, string> = {},
	...children: Child[]
): HTMLElementTagNameMap[K] {
	const node = document.createElement(tag);
	for (const name in attributes) {
		node.setAttribute(name, attributes[name]!);
	}
	node.append(...children);
	return node;
}

/** A piece of text that touches the page only when it changes. */
export class TextCell {
	readonly node: Text;

	constructor(private text = '') {
		this.node = document.createTextNode(text);
	}

	set(text: string): void {
		if (text !== this.text) {
			this.text = text;
			this.node.data = text;
		}
	}
}

/** An attribute that touches the page only when it changes; null takes it away. */
export class AttributeCell {
	private value: string | null | undefined;

	constructor(
		private readonly node: Element,
		private readonly name: string,
	) {}

	set(value: string | null): void {
		if (value === this.value) {
			return;
		}
		this.value = value;
		if (value === null) {
			this.node.removeAttribute(this.name);
		} else {
			this.node.setAttribute(this.name, value);
		}
	}
}
