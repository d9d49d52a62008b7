// The one owner of requestAnimationFrame: drawing tasks asked for any number of times run once in the next frame, and not
// at all while nobody sees the page.

export type Task = () => void;

export class Frame {
	private readonly tasks = new Set<Task>();
	private readonly secondTasks = new Set<Task>();
	private handle = 0;

	constructor() {
		document.addEventListener('visibilitychange', () => this.schedule());
		setInterval(() => this.secondTasks.forEach((task) => this.request(task)), 1000);
	}

	request(task: Task): void {
		this.tasks.add(task);
		this.schedule();
	}

	/** Runs the task in a frame about once a second, for what changes by the passing of time alone. Returns its end. */
	everySecond(task: Task): Task {
		this.secondTasks.add(task);
		return () => {
			this.secondTasks.delete(task);
			this.tasks.delete(task);
		};
	}

	private schedule(): void {
		if (this.handle === 0 && this.tasks.size > 0 && !document.hidden) {
			this.handle = requestAnimationFrame(() => this.run());
		}
	}

	private run(): void {
		this.handle = 0;
		const due = [...this.tasks];
		this.tasks.clear();
		for (const task of due) {
			try {
				task();
			} catch (error) {
				// One broken widget must not freeze the others.
				reportError(error);
			}
		}
	}
}
