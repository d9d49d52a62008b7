#include "machine_list.h"

#include <stdlib.h>
#include <string.h>

/* Index of the machine, or where it belongs. */
static int
find(const RigMachineList *list, int machine)
{
	int			low = 0;
	int			high = list->count;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (list->ids[middle] < machine)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool
rig_machine_list_has(const RigMachineList *list, int machine)
{
	int			index;

	if (list->all)
		return true;
	index = find(list, machine);
	return index < list->count && list->ids[index] == machine;
}

void
rig_machine_list_add(RigMachineList *list, int machine)
{
	int			index = find(list, machine);

	if (index < list->count && list->ids[index] == machine)
		return;
	if (list->count == list->capacity)
	{
		int			capacity = list->capacity > 0 ? list->capacity * 2 : 16;
		int		   *grown = rig_allocate((size_t) capacity * sizeof(int));

		if (list->count > 0)
			memcpy(grown, list->ids, (size_t) list->count * sizeof(int));
		free(list->ids);
		list->ids = grown;
		list->capacity = capacity;
	}
	memmove(&list->ids[index + 1], &list->ids[index], (size_t) (list->count - index) * sizeof(int));
	list->ids[index] = machine;
	list->count++;
}

bool
rig_machine_list_equal(const RigMachineList *a, const RigMachineList *b)
{
	if (a->all || b->all)
		return a->all && b->all;
	return a->count == b->count &&
		(a->count == 0 || memcmp(a->ids, b->ids, (size_t) a->count * sizeof(int)) == 0);
}

RigMachineList
rig_machine_list_copy(const RigMachineList *list)
{
	RigMachineList copy = {.all = list->all};

	for (int i = 0; i < list->count; i++)
		rig_machine_list_add(&copy, list->ids[i]);
	return copy;
}

void
rig_machine_list_release(RigMachineList *list)
{
	free(list->ids);
	*list = (RigMachineList) {0};
}

RigMachineList
rig_machine_list_select(const RigMachineList *list, const RigMachineSet *set, const RigMachineList *done)
{
	RigMachineList selected = {0};

	for (int i = 0; i < list->count; i++)
	{
		if (rig_machine_set_has(set, list->ids[i]) && (done == NULL || !rig_machine_list_has(done, list->ids[i])))
			rig_machine_list_add(&selected, list->ids[i]);
	}
	return selected;
}

const char *
rig_machine_list_text(const RigMachineList *list, RigBuffer *buffer)
{
	rig_buffer_text(buffer, "{");
	for (int i = 0; i < list->count; i++)
		rig_buffer_format(buffer, "%s%d", i > 0 ? "," : "", list->ids[i]);
	rig_buffer_text(buffer, "}");
	return buffer->data;
}
