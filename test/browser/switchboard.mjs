// A TCP relay in front of the stack, so that a test can take the server away from the page without touching the server.
import net from 'node:net';

export class Switchboard {
	#target;
	#port = 0;
	#server;
	#sockets = new Set();

	constructor(url) {
		const { hostname, port } = new URL(url);
		this.#target = { host: hostname, port: Number(port || 80) };
	}

	/** Starts to listen, again at the same port after a cut; returns the address for the browser. */
	async start() {
		this.#server = net.createServer((client) => this.#connect(client));
		await new Promise((resolve, reject) => {
			this.#server.once('error', reject);
			this.#server.listen(this.#port, '127.0.0.1', resolve);
		});
		this.#port = this.#server.address().port;
		return `http://127.0.0.1:${this.#port}/`;
	}

	/** Drops every connection and refuses new ones. */
	async cut() {
		const closed = new Promise((resolve) => this.#server.close(resolve));
		for (const socket of this.#sockets) {
			socket.destroy();
		}
		await closed;
	}

	#connect(client) {
		const upstream = net.connect(this.#target);
		for (const [socket, other] of [[client, upstream], [upstream, client]]) {
			this.#sockets.add(socket);
			socket.on('error', () => other.destroy());
			socket.on('close', () => {
				this.#sockets.delete(socket);
				other.destroy();
			});
			socket.pipe(other);
		}
	}
}
