/* How one row v of rigalpha_api.live is written as JSON, in the stream and as a machine's state. */
#ifndef RIG_LIVE_JSON_H
#define RIG_LIVE_JSON_H

#define RIG_LIVE_JSON \
	"json_build_object('machine', v.machine, 'state', v.state, 'ts', v.ts," \
	" 'received_at', v.received_at, 'latency_ms', v.latency_ms," \
	" 'readings', v.readings, 'values', v.\"values\"," \
	" 'risk', v.risk, 'incidents', v.incidents," \
	" 'alarms', v.alarms, 'worst_alarm', v.worst_alarm)"

#endif
