import { Frame } from './frame';
import { Store } from './store';
import { Sync } from './sync';
import { Header } from './views/header';
import { Overview } from './views/overview';

const store = new Store();
const frame = new Frame();
const header = new Header(store, frame);
const overview = new Overview(store, frame);

document.body.append(header.element, overview.element);
new Sync(store, () => overview.openMachines()).start();
