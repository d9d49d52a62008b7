#include "stream.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "faults.h"
#include "fleet.h"
#include "stop.h"

#define CHORES_US (RIG_SECOND_US / 10)
#define POLL_EVERY 64 /* messages between two looks at acknowledgements */
#define MAX_STEP_S 1.0 /* physics per message when the rate is without limit */

/* A live stream that falls behind its clock by more leaves readings out, as a busy device would. */
#define MAX_LATENESS_S 1.0

typedef enum Phase
{
	PHASE_PAST, /* device time moves by the step, as fast as messages can go */
	PHASE_LIVE, /* device time is the clock's */
	PHASE_SHIFTED /* device time moves by the step, paced by the clock */
} Phase;

typedef struct Stream
{
	const RigOptions *options;
	RigSink *sink;
	RigControl *control;
	RigProgress *progress;
	RigFleet *fleet;

	Phase phase;
	double rate; /* per machine; INFINITY = as fast as possible */
	bool running;

	/* Reading n since the anchor belongs to machine n modulo their number. */
	uint64_t n;
	int64_t anchor_device_us;
	int64_t anchor_wall_us;
	int64_t device_us; /* of the last reading */
	int64_t end_device_us; /* INT64_MAX: none */
	int64_t past_end_us; /* INT64_MAX: when the clock is reached */

	uint64_t read; /* readings so far, for --limit */
	int64_t chores_us; /* monotonic */
	const char *note;

	/* the fault of the control row, RIG_FAULT_NONE if none was begun */
	RigControlOrder order;
	int order_kind;
	int order_machine;
} Stream;

static double
step_seconds(const Stream *stream)
{
	if (stream->options->step_s > 0)
		return stream->options->step_s;
	return isinf(stream->rate) ? MAX_STEP_S : 1 / stream->rate;
}

/* Microseconds from the anchor to reading n, with the machines spread evenly over each interval. */
static int64_t
offset_of(const Stream *stream, double interval_s)
{
	return (int64_t) floor((double) stream->n * interval_s * (double) RIG_SECOND_US / stream->options->machine_count);
}

static void
set_anchor(Stream *stream, int64_t device_us)
{
	stream->n = 0;
	stream->anchor_device_us = device_us;
	stream->anchor_wall_us = rig_clock_now();
}

static void
enter_phase(Stream *stream, Phase phase, int64_t device_us)
{
	const RigOptions *options = stream->options;

	stream->phase = phase;
	set_anchor(stream, device_us);
	if (phase != PHASE_PAST && options->duration_s > 0)
		stream->end_device_us = device_us + (int64_t) (options->duration_s * (double) RIG_SECOND_US);
	stream->note = phase == PHASE_PAST ? "past" : "live";
}

static void
start_stream(Stream *stream)
{
	const RigOptions *options = stream->options;
	int64_t hours_us = (int64_t) (options->backfill_hours * 3600 * (double) RIG_SECOND_US);
	/* Whole milliseconds read better. */
	int64_t now = rig_clock_now() / 1000 * 1000;
	int64_t start = options->start_given ? options->start_us : now - hours_us;

	stream->end_device_us = INT64_MAX;
	stream->past_end_us = INT64_MAX;
	if (options->start_given || options->command == RIG_COMMAND_BACKFILL)
		stream->past_end_us = start + hours_us;
	rig_fleet_start(stream->fleet, start);
	if (hours_us > 0)
		enter_phase(stream, PHASE_PAST, start);
	else
		enter_phase(stream, options->start_given ? PHASE_SHIFTED : PHASE_LIVE, start);
}

/* Device time of the next reading. */
static int64_t
next_device_time(const Stream *stream)
{
	if (stream->phase != PHASE_LIVE)
		return stream->anchor_device_us + offset_of(stream, step_seconds(stream));
	if (isinf(stream->rate))
		return rig_clock_now();
	return stream->anchor_device_us + offset_of(stream, 1 / stream->rate);
}

