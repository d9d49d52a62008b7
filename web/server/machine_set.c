#include "machine_set.h"

#include <stdlib.h>
#include <string.h>

struct RigMachineState
{
	int			machine;
	uint64_t	fingerprint;
};

void
rig_machine_set_add(RigMachineSet *set, int machine)
{
	for (int i = 0; i < set->count; i++)
	{
		if (set->ids[i] == machine)
			return;
	}
	if (set->count == RIG_MACHINE_SET_MAX)
		set->all = true;
	else
		set->ids[set->count++] = machine;
}

void
rig_machine_set_add_all(RigMachineSet *set)
{
	set->all = true;
}

void
rig_machine_set_add_list(RigMachineSet *set, const char *list)
{
	while (!set->all && *list != '\0')
	{
		char	   *end;
		long		machine = strtol(list, &end, 10);

		if (end == list)
			set->all = true;
		else
			rig_machine_set_add(set, (int) machine);
		list = end + (*end == ',');
	}
}

bool
rig_machine_set_has(const RigMachineSet *set, int machine)
{
	for (int i = 0; i < set->count && !set->all; i++)
	{
		if (set->ids[i] == machine)
			return true;
	}
	return set->all;
}

bool
rig_machine_set_is_empty(const RigMachineSet *set)
{
	return !set->all && set->count == 0;
}

void
rig_machine_set_clear(RigMachineSet *set)
{
	set->all = false;
	set->count = 0;
}

const char *
rig_machine_set_text(const RigMachineSet *set, RigBuffer *buffer)
{
	if (set->all)
		return NULL;
	rig_buffer_text(buffer, "{");
	for (int i = 0; i < set->count; i++)
		rig_buffer_format(buffer, "%s%d", i > 0 ? "," : "", set->ids[i]);
	rig_buffer_text(buffer, "}");
	return buffer->data;
}

/* FNV-1a */
static uint64_t
fingerprint_text(const char *text)
{
	uint64_t	fingerprint = UINT64_C(14695981039346656037);

	for (; *text != '\0'; text++)
		fingerprint = (fingerprint ^ (unsigned char) *text) * UINT64_C(1099511628211);
	return fingerprint;
}

/* Index of the machine, or where it belongs. */
static size_t
find_machine(const RigMachineStates *states, int machine)
{
	size_t		low = 0;
	size_t		high = states->count;

	while (low < high)
	{
		size_t		middle = (low + high) / 2;

		if (states->states[middle].machine < machine)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void
insert_machine(RigMachineStates *states, size_t index, int machine)
{
	if (states->count == states->capacity)
	{
		size_t		capacity = states->capacity > 0 ? states->capacity * 2 : 64;
		struct RigMachineState *grown = rig_allocate(capacity * sizeof(*grown));

		if (states->count > 0)
			memcpy(grown, states->states, states->count * sizeof(*grown));
		free(states->states);
		states->states = grown;
		states->capacity = capacity;
	}
	memmove(&states->states[index + 1], &states->states[index],
			(states->count - index) * sizeof(*states->states));
	states->states[index].machine = machine;
	states->count++;
}

bool
rig_machine_states_update(RigMachineStates *states, int machine, const char *text)
{
	uint64_t	fingerprint = fingerprint_text(text);
	size_t		index = find_machine(states, machine);

	if (index == states->count || states->states[index].machine != machine)
		insert_machine(states, index, machine);
	else if (states->states[index].fingerprint == fingerprint)
		return false;
	states->states[index].fingerprint = fingerprint;
	return true;
}

void
rig_machine_states_release(RigMachineStates *states)
{
	free(states->states);
	*states = (RigMachineStates) {0};
}
