#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/plancache.h"
#include "utils/timestamp.h"
#include "utils/varlena.h"

#include "model_row.h"
#include "model_source.h"
#include "model_source_rows.h"

#define FETCH_ROWS 1000

typedef enum ValueShape
{
	VALUES_IN_COLUMNS,
	VALUES_IN_JSON,
	VALUES_BY_POSITION
} ValueShape;

/* Columns that matter, by name; NULL = the source has no such column. */
typedef struct SourceShape
{
	const char *machine;
	const char *ts;
	const char *sensors;
	const char *state;			/* what the machine was doing, as readings have it; NULL = nobody knows */
	ValueShape	values;
	List	   *columns;		/* names of numeric columns, for VALUES_IN_COLUMNS */
} SourceShape;

/* Sensor at a position of a machine; looked up among the features when it first has a value. */
typedef struct Position
{
	char	   *sensor;			/* NULL = none */
	int32		sensor_id;
	int32		feature;
} Position;

#define NOT_LOOKED_UP (-2)

/* A machine whose arrays the source may hold. */
typedef struct Machine
{
	int32		id;
	char	   *name;
	int32		series;			/* id in RigSourceRows, once it has a row */
	int16		width;
	Position   *positions;		/* from position 1 on */
} Machine;

typedef struct Reader
{
	const RigSourceRequest *request;
	SourceShape shape;
	RigSourceRows *rows;
	int32	   *columns;		/* feature of each numeric column */
	int32		machine_count;	/* for VALUES_BY_POSITION */
	Machine    *machines;		/* by id, ascending */
	int32		machine_id;		/* of request->machine */
} Reader;

static void
refuse_source(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("the source must be the name of a view or table, or one SELECT"),
			 errdetail("%s", detail)));
}

/* The source as a SELECT: a name becomes one, anything else is taken as it is. */
static char *
select_from(const char *source)
{
	StringInfoData query;
	List	   *names;
	ListCell   *cell;

	if (!SplitIdentifierString(pstrdup(source), '.', &names) || names == NIL)
		return pstrdup(source);
	initStringInfo(&query);
	appendStringInfoString(&query, "SELECT * FROM ");
	foreach(cell, names)
		appendStringInfo(&query, "%s%s", cell == list_head(names) ? "" : ".", quote_identifier(lfirst(cell)));
	return query.data;
}

static SPIPlanPtr
prepare(const char *query, int count, Oid *types)
{
	SPIPlanPtr	plan = SPI_prepare_cursor(query, count, types, CURSOR_OPT_NO_SCROLL);

	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	return plan;
}

/* Checks that the query is one SELECT that changes and locks nothing, and cuts off what surrounds it. */
static char *
require_select(const char *query, TupleDesc *columns)
{
	SPIPlanPtr	plan = prepare(query, 0, NULL);
	List	   *sources = SPI_plan_get_plan_sources(plan);
	CachedPlanSource *source;
	Query	   *parsed;
	char	   *statement;

	if (list_length(sources) != 1)
		refuse_source(sources == NIL ? "It is empty." : "It has several statements.");
	source = linitial(sources);
	parsed = list_length(source->query_list) == 1 ? linitial_node(Query, source->query_list) : NULL;
	if (parsed == NULL || parsed->commandType != CMD_SELECT || source->resultDesc == NULL)
		refuse_source("It has another kind of statement.");
	if (parsed->hasModifyingCTE || parsed->rowMarks != NIL)
		refuse_source("It must neither change nor lock rows.");
	*columns = CreateTupleDescCopy(source->resultDesc);
	statement = pstrdup(query + Max(source->raw_parse_tree->stmt_location, 0));
	if (source->raw_parse_tree->stmt_len > 0)
		statement[source->raw_parse_tree->stmt_len] = '\0';
	SPI_freeplan(plan);
	return statement;
}

