import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SENSOR_STALE_MS, STALE_MS, Store } from '../src/store.ts';

const start = Date.parse('2026-01-05T12:00:00Z');
const iso = (ms) => new Date(ms).toISOString();

function machineRow(name, ts, more = {}) {
	return { name, label: '', state: 'drilling', ts: iso(ts), received_at: iso(ts), latency_ms: 0, age_ms: 0, readings: 1, sensors: 1, ...more };
}

function sensorRow(name, value, ts, more = {}) {
	return {
		name, label: '', unit: 'rpm', category: 'mechanical', normal_min: 60, normal_max: 180, origin: 'builtin',
		display_order: 1, value, ts: iso(ts), ...more,
	};
}

function reading(machine, ts, values, more = {}) {
	return { machine, state: 'drilling', ts: iso(ts), received_at: iso(ts), latency_ms: 0, readings: 2, values, ...more };
}

function storeWithMachine() {
	const store = new Store();
	store.beginSync();
	store.applyMachines([machineRow('A', start)], start);
	store.applySensors('A', [sensorRow('rpm', 100, start)]);
	return { store, machine: store.machines.get('A') };
}

const valueOf = (machine, key) => machine.values[machine.column(key)];

test('a newer reading replaces the value, an older one does not', () => {
	const { store, machine } = storeWithMachine();
	store.applyReading(reading('A', start + 1000, { rpm: 110 }), start + 1000);
	assert.equal(valueOf(machine, 'rpm'), 110);
	store.applyReading(reading('A', start + 500, { rpm: 90 }, { state: 'idle', readings: 3 }), start + 1100);
	assert.equal(valueOf(machine, 'rpm'), 110);
	assert.equal(machine.state, 'drilling');
	assert.equal(machine.ts, start + 1000);
});

test('an unknown sensor or machine asks for its description', () => {
	const { store } = storeWithMachine();
	assert.equal(store.applyReading(reading('A', start + 1, { rpm: 1 }), start), true);
	assert.equal(store.applyReading(reading('A', start + 2, { rpm: 1, brand_new: 5 }), start), false);
	assert.equal(store.applyReading(reading('B', start + 2, { rpm: 1 }), start), false);
	store.applySensors('A', [sensorRow('rpm', 1, start), sensorRow('brand_new', 5, start)]);
	assert.equal(store.applyReading(reading('A', start + 3, { rpm: 1, brand_new: 6 }), start), true);
});

test('a value that came before its sensor was listed is not lost', () => {
	const { store, machine } = storeWithMachine();
	store.applyReading(reading('A', start + 1000, { rpm: 1, brand_new: 5 }), start + 1000);
	store.applySensors('A', [sensorRow('rpm', 1, start), sensorRow('brand_new', null, start, { ts: null })]);
	assert.deepEqual(machine.sensors.map((sensor) => sensor.name), ['brand_new', 'rpm']);
	store.applySensors('A', [sensorRow('brand_new', 5, start + 1000)]);
	assert.equal(valueOf(machine, 'brand_new'), 5);
});

test('more sensors than the first columns hold', () => {
	const { store, machine } = storeWithMachine();
	const values = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`s${i}`, i]));
	store.applyReading(reading('A', start + 1000, values), start + 1000);
	assert.equal(valueOf(machine, 's299'), 299);
	assert.equal(valueOf(machine, 'rpm'), 100);
});

test('data age counts in server time and turns stale', () => {
	const store = new Store();
	const viewerIsWrongBy = 3_600_000;
	store.applyMachines([machineRow('A', start, { age_ms: 2000 })], start + viewerIsWrongBy);
	const machine = store.machines.get('A');
	const age = (elapsed) => machine.age(store.clock.now(start + viewerIsWrongBy + elapsed));
	assert.equal(age(0), 2000);
	assert.equal(machine.isStale(store.clock.now(start + viewerIsWrongBy)), false);
	assert.equal(age(STALE_MS), STALE_MS + 2000);
	assert.equal(machine.isStale(store.clock.now(start + viewerIsWrongBy + STALE_MS)), true);
});

