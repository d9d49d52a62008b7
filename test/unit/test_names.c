#include <string.h>

#include "names.h"
#include "tap.h"

#define MANY 20000

static int
write_name(char *out, int index)
{
	return sprintf(out, "%s%d", index % 3 == 0 ? "a rather long name of a sensor " : "s", index);
}

static void
test_many(RigNames *names)
{
	int32_t		before = rig_names_count(names);
	bool		dense = true;
	bool		found = true;
	bool		kept = true;
	char		name[64];

	for (int i = 0; i < MANY; i++)
	{
		int			length = write_name(name, i);

		dense = dense && rig_names_intern(names, name, length) == before + i;
	}
	for (int i = 0; i < MANY; i++)
	{
		int			length = write_name(name, i);
		int32_t		text_length;
		const char *text = rig_names_text(names, before + i, &text_length);

		found = found && rig_names_find(names, name, length) == before + i
			&& rig_names_intern(names, name, length) == before + i;
		kept = kept && text_length == length && memcmp(text, name, (size_t) length) == 0;
	}
	tap_ok(dense, "%d new names get the next ids", MANY);
	tap_ok(found, "each is found again and not added twice");
	tap_ok(kept, "each keeps its text while the table grows");
	tap_ok(rig_names_count(names) == before + MANY, "the count is that of distinct names");
}

static void *
refuse_memory(void *context, size_t size)
{
	(void) context;
	(void) size;
	return NULL;
}

static void
test_out_of_memory(void)
{
	RigAllocator none = {refuse_memory, NULL, NULL};
	RigArena	arena;
	RigNames   *names;
	int32_t		id = 0;
	int32_t		count = 0;
	char		name[64];

	rig_arena_init(&arena, none, 0);
	tap_ok(rig_names_create(&arena) == NULL, "no table without memory");

	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	names = rig_names_create(&arena);
	arena.allocator.allocate = refuse_memory;
	while ((id = rig_names_intern(names, name, write_name(name, count))) != RIG_NAMES_NONE)
		count++;
	tap_ok(count > 0 && rig_names_count(names) == count, "a name that finds no memory is not added");
	tap_ok(rig_names_find(names, name, write_name(name, 0)) == 0, "those before it are still there");
	rig_arena_release(&arena);
}

int
main(void)
{
	RigArena	arena;
	RigNames   *names;

	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	names = rig_names_create(&arena);
	tap_ok(rig_names_count(names) == 0, "a new table is empty");
	tap_ok(rig_names_find(names, "rpm", 3) == RIG_NAMES_NONE, "an unknown name is not found");
	tap_ok(rig_names_intern(names, "rpm", 3) == 0 && rig_names_intern(names, "wob", 3) == 1,
		   "ids count from 0 in order of first use");
	tap_ok(rig_names_intern(names, "rpm", 3) == 0, "a known name keeps its id");
	tap_ok(rig_names_find(names, "rp", 2) == RIG_NAMES_NONE && rig_names_find(names, "rpms", 4) == RIG_NAMES_NONE,
		   "length counts");
	tap_ok(rig_names_intern(names, "", 0) == 2 && rig_names_find(names, "", 0) == 2, "the empty name is a name");
	tap_ok(rig_names_intern(names, "a\0b", 3) == 3 && rig_names_find(names, "a\0c", 3) == RIG_NAMES_NONE,
		   "bytes behind a zero byte count");
	test_many(names);
	rig_arena_release(&arena);
	test_out_of_memory();
	return tap_done();
}