static bool
is_numeric(Oid type)
{
	type = getBaseType(type);
	return type == INT2OID || type == INT4OID || type == INT8OID ||
		type == FLOAT4OID || type == FLOAT8OID || type == NUMERICOID;
}

static void
require_type(bool fits, const char *column, const char *wanted, Oid type)
{
	if (!fits)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of the source must be %s, not %s", column, wanted, format_type_be(type))));
}

static void
take_column(SourceShape *shape, const char *name, Oid type)
{
	Oid			base = getBaseType(type);

	if (strcmp(name, "machine") == 0)
		shape->machine = name;
	else if (strcmp(name, "machine_id") == 0 && shape->machine == NULL)
		shape->machine = name;
	else if (strcmp(name, "ts") == 0)
	{
		require_type(base == TIMESTAMPTZOID || base == TIMESTAMPOID, name, "timestamptz or timestamp", type);
		shape->ts = name;
	}
	else if (strcmp(name, "sensors") == 0 && (base == JSONBOID || base == JSONOID))
	{
		shape->sensors = name;
		shape->values = VALUES_IN_JSON;
	}
	else if (strcmp(name, "state") == 0 && base == INT2OID)
		shape->state = name;
	else if (strcmp(name, "machine_id") != 0 && is_numeric(type))
		shape->columns = lappend(shape->columns, (char *) name);
}

static SourceShape
recognise_columns(TupleDesc descriptor)
{
	SourceShape shape = {0};
	bool		has_id = false;

	for (int i = 0; i < descriptor->natts; i++)
	{
		const char *name = NameStr(TupleDescAttr(descriptor, i)->attname);

		for (int other = 0; other < i; other++)
			if (strcmp(NameStr(TupleDescAttr(descriptor, other)->attname), name) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("the source has two columns \"%s\"", name)));
		has_id |= strcmp(name, "machine_id") == 0 && is_numeric(TupleDescAttr(descriptor, i)->atttypid);
		take_column(&shape, name, TupleDescAttr(descriptor, i)->atttypid);
	}
	for (int i = 0; i < descriptor->natts && has_id; i++)
		if (strcmp(NameStr(TupleDescAttr(descriptor, i)->attname), "sensor_values") == 0)
		{
			require_type(TupleDescAttr(descriptor, i)->atttypid == FLOAT8ARRAYOID, "sensor_values", "float8[]",
						 TupleDescAttr(descriptor, i)->atttypid);
			shape.machine = "machine_id";
			shape.sensors = "sensor_values";
			shape.values = VALUES_BY_POSITION;
		}
	if (shape.values == VALUES_IN_COLUMNS && shape.columns == NIL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the source has no numeric column"),
				 errhint("It needs sensors as jsonb, or numeric columns beside machine and ts.")));
	return shape;
}

/*
 * The query that is read: the columns that matter in a known order and with known types, and
 * the conditions. The statement is one SELECT by itself, so it cannot close the parenthesis.
 */
static char *
build_query(const Reader *reader, const char *statement)
{
	const SourceShape *shape = &reader->shape;
	StringInfoData query;
	const char *separator = " WHERE ";
	ListCell   *cell;

	initStringInfo(&query);
	appendStringInfo(&query, "SELECT %s::pg_catalog.%s, ", shape->machine == NULL ? "''" : psprintf("source.%s", shape->machine),
					 shape->values == VALUES_BY_POSITION ? "int4" : "text");
	appendStringInfoString(&query, shape->ts == NULL ? "NULL::pg_catalog.timestamptz" : "source.ts::pg_catalog.timestamptz");
	if (shape->values == VALUES_IN_JSON)
		appendStringInfoString(&query, ", source.sensors::pg_catalog.jsonb");
	else if (shape->values == VALUES_BY_POSITION)
		appendStringInfoString(&query, ", source.sensor_values");
	else
		foreach(cell, shape->columns)
			appendStringInfo(&query, ", source.%s::pg_catalog.float8", quote_identifier(lfirst(cell)));
	if (shape->state != NULL)
		appendStringInfoString(&query, ", source.state::pg_catalog.int2");
	appendStringInfo(&query, " FROM (\n%s\n) AS source", statement);
	if (reader->request->machine != NULL && shape->machine != NULL)
	{
		appendStringInfo(&query, "%s%s", separator, shape->values == VALUES_BY_POSITION
						 ? "source.machine_id OPERATOR(pg_catalog.=) $1"
						 : psprintf("source.%s::pg_catalog.text OPERATOR(pg_catalog.=) $1", shape->machine));
		separator = " AND ";
	}
	if (!TIMESTAMP_IS_NOBEGIN(reader->request->from) && shape->ts != NULL)
	{
		appendStringInfo(&query, "%ssource.ts::pg_catalog.timestamptz OPERATOR(pg_catalog.>=) $2", separator);
		separator = " AND ";
	}
	if (!TIMESTAMP_IS_NOEND(reader->request->to) && shape->ts != NULL)
		appendStringInfo(&query, "%ssource.ts::pg_catalog.timestamptz OPERATOR(pg_catalog.<) $3", separator);
	return query.data;
}