test('a device clock that runs ahead does not keep data fresh', () => {
	const { store, machine } = storeWithMachine();
	const ahead = reading('A', start + 240_000, { rpm: 1 }, { received_at: iso(start + 1000), latency_ms: -239_000 });
	store.applyReading(ahead, start + 1000);
	assert.equal(machine.isStale(store.clock.now(start + 1000)), false);
	assert.equal(machine.isStale(store.clock.now(start + 1000 + STALE_MS + 1)), true);
	assert.ok(machine.traffic.latency(start + 1000) < 0, 'skew is not clamped');
});

test('a machine without data is stale', () => {
	const store = new Store();
	store.applyMachines([machineRow('A', start, { ts: null, received_at: null, age_ms: null })], start);
	assert.equal(store.machines.get('A').isStale(start), true);
});

test('a sensor that went quiet while its machine goes on is stale alone', () => {
	const { store, machine } = storeWithMachine();
	const later = start + SENSOR_STALE_MS + 1000;
	store.applyReading(reading('A', later, { rpm: 100 }), later);
	const sensor = machine.sensors[0];
	assert.equal(machine.isSensorStale(sensor), true, 'an unchanged value proves nothing');
	store.applySensors('A', [sensorRow('rpm', 100, later)]);
	assert.equal(machine.isSensorStale(machine.sensors[0]), false, 'the list says that it was sent again');
});

test('a list that an event overtook does not move values back', () => {
	const { store, machine } = storeWithMachine();
	store.applyReading(reading('A', start + 2000, { rpm: 120 }), start + 2000);
	store.applySensors('A', [sensorRow('rpm', 100, start)]);
	assert.equal(valueOf(machine, 'rpm'), 120);
});

test('a new connection may move time back and take machines away', () => {
	const { store, machine } = storeWithMachine();
	store.beginSync();
	store.applyReading(reading('C', start, { rpm: 1 }), start);
	store.applyMachines([machineRow('A', start - 60_000, { state: 'idle' })], start);
	assert.equal(machine.ts, start - 60_000);
	assert.equal(machine.state, 'idle');
	assert.deepEqual([...store.machines.keys()].sort(), ['A', 'C'], 'the stream has shown C meanwhile');
	store.beginSync();
	store.applyMachines([], start);
	assert.equal(store.machines.size, 0);
});

test('the same sensors again are only readings, another label is a change', () => {
	const { store } = storeWithMachine();
	const kinds = [];
	store.subscribe((change) => kinds.push(change.kind));
	store.applySensors('A', [sensorRow('rpm', 100, start)]);
	store.applySensors('A', [sensorRow('rpm', 100, start, { label: 'Rotary speed' })]);
	assert.deepEqual(kinds, ['readings', 'sensors']);
});

test('an empty label shows the name', () => {
	const { machine } = storeWithMachine();
	assert.equal(machine.label, 'A');
	assert.equal(machine.sensors[0].label, 'rpm');
});

test('the rate is exact from the first message on, however late events are handled', () => {
	const { store, machine } = storeWithMachine();
	store.applyReading(reading('A', start, { rpm: 1 }, { readings: 1 }), start + 900);
	store.applyReading(reading('A', start + 1000, { rpm: 2 }, { readings: 2 }), start + 1001);
	assert.equal(machine.traffic.rate(start + 1001), 1);
	store.applyReading(reading('A', start + 2000, { rpm: 2 }, { readings: 3 }), start + 3900);
	assert.equal(machine.traffic.rate(store.clock.now(start + 3900)), 1);
	assert.equal(store.totalRate(start + 3900), 1);
});

test('older data that arrives counts as traffic', () => {
	const { store, machine } = storeWithMachine();
	for (let i = 1; i <= 20; i++) {
		store.applyReading(reading('A', start, { rpm: 1 }, { readings: 1 + i * 10 }), start + i * 1000);
	}
	assert.equal(machine.traffic.rate(start + 20_000), 10);
});

function incidentRow(id, more = {}) {
	return { id, kind: 'anomaly', started: iso(start), ended: null, peak_risk: 0.9, top_sensors: ['rpm'], detail: null, ...more };
}

