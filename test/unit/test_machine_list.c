/* Lists of visible machines, against a plain array of truths. */
#include <string.h>

#include "machine_list.h"
#include "tap.h"

#define IDS 700					/* more than a RigMachineSet keeps apart */

static uint64_t state;

static int
draw(int most)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (int) ((state >> 33) % (uint64_t) most);
}

/* Fills a list with random ids in random order, some of them twice. */
static RigMachineList
fill(bool member[IDS], int count)
{
	RigMachineList list = {0};

	memset(member, 0, IDS * sizeof(bool));
	for (int i = 0; i < count; i++)
	{
		int			id = draw(IDS);

		rig_machine_list_add(&list, id);
		member[id] = true;
	}
	return list;
}

static bool
agrees(const RigMachineList *list, const bool member[IDS])
{
	int			count = 0;

	for (int id = 0; id < IDS; id++)
	{
		if (rig_machine_list_has(list, id) != member[id])
			return false;
		count += member[id];
	}
	for (int i = 1; i < list->count; i++)
	{
		if (list->ids[i - 1] >= list->ids[i])
			return false;
	}
	return list->count == count;
}

static void
test_random(void)
{
	bool		members = true;
	bool		copies = true;
	bool		selections = true;

	for (int round = 0; round < 200; round++)
	{
		bool		visible[IDS];
		bool		done[IDS];
		bool		wanted[IDS];
		RigMachineSet set = {0};
		RigMachineList list = fill(visible, draw(2 * IDS));
		RigMachineList covered = fill(done, draw(IDS));
		RigMachineList copy = rig_machine_list_copy(&list);
		RigMachineList selected;

		for (int i = draw(40); i > 0; i--)
			rig_machine_set_add(&set, draw(IDS));
		if (round % 10 == 0)
			rig_machine_set_add_all(&set);
		for (int id = 0; id < IDS; id++)
			wanted[id] = visible[id] && !done[id] && rig_machine_set_has(&set, id);
		selected = rig_machine_list_select(&list, &set, &covered);
		members = members && agrees(&list, visible);
		copies = copies && agrees(&copy, visible) && rig_machine_list_equal(&copy, &list);
		rig_machine_list_add(&copy, IDS + 1);
		copies = copies && !rig_machine_list_equal(&copy, &list);
		selections = selections && agrees(&selected, wanted);
		rig_machine_list_release(&list);
		rig_machine_list_release(&covered);
		rig_machine_list_release(&copy);
		rig_machine_list_release(&selected);
	}
	tap_ok(members, "a list holds what was added, in order and once");
	tap_ok(copies, "a copy is equal, and one with another member is not");
	tap_ok(selections, "what is selected is visible, wanted and not done");
}

static void
test_all(void)
{
	RigMachineList all = {.all = true};
	RigMachineList none = {0};
	RigBuffer	text = {0};

	tap_ok(rig_machine_list_has(&all, 7) && !rig_machine_list_has(&none, 7), "all has every machine, and none has no machine");
	tap_ok(rig_machine_list_equal(&all, &all) && !rig_machine_list_equal(&all, &none), "all is not the same as none");
	tap_ok(strcmp(rig_machine_list_text(&none, &text), "{}") == 0, "none is an empty array");
	rig_buffer_release(&text);
	rig_machine_list_add(&none, 12);
	rig_machine_list_add(&none, 3);
	tap_ok(strcmp(rig_machine_list_text(&none, &text), "{3,12}") == 0, "an array in order");
	rig_buffer_release(&text);
	rig_machine_list_release(&none);
}

int
main(void)
{
	state = tap_seed();
	test_random();
	test_all();
	return tap_done();
}