static Portal
open_cursor(const Reader *reader, const char *query)
{
	const RigSourceRequest *request = reader->request;
	bool		by_position = reader->shape.values == VALUES_BY_POSITION;
	Oid			types[3] = {by_position ? INT4OID : TEXTOID, TIMESTAMPTZOID, TIMESTAMPTZOID};
	Datum		values[3] = {0, TimestampTzGetDatum(request->from), TimestampTzGetDatum(request->to)};
	char		nulls[] = "   ";
	Portal		portal;

	if (by_position)
		values[0] = Int32GetDatum(reader->machine_id);
	else if (request->machine != NULL)
		values[0] = CStringGetTextDatum(request->machine);
	else
		nulls[0] = 'n';
	portal = SPI_cursor_open(NULL, prepare(query, 3, types), values, nulls, true);
	if (portal == NULL)
		elog(ERROR, "could not open a cursor: %s", SPI_result_code_string(SPI_result));
	return portal;
}

static Datum
column(uint64 row, int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, number, isnull);
}

static char *
text_column(const Reader *reader, uint64 row, int number)
{
	bool		isnull;

	return MemoryContextStrdup(reader->rows->context, TextDatumGetCString(column(row, number, &isnull)));
}

static Machine *
add_machine(Reader *reader, uint64 row, int32 id, int16 width)
{
	Machine    *machine = &reader->machines[reader->machine_count++];

	machine->id = id;
	machine->name = text_column(reader, row, 2);
	machine->series = NOT_LOOKED_UP;
	machine->width = width;
	machine->positions = MemoryContextAllocZero(reader->rows->context, width * sizeof(Position));
	if (reader->request->machine != NULL && strcmp(machine->name, reader->request->machine) == 0)
		reader->machine_id = id;
	return machine;
}

/* Learns where the sensors of every machine stand, with the rights of the caller. */
static void
load_positions(Reader *reader)
{
	Machine    *machine = NULL;

	if (SPI_execute("SELECT m.id, m.name, ms.position, s.name, s.id FROM rigalpha.machines m"
					" JOIN rigalpha.machine_sensors ms ON ms.machine_id = m.id JOIN rigalpha.sensors s ON s.id = ms.sensor_id"
					" ORDER BY m.id, ms.position DESC", true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the sensors of the machines");
	reader->machines = MemoryContextAlloc(reader->rows->context, Max(SPI_processed, 1) * sizeof(Machine));
	for (uint64 row = 0; row < SPI_processed; row++)
	{
		bool		isnull;
		int32		id = DatumGetInt32(column(row, 1, &isnull));
		int16		number = DatumGetInt16(column(row, 3, &isnull));

		/* The highest position of a machine comes first. */
		if (machine == NULL || machine->id != id)
			machine = add_machine(reader, row, id, number);
		machine->positions[number - 1] = (Position) {
			text_column(reader, row, 4), DatumGetInt32(column(row, 5, &isnull)), NOT_LOOKED_UP
		};
	}
	if (reader->request->machine != NULL && reader->machine_id == 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("machine \"%s\" does not exist", reader->request->machine)));
}

static int
compare_machine_id(const void *key, const void *machine)
{
	int32		x = *(const int32 *) key;
	int32		y = ((const Machine *) machine)->id;

	return x < y ? -1 : x > y;
}

static void
refuse_null(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("column \"%s\" of the source contains null", name)));
}