/* Wall-clock time at which the next reading is due; 0 = at once. */
static int64_t
next_due_time(const Stream *stream, int64_t device_us)
{
	if (stream->phase == PHASE_PAST)
		return stream->options->throttle > 0 ?
			stream->anchor_wall_us + (int64_t) ((double) stream->n / stream->options->throttle * RIG_SECOND_US) :
			0;
	if (isinf(stream->rate))
		return 0;
	if (stream->phase == PHASE_LIVE)
		return device_us;
	return stream->anchor_wall_us + offset_of(stream, 1 / stream->rate);
}

static bool
needs_micros(const Stream *stream)
{
	if (stream->phase != PHASE_LIVE)
		return step_seconds(stream) < 0.001;
	return isinf(stream->rate) || stream->rate > 1000;
}

/* Device time that the stream has come to. */
static int64_t
current_device_time(const Stream *stream)
{
	return stream->device_us != 0 ? stream->device_us : stream->anchor_device_us;
}

/* A new pace starts where the old one is, in device time and on the clock. */
static void
change_rate(Stream *stream, double rate)
{
	int64_t next = stream->n == 0 ? stream->anchor_device_us : next_device_time(stream);

	stream->rate = rate;
	set_anchor(stream, stream->phase == PHASE_LIVE ? rig_clock_now() : next);
}

static void
forget_order_fault(Stream *stream)
{
	stream->order_kind = RIG_FAULT_NONE;
	rig_control_fault_running(stream->control, NULL);
}

/* Begins or ends the fault that the control row names. */
static void
apply_fault_order(Stream *stream, const RigControlOrder *order)
{
	int kind = rig_fault_find(order->fault, (int) strlen(order->fault));
	int machine = rig_fleet_find(stream->fleet, order->fault_machine);

	if (strcmp(order->fault, stream->order.fault) == 0 &&
		strcmp(order->fault_machine, stream->order.fault_machine) == 0)
		return;
	if (stream->order_kind != RIG_FAULT_NONE)
	{
		rig_fleet_end_fault(stream->fleet, stream->order_machine, stream->order_kind, current_device_time(stream));
		forget_order_fault(stream);
	}
	stream->note = stream->phase == PHASE_PAST ? "past" : "live";
	if (order->fault[0] == '\0')
		return;
	if (kind == RIG_FAULT_NONE)
		stream->note = "unknown fault";
	else if (machine < 0)
		stream->note = "unknown fault_machine";
	else
	{
		stream->order_kind = kind;
		stream->order_machine = machine;
		rig_fleet_begin_fault(stream->fleet, machine, kind, current_device_time(stream),
			rig_fault_default_duration(kind));
		rig_control_fault_running(stream->control, order->fault);
	}
}

static void
apply_order(Stream *stream)
{
	RigControlOrder order = rig_control_order(stream->control);
	bool running;

	if (!order.known)
		return;
	running = order.running && order.rate > 0;
	/* The past keeps the pace it was asked for; the row sets that of the present. */
	if (order.rate > 0 && order.rate != stream->rate && stream->phase != PHASE_PAST)
		change_rate(stream, order.rate);
	else if (running && !stream->running)
		change_rate(stream, stream->rate);
	stream->running = running;
	apply_fault_order(stream, &order);
	stream->order = order;
	if (stream->order_kind != RIG_FAULT_NONE &&
		!rig_fleet_has_fault(stream->fleet, stream->order_machine, stream->order_kind))
	{
		stream->order_kind = RIG_FAULT_NONE;
		rig_control_fault_finished(stream->control, order.fault);
	}
}

