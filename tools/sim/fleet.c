#include "fleet.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "faults.h"
#include "message.h"
#include "rig_model.h"
#include "truth.h"

/* What a device can store while it has no connection; the oldest is lost first. */
#define MAX_HELD 100000

typedef struct Held
{
	char *bytes;
	size_t length;
} Held;

typedef struct Rig
{
	const char *name;
	size_t name_length;
	char *quoted_name;
	RigModel *model;
	RigFaults faults;
	int64_t last_stamp_us;
	Held *held; /* messages of an outage, oldest first */
	int held_count;
	int held_capacity;
} Rig;

struct RigFleet
{
	const RigOptions *options;
	RigSink *sink;
	Rig *rigs;
	char **keys; /* of the sensors, ready for a message */
	char *sequence_key;
	double *values;
	RigMessage message;
	uint64_t sequence;
	uint64_t sent;
	uint64_t lost; /* dropped from the store of an outage */
	int64_t start_us;
	bool request_done[RIG_OPTIONS_MAX_FAULTS];
};

static bool
create_rig(Rig *rig, const RigOptions *options, int index)
{
	rig->name = options->machines[index];
	rig->name_length = strlen(rig->name);
	rig->quoted_name = rig_message_quote(rig->name);
	rig->model = rig_model_create(options->seed, rig->name, options->sensors, options->dropouts);
	rig_faults_init(&rig->faults, options->seed + (uint64_t) index);
	return rig->model != NULL;
}

RigFleet *
rig_fleet_create(const RigOptions *options, RigSink *sink)
{
	RigFleet *fleet = calloc(1, sizeof(*fleet));
	char name[32];

	if (fleet == NULL)
		return NULL;
	fleet->options = options;
	fleet->sink = sink;
	fleet->rigs = calloc((size_t) options->machine_count, sizeof(Rig));
	fleet->keys = calloc((size_t) options->sensors, sizeof(char *));
	fleet->values = calloc((size_t) options->sensors, sizeof(double));
	if (fleet->rigs == NULL || fleet->keys == NULL || fleet->values == NULL)
		return NULL;
	for (int i = 0; i < options->sensors; i++)
		fleet->keys[i] = rig_message_key(rig_model_sensor_name(i, name, sizeof(name)));
	for (int i = 0; i < options->machine_count; i++)
		if (!create_rig(&fleet->rigs[i], options, i))
			return NULL;
	if (options->sequence != NULL)
		fleet->sequence_key = rig_message_key(options->sequence);
	return fleet;
}

void
rig_fleet_start(RigFleet *fleet, int64_t device_us)
{
	fleet->start_us = device_us;
}

int
rig_fleet_find(const RigFleet *fleet, const char *name)
{
	if (*name == '\0')
		return 0;
	for (int i = 0; i < fleet->options->machine_count; i++)
		if (strcmp(fleet->rigs[i].name, name) == 0)
			return i;
	return -1;
}

void
rig_fleet_begin_fault(RigFleet *fleet, int machine, int kind, int64_t device_us, double duration_s)
{
	Rig *rig = &fleet->rigs[machine];

	rig_fleet_end_fault(fleet, machine, kind, device_us);
	rig_faults_begin(&rig->faults, kind, device_us, (int64_t) (duration_s * (double) RIG_SECOND_US));
	rig_truth_write("begin", rig->quoted_name, &rig->faults, kind, device_us);
}

void
rig_fleet_end_fault(RigFleet *fleet, int machine, int kind, int64_t device_us)
{
	Rig *rig = &fleet->rigs[machine];

	if (!rig_fleet_has_fault(fleet, machine, kind))
		return;
	rig_faults_end(&rig->faults, kind);
	rig_truth_write("end", rig->quoted_name, &rig->faults, kind, device_us);
}

bool
rig_fleet_has_fault(const RigFleet *fleet, int machine, int kind)
{
	return fleet->rigs[machine].faults.scripts[kind].running;
}

uint64_t
rig_fleet_sent(const RigFleet *fleet)
{
	return fleet->sent;
}

/* Begins what the command line asked for by now, and ends what has run its time. */
static void
move_scripts(RigFleet *fleet, int machine, int64_t device_us)
{
	const RigOptions *options = fleet->options;
	Rig *rig = &fleet->rigs[machine];
	double elapsed_s = (double) (device_us - fleet->start_us) / (double) RIG_SECOND_US;
	int kind;

	for (int i = 0; i < options->fault_count; i++)
	{
		const RigFaultRequest *request = &options->faults[i];

		if (fleet->request_done[i] || elapsed_s < request->after_s ||
			rig_fleet_find(fleet, request->machine ? request->machine : "") != machine)
			continue;
		fleet->request_done[i] = true;
		rig_fleet_begin_fault(fleet, machine, request->kind, device_us, request->duration_s);
	}
	while ((kind = rig_faults_expire(&rig->faults, device_us)) != RIG_FAULT_NONE)
		rig_truth_write("end", rig->quoted_name, &rig->faults, kind, device_us);
}