static TimestampTz
row_time(const Reader *reader, uint64 row)
{
	bool		isnull;
	TimestampTz time = DatumGetTimestampTz(column(row, 2, &isnull));

	if (reader->shape.ts == NULL)
		return reader->rows->rows_read;
	if (isnull)
		refuse_null("ts");
	if (TIMESTAMP_NOT_FINITE(time))
		ereport(ERROR,
				(errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
				 errmsg("column \"ts\" of the source contains infinity")));
	return time;
}

static int32
row_machine(const Reader *reader, uint64 row)
{
	bool		isnull;
	Datum		value = column(row, 1, &isnull);
	text	   *name;

	if (isnull)
		refuse_null(reader->shape.machine);
	name = DatumGetTextPP(value);
	return rig_source_rows_machine(reader->rows, VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
}

static void
read_columns(Reader *reader, uint64 row)
{
	float	   *values = rig_source_rows_add(reader->rows, row_machine(reader, row), row_time(reader, row));
	int			count = list_length(reader->shape.columns);

	for (int i = 0; i < count; i++)
	{
		bool		isnull;
		Datum		value = column(row, 3 + i, &isnull);

		if (!isnull && reader->columns[i] >= 0)
			values[reader->columns[i]] = rig_feature_value(DatumGetFloat8(value));
	}
}

static void
read_json(Reader *reader, uint64 row)
{
	bool		isnull;
	Datum		datum = column(row, 3, &isnull);
	int32		machine = row_machine(reader, row);
	TimestampTz time = row_time(reader, row);
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	key;
	JsonbValue	value;

	rig_source_rows_add(reader->rows, machine, time);
	if (isnull || !JB_ROOT_IS_OBJECT(DatumGetJsonbP(datum)))
		return;
	iterator = JsonbIteratorInit(&DatumGetJsonbP(datum)->root);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		int32		feature;

		if (token != WJB_KEY)
			continue;
		JsonbIteratorNext(&iterator, &value, true);
		if (value.type != jbvNumeric)
			continue;
		feature = rig_source_rows_feature(reader->rows, key.val.string.val, key.val.string.len, 0);
		if (feature >= 0)
			rig_source_rows_newest(reader->rows)[feature] = rig_feature_value(DatumGetFloat8(
				DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(value.val.numeric))));
	}
}

static void
read_positions(Reader *reader, uint64 row)
{
	bool		isnull;
	int32		id = DatumGetInt32(column(row, 1, &isnull));
	TimestampTz time = row_time(reader, row);
	Machine    *machine;
	ArrayType  *array;
	const float8 *numbers;
	const bits8 *bitmap;

	if (isnull)
		refuse_null("machine_id");
	machine = bsearch(&id, reader->machines, reader->machine_count, sizeof(Machine), compare_machine_id);
	if (machine == NULL)
		return;
	if (machine->series == NOT_LOOKED_UP)
		machine->series = rig_source_rows_machine(reader->rows, machine->name, strlen(machine->name));
	rig_source_rows_add(reader->rows, machine->series, time);
	array = DatumGetArrayTypeP(column(row, 3, &isnull));
	if (isnull || ARR_NDIM(array) != 1)
		return;
	numbers = (const float8 *) ARR_DATA_PTR(array);
	bitmap = ARR_NULLBITMAP(array);
	for (int i = 0; i < Min(ARR_DIMS(array)[0], machine->width); i++)
	{
		Position   *position = &machine->positions[i];
		float8		number;

		if (bitmap != NULL && (bitmap[i / 8] & (1 << (i % 8))) == 0)
			continue;
		number = *numbers++;
		if (position->sensor == NULL)
			continue;
		if (position->feature == NOT_LOOKED_UP)
			position->feature = rig_source_rows_feature(reader->rows, position->sensor, strlen(position->sensor),
														position->sensor_id);
		if (position->feature >= 0)
			rig_source_rows_newest(reader->rows)[position->feature] = rig_feature_value(number);
	}
}