/* Everything that is not a message, ten times a second. */
static void
do_chores(Stream *stream)
{
	int64_t now = rig_clock_monotonic();

	if (now - stream->chores_us < CHORES_US)
		return;
	stream->chores_us = now;
	stream->sink->poll(stream->sink);
	rig_progress_update(stream->progress, rig_fleet_sent(stream->fleet), stream->sink,
						stream->running ? stream->note : "paused");
	if (stream->control == NULL)
		return;
	if (rig_control_target_busy(stream->control))
		rig_stop_request();
	if (stream->options->command != RIG_COMMAND_RUN)
		return;
	rig_control_report(stream->control, rig_fleet_sent(stream->fleet), stream->running ? stream->note : "paused");
	apply_order(stream);
}

/* Waits for the time of the next reading, but never longer than chores can wait; true if it has come. */
static bool
wait_until_due(int64_t due_us)
{
	int64_t left = due_us - rig_clock_now();

	if (left <= 0)
		return true;
	rig_stop_wait_until(rig_clock_monotonic() + (left < CHORES_US ? left : CHORES_US));
	return false;
}

static bool
is_over(const Stream *stream, int64_t device_us)
{
	if (stream->options->limit > 0 && stream->read >= stream->options->limit)
		return true;
	return device_us >= stream->end_device_us;
}

/* The past is over when device time reaches its end; true if the next reading must be planned anew. */
static bool
leave_past(Stream *stream, int64_t device_us)
{
	if (stream->phase != PHASE_PAST)
		return false;
	if (stream->past_end_us != INT64_MAX ? device_us < stream->past_end_us : device_us < rig_clock_now())
		return false;
	if (stream->options->command == RIG_COMMAND_BACKFILL)
		stream->end_device_us = device_us;
	else
		enter_phase(stream, stream->options->start_given ? PHASE_SHIFTED : PHASE_LIVE, device_us);
	return true;
}

/*
 * A live stream that has lost its clock, by lack of time or because the clock was set,
 * starts from the present again; true if the next reading must be planned anew.
 */
static bool
find_clock_again(Stream *stream, int64_t device_us)
{
	int64_t now = rig_clock_now();
	double ahead_s = (double) (device_us - now) / RIG_SECOND_US;

	if (stream->phase != PHASE_LIVE || (ahead_s >= -MAX_LATENESS_S && ahead_s <= 1 / stream->rate + MAX_LATENESS_S))
		return false;
	set_anchor(stream, now);
	return true;
}

static void
stream_readings(Stream *stream)
{
	int machines = stream->options->machine_count;

	while (!rig_stop_requested())
	{
		int64_t device_us = next_device_time(stream);

		if (is_over(stream, device_us))
			return;
		do_chores(stream);
		if (!stream->running)
		{
			rig_stop_wait_until(rig_clock_monotonic() + CHORES_US);
			continue;
		}
		if (leave_past(stream, device_us) || find_clock_again(stream, device_us) ||
			!wait_until_due(next_due_time(stream, device_us)))
			continue;
		if (!rig_fleet_read(stream->fleet, (int) (stream->n % (uint64_t) machines), device_us, step_seconds(stream),
							needs_micros(stream)))
			return;
		stream->device_us = device_us;
		stream->n++;
		stream->read++;
		if (stream->read % POLL_EVERY == 0)
			stream->sink->poll(stream->sink);
	}
}

uint64_t
rig_stream_run(const RigOptions *options, RigSink *sink, RigControl *control, RigProgress *progress)
{
	Stream stream = {
		.options = options,
		.sink = sink,
		.control = control,
		.progress = progress,
		.rate = options->rate,
		.running = true,
		.order_kind = RIG_FAULT_NONE,
	};
	uint64_t sent;

	stream.fleet = rig_fleet_create(options, sink);
	if (stream.fleet == NULL)
	{
		fputs("rigalpha-sim: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	start_stream(&stream);
	if (control != NULL)
		apply_order(&stream);
	stream_readings(&stream);
	rig_fleet_finish(stream.fleet, current_device_time(&stream));
	sent = rig_fleet_sent(stream.fleet);
	if (control != NULL)
		rig_control_report(control, sent, "stopping");
	rig_fleet_destroy(stream.fleet);
	return sent;
}
