/* What the stream feed remembers of machines: which ones changed, and what was published of each. */
#ifndef RIG_MACHINE_SET_H
#define RIG_MACHINE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

#define RIG_MACHINE_SET_MAX 512	/* beyond that, reading all machines is cheaper */

/* A set of machine ids, or all machines. */
typedef struct RigMachineSet
{
	bool		all;
	int			count;
	int			ids[RIG_MACHINE_SET_MAX];
} RigMachineSet;

extern void rig_machine_set_add(RigMachineSet *set, int machine);
extern void rig_machine_set_add_all(RigMachineSet *set);

/* Adds the ids of a list such as 1,2,3, or all machines for *. */
extern void rig_machine_set_add_list(RigMachineSet *set, const char *list);

extern bool rig_machine_set_has(const RigMachineSet *set, int machine);
extern bool rig_machine_set_is_empty(const RigMachineSet *set);
extern void rig_machine_set_clear(RigMachineSet *set);

/* The set as an int[] literal in buffer; NULL when it is all machines. */
extern const char *rig_machine_set_text(const RigMachineSet *set, RigBuffer *buffer);

/* A fingerprint of each machine's last published text, in the order of the ids. */
typedef struct RigMachineStates
{
	struct RigMachineState *states;
	size_t		count;
	size_t		capacity;
} RigMachineStates;

/* Notes the text; false when it is the one already noted. */
extern bool rig_machine_states_update(RigMachineStates *states, int machine, const char *text);

extern void rig_machine_states_release(RigMachineStates *states);

#endif