/* What the machine was doing: the last column, if the source has one. */
static void
read_state(Reader *reader, uint64 row)
{
	bool		isnull;
	Datum		state;

	if (reader->shape.state == NULL)
		return;
	state = column(row, SPI_tuptable->tupdesc->natts, &isnull);
	reader->rows->states[reader->rows->count - 1] = isnull ? 0 : DatumGetInt16(state);
}

static void
read_rows(Reader *reader, Portal portal)
{
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "rigalpha source row", ALLOCSET_DEFAULT_SIZES);

	for (;;)
	{
		MemoryContext caller;

		SPI_cursor_fetch(portal, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		CHECK_FOR_INTERRUPTS();
		caller = MemoryContextSwitchTo(row_context);
		for (uint64 row = 0; row < SPI_processed; row++)
		{
			int64		before = reader->rows->rows_read;

			switch (reader->shape.values)
			{
				case VALUES_IN_COLUMNS:
					read_columns(reader, row);
					break;
				case VALUES_IN_JSON:
					read_json(reader, row);
					break;
				case VALUES_BY_POSITION:
					read_positions(reader, row);
					break;
			}
			if (reader->rows->rows_read > before)
				read_state(reader, row);
			MemoryContextReset(row_context);
		}
		MemoryContextSwitchTo(caller);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_freetuptable(SPI_tuptable);
}

/* Columns are features from the start, so that they keep their order. */
static void
register_columns(Reader *reader)
{
	int32		rank = 0;
	ListCell   *cell;

	reader->columns = palloc(Max(list_length(reader->shape.columns), 1) * sizeof(int32));
	foreach(cell, reader->shape.columns)
	{
		reader->columns[rank] = rig_source_rows_feature(reader->rows, lfirst(cell), strlen(lfirst(cell)), rank);
		rank++;
	}
}

RigSource *
rig_source_read(const RigSourceRequest *request, MemoryContext context)
{
	Reader		reader = {request};
	RigSource  *source;
	TupleDesc	columns;
	char	   *statement;
	Portal		portal;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	statement = require_select(select_from(request->source), &columns);
	reader.shape = recognise_columns(columns);
	reader.rows = rig_source_rows_create(request);
	if (reader.shape.values == VALUES_BY_POSITION)
		load_positions(&reader);
	else if (reader.shape.values == VALUES_IN_COLUMNS)
		register_columns(&reader);
	portal = open_cursor(&reader, build_query(&reader, statement));
	read_rows(&reader, portal);
	SPI_cursor_close(portal);
	source = rig_source_rows_finish(reader.rows, reader.shape.ts != NULL, context);
	SPI_finish();
	return source;
}

static int
compare_steps(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y;
}

int64
rig_source_period(const RigSource *source)
{
	const RigDataset *data = &source->data;
	int64	   *steps;
	int64		count = 0;
	int64		period;

	if (!source->has_time || data->rows < 2)
		return 0;
	steps = palloc_extended(data->rows * sizeof(int64), MCXT_ALLOC_HUGE);
	for (int64 row = 1; row < data->rows; row++)
		if (data->series[row] == data->series[row - 1] && data->times[row] > data->times[row - 1])
			steps[count++] = data->times[row] - data->times[row - 1];
	qsort(steps, count, sizeof(int64), compare_steps);
	period = count > 0 ? steps[count / 2] : 0;
	pfree(steps);
	return period;
}
