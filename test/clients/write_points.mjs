// Writes points with the client of InfluxDB as its users do, in batches, and prints what became of them.
//
// usage: node write_points.mjs URL TOKEN PRECISION COUNT NEWEST, where NEWEST is in seconds
import { InfluxDB, Point } from "@influxdata/influxdb-client";

const [url, token, precision, count, newest] = process.argv.slice(2);
const factor = { s: 1, ms: 1e3, us: 1e6, ns: 1e9 }[precision];
const failures = [];
const api = new InfluxDB({ url, token }).getWriteApi("rig", "rig", precision, {
	batchSize: 50,
	maxRetries: 0,
	writeFailed: (error, lines) => void failures.push({ status: error.statusCode, lines: lines.length }),
});

for (let i = 0; i < Number(count); i++) {
	const point = new Point("my rig, one")
		.tag("crew", "night, day=7")
		.floatField("rpm", i + 0.25)
		.intField("spp", 2900 + i)
		.uintField("strokes", i)
		.booleanField("pump_on", i % 2 === 0)
		.stringField("note", 'say "hi" \\ there, a=b\nnext line')
		.floatField("mud temp, out=1", -1e-7)
		.stringField("state", "drilling");
	point.timestamp(precision === "ns" ? `${BigInt(newest - i) * 1000000000n}` : (newest - i) * factor);
	api.writePoint(point);
}
await api.close().catch((error) => void failures.push({ status: error.statusCode, lines: 0 }));
console.log(JSON.stringify({ failures }));
