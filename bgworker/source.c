#include "source.h"

#include "catalog/pg_type.h"
#include "statement.h"

#define SOURCE_COLUMNS \
	"SELECT id, workers, paused, revision, name, brokers, topic, config::text, pg_catalog.current_database()::text " \
	"FROM rigalpha.worker_sources()"

typedef struct SourceList
{
	RigSource  *items;
	int			count;
	int			room;
} SourceList;

typedef struct PropertyList
{
	RigProperty *items;
	int			count;
	int			room;
} PropertyList;

static RigStatement list_sources = {SOURCE_COLUMNS};
static RigStatement read_source = {SOURCE_COLUMNS " WHERE id = $1", 1, {INT4OID}};
static RigStatement read_properties = {
	"SELECT p.key, p.value FROM rigalpha.worker_sources() s, pg_catalog.jsonb_each_text(s.config) p WHERE s.id = $1",
	1, {INT4OID}
};

static void
add_source(void *context, HeapTuple row, TupleDesc shape)
{
	SourceList *list = context;
	RigSource  *source;

	if (list->count == list->room)
	{
		list->room = list->room == 0 ? 8 : list->room * 2;
		list->items = list->items == NULL
			? palloc(list->room * sizeof(RigSource))
			: repalloc(list->items, list->room * sizeof(RigSource));
	}
	source = &list->items[list->count++];
	memset(source, 0, sizeof(*source));
	source->id = rig_row_int32(row, shape, 1, 0);
	source->workers = rig_row_int32(row, shape, 2, 1);
	source->paused = rig_row_bool(row, shape, 3);
	source->revision = rig_row_int64(row, shape, 4, 0);
	source->name = rig_row_text(row, shape, 5);
	source->brokers = rig_row_text(row, shape, 6);
	source->topic = rig_row_text(row, shape, 7);
	source->config = rig_row_text(row, shape, 8);
	source->database = rig_row_text(row, shape, 9);
}

static void
add_property(void *context, HeapTuple row, TupleDesc shape)
{
	PropertyList *list = context;

	if (list->count == list->room)
	{
		list->room = list->room == 0 ? 8 : list->room * 2;
		list->items = list->items == NULL
			? palloc(list->room * sizeof(RigProperty))
			: repalloc(list->items, list->room * sizeof(RigProperty));
	}
	list->items[list->count].key = rig_row_text(row, shape, 1);
	list->items[list->count].value = rig_row_text(row, shape, 2);
	list->count++;
}

RigSource *
rig_source_list(int *count, RigFailure *failure)
{
	SourceList	list = {0};

	*count = 0;
	if (!rig_statement_run(&list_sources, NULL, NULL, add_source, &list, failure))
		return NULL;
	*count = list.count;
	return list.items;
}

RigSource *
rig_source_read(int32 id, RigFailure *failure)
{
	Datum		values[] = {Int32GetDatum(id)};
	SourceList	list = {0};

	(void) rig_statement_run(&read_source, values, NULL, add_source, &list, failure);
	return list.items;
}

bool
rig_source_read_properties(RigSource *source, RigFailure *failure)
{
	Datum		values[] = {Int32GetDatum(source->id)};
	PropertyList list = {0};

	if (!rig_statement_run(&read_properties, values, NULL, add_property, &list, failure))
		return false;
	source->properties = list.items;
	source->property_count = list.count;
	return true;
}

bool
rig_source_differs(const RigSource *a, const RigSource *b)
{
	return a->workers != b->workers || strcmp(a->name, b->name) != 0 || strcmp(a->brokers, b->brokers) != 0 ||
		strcmp(a->topic, b->topic) != 0 || strcmp(a->config, b->config) != 0;
}
