/* Which machines a session may see: all of them, or a list in the order of the ids. */
#ifndef RIG_MACHINE_LIST_H
#define RIG_MACHINE_LIST_H

#include <stdbool.h>

#include "buffer.h"
#include "machine_set.h"

typedef struct RigMachineList
{
	bool		all;
	int			count;
	int			capacity;
	int		   *ids;
} RigMachineList;

extern bool rig_machine_list_has(const RigMachineList *list, int machine);

/* Adds a machine at its place, unless it is there. */
extern void rig_machine_list_add(RigMachineList *list, int machine);

extern bool rig_machine_list_equal(const RigMachineList *a, const RigMachineList *b);
extern RigMachineList rig_machine_list_copy(const RigMachineList *list);
extern void rig_machine_list_release(RigMachineList *list);

/* Those of the list that are in the set, and not in done; done may be NULL. The list is not all machines. */
extern RigMachineList rig_machine_list_select(const RigMachineList *list, const RigMachineSet *set,
											  const RigMachineList *done);

/* The list as an int[] literal in buffer. */
extern const char *rig_machine_list_text(const RigMachineList *list, RigBuffer *buffer);

#endif