test('risk and open incidents follow the events in the order of device time', () => {
	const { store, machine } = storeWithMachine();
	assert.ok(Number.isNaN(machine.risk), 'no reading was scored yet');
	store.applyReading(reading('A', start + 1000, { rpm: 1 }, { risk: 0.7, incidents: ['anomaly'] }), start + 1000);
	assert.equal(machine.risk, 0.7);
	assert.deepEqual(machine.openKinds, ['anomaly']);
	store.applyReading(reading('A', start + 500, { rpm: 1 }, { risk: 0.1, incidents: null }), start + 1100);
	assert.equal(machine.risk, 0.7);
	store.applyReading(reading('A', start + 2000, { rpm: 1 }, { risk: 0.2, incidents: null }), start + 2000);
	assert.equal(machine.risk, 0.2);
	assert.deepEqual(machine.openKinds, []);
});

test('an incident that opens or closes asks for the list, once it was read no more', () => {
	const { store, machine } = storeWithMachine();
	const open = { risk: 0.9, incidents: ['anomaly'] };
	assert.equal(store.applyReading(reading('A', start + 1, { rpm: 1 }), start), true);
	assert.equal(store.applyReading(reading('A', start + 2, { rpm: 1 }, open), start), false);
	store.applyIncidents('A', [incidentRow(1)], machine.openKinds);
	assert.equal(store.applyReading(reading('A', start + 3, { rpm: 1 }, open), start), true);
	assert.equal(store.applyReading(reading('A', start + 4, { rpm: 1 }), start), false);
});

test('a list that was asked for before an incident opened does not count for it', () => {
	const { store, machine } = storeWithMachine();
	const before = machine.openKinds;
	store.applyReading(reading('A', start + 1, { rpm: 1 }, { risk: 0.9, incidents: ['anomaly'] }), start);
	store.applyIncidents('A', [], before);
	assert.equal(machine.incidentsChanged, true);
});

test('a list of incidents that says the same keeps its rows', () => {
	const { store, machine } = storeWithMachine();
	store.applyIncidents('A', [incidentRow(1)], []);
	const rows = machine.incidents;
	store.applyIncidents('A', [incidentRow(1)], []);
	assert.equal(machine.incidents, rows);
	store.applyIncidents('A', [incidentRow(1, { ended: iso(start) })], []);
	assert.notEqual(machine.incidents, rows);
});

test('risks read in between bring incidents of silent machines and do not make data fresh', () => {
	const { store, machine } = storeWithMachine();
	const later = start + STALE_MS + 1000;
	store.setServerTime(later, later);
	store.applyRisks([machineRow('A', start, { risk: 0.3, incidents: ['silent'] }), machineRow('B', start)]);
	assert.deepEqual([machine.risk, machine.openKinds, machine.incidentsChanged], [0.3, ['silent'], true]);
	store.applyRisks([machineRow('A', later, { risk: 0.4 })]);
	assert.equal(machine.risk, 0.4);
	assert.equal(machine.isStale(store.clock.now(later)), true);
	assert.equal(store.machines.has('B'), false);
	store.applyRisks([machineRow('A', start - 1000, { risk: 0.9 })]);
	assert.equal(machine.risk, 0.4, 'an answer that an event overtook');
});

test('training is kept also when it comes before its machine', () => {
	const store = new Store();
	store.applyTraining([{ machine: 'A', state: 'warming up: 1 of 2000 readings' }]);
	store.applyMachines([machineRow('A', start)], start);
	assert.equal(store.training.get('A'), 'warming up: 1 of 2000 readings');
	store.applyTraining([]);
	assert.equal(store.training.has('A'), false);
});

test('a sensor is named by its label where it has one', () => {
	const { store, machine } = storeWithMachine();
	store.applySensors('A', [sensorRow('rpm', 1, start, { label: 'Rotary speed' })]);
	assert.deepEqual(['rpm', 'unknown'].map((key) => machine.labelOf(key)), ['Rotary speed', 'unknown']);
});