/* The device's stamp: unique and increasing per machine, whatever its clock does. */
static int64_t
stamp_reading(Rig *rig, int64_t time_us, bool micros)
{
	int64_t unit = micros ? 1 : 1000;
	int64_t stamp = time_us / unit * unit;

	if (stamp <= rig->last_stamp_us)
		stamp = (rig->last_stamp_us / unit + 1) * unit;
	rig->last_stamp_us = stamp;
	return stamp;
}

static void
hold_message(RigFleet *fleet, Rig *rig)
{
	char *copy = malloc(fleet->message.length);

	if (rig->held_count == MAX_HELD)
	{
		free(rig->held[0].bytes);
		memmove(rig->held, rig->held + 1, sizeof(Held) * (MAX_HELD - 1));
		rig->held_count--;
		fleet->lost++;
	}
	if (rig->held_count == rig->held_capacity)
	{
		rig->held_capacity = rig->held_capacity ? rig->held_capacity * 2 : 64;
		rig->held = realloc(rig->held, sizeof(Held) * (size_t) rig->held_capacity);
	}
	if (copy == NULL || rig->held == NULL)
	{
		fputs("rigalpha-sim: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	memcpy(copy, fleet->message.bytes, fleet->message.length);
	rig->held[rig->held_count++] = (Held){copy, fleet->message.length};
}

static bool
send_bytes(RigFleet *fleet, const Rig *rig, const char *bytes, size_t length)
{
	if (!fleet->sink->send(fleet->sink, rig->name, rig->name_length, bytes, length))
		return false;
	fleet->sent++;
	return true;
}

/* The connection is back: everything held, in order. */
static bool
send_held(RigFleet *fleet, Rig *rig)
{
	bool taken = true;

	for (int i = 0; i < rig->held_count; i++)
	{
		taken = taken && send_bytes(fleet, rig, rig->held[i].bytes, rig->held[i].length);
		free(rig->held[i].bytes);
	}
	rig->held_count = 0;
	return taken;
}

static void
write_message(RigFleet *fleet, Rig *rig, int64_t stamp_us, bool micros)
{
	RigMessage *message = &fleet->message;

	rig_message_begin(message, rig->quoted_name, stamp_us, micros, rig_model_state(rig->model));
	for (int i = 0; i < fleet->options->sensors; i++)
		rig_message_add_number(message, fleet->keys[i], fleet->values[i]);
	if (fleet->sequence_key != NULL)
	{
		char number[24];
		int length = snprintf(number, sizeof(number), "%llu", (unsigned long long) ++fleet->sequence);

		rig_message_add_text(message, fleet->sequence_key, number, (size_t) length);
	}
	rig_message_end(message);
}

bool
rig_fleet_read(RigFleet *fleet, int machine, int64_t device_us, double step_s, bool micros)
{
	Rig *rig = &fleet->rigs[machine];
	RigFaultEffect effect;

	move_scripts(fleet, machine, device_us);
	effect = rig_faults_effect(&rig->faults, device_us);
	rig_model_step(rig->model, device_us, step_s, &effect, fleet->values);
	write_message(fleet, rig, stamp_reading(rig, device_us + effect.skew_us, micros), micros);
	if (effect.outage)
	{
		hold_message(fleet, rig);
		return true;
	}
	if (rig->held_count > 0 && !send_held(fleet, rig))
		return false;
	return send_bytes(fleet, rig, fleet->message.bytes, fleet->message.length);
}

void
rig_fleet_finish(RigFleet *fleet, int64_t device_us)
{
	for (int i = 0; i < fleet->options->machine_count; i++)
	{
		for (int kind = 0; kind < RIG_FAULT_KINDS; kind++)
			rig_fleet_end_fault(fleet, i, kind, device_us);
		send_held(fleet, &fleet->rigs[i]);
	}
	if (fleet->lost > 0)
		fprintf(stderr, "rigalpha-sim: %llu messages lost in outages longer than a device can store\n",
				(unsigned long long) fleet->lost);
}

void
rig_fleet_destroy(RigFleet *fleet)
{
	for (int i = 0; i < fleet->options->machine_count; i++)
	{
		rig_model_destroy(fleet->rigs[i].model);
		free(fleet->rigs[i].quoted_name);
		free(fleet->rigs[i].held);
	}
	for (int i = 0; i < fleet->options->sensors; i++)
		free(fleet->keys[i]);
	rig_message_free(&fleet->message);
	free(fleet->sequence_key);
	free(fleet->values);
	free(fleet->keys);
	free(fleet->rigs);
	free(fleet);
}
