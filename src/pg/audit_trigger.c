/* What makes entries: triggers of audited tables, and a function for everything that is no row. */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#include "audit.h"
#include "pg_compat.h"

#define MACHINE_ARGUMENT "machine="
#define REDACT_ARGUMENT "redact="
#define ROW_TRIGGER "rigalpha_audit"
#define BASELINE_BATCH 1000

RIG_SQL_FUNCTION(rig_audit_baseline);
RIG_SQL_FUNCTION(rig_audit_row);
RIG_SQL_FUNCTION(rig_audit_truncate);
RIG_SQL_FUNCTION(rig_audit_refuse);
RIG_SQL_FUNCTION(rig_audit_event);

/* Arguments of the trigger: which column names the machine, and which columns are secrets. */
typedef struct Arguments
{
	const char *machine;		/* column, or NULL */
	int			redacted_count;
	const char **redacted;
} Arguments;

static TriggerData *
trigger_data(FunctionCallInfo fcinfo, const char *function)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("%s was not called as a trigger", function)));
	return (TriggerData *) fcinfo->context;
}

static Arguments
read_arguments(const Trigger *trigger)
{
	Arguments	arguments = {.redacted = palloc(Max(trigger->tgnargs, 1) * sizeof(char *))};

	for (int i = 0; i < trigger->tgnargs; i++)
	{
		const char *argument = trigger->tgargs[i];

		if (strncmp(argument, MACHINE_ARGUMENT, strlen(MACHINE_ARGUMENT)) == 0)
			arguments.machine = argument + strlen(MACHINE_ARGUMENT);
		else if (strncmp(argument, REDACT_ARGUMENT, strlen(REDACT_ARGUMENT)) == 0)
			arguments.redacted[arguments.redacted_count++] = argument + strlen(REDACT_ARGUMENT);
		else
			elog(ERROR, "unknown argument of audit trigger: %s", argument);
	}
	return arguments;
}

/* The chain that a row belongs to; rows without a machine are administration. */
static int32
chain_of(const Arguments *arguments, HeapTuple row, TupleDesc columns)
{
	int			column = arguments->machine == NULL ? SPI_ERROR_NOATTRIBUTE : SPI_fnumber(columns, arguments->machine);
	Datum		value;
	bool		isnull;

	if (column <= 0)
		return RIG_AUDIT_ADMINISTRATION;
	if (TupleDescAttr(columns, column - 1)->atttypid != INT4OID)
		elog(ERROR, "column \"%s\" of an audited table is not integer", arguments->machine);
	value = heap_getattr(row, column, columns, &isnull);
	return isnull || DatumGetInt32(value) <= 0 ? RIG_AUDIT_ADMINISTRATION : DatumGetInt32(value);
}

static RigAuditEntry
entry_about(RigAuditKind kind, Relation relation, const char *operation)
{
	RigAuditEntry entry = {.kind = (uint8) kind};

	entry.source = rig_audit_text("trigger");
	entry.schema = rig_audit_text(get_namespace_name(RelationGetNamespace(relation)));
	entry.relation = rig_audit_text(RelationGetRelationName(relation));
	entry.operation = rig_audit_text(operation);
	entry.reason = rig_audit_text(NULL);
	return entry;
}

/* Images of what the row was and is; its key, so that its history can be found. */
static void
add_images(RigAuditEntry *entry, const TriggerData *data, const Arguments *arguments)
{
	Relation	relation = data->tg_relation;
	TupleDesc	columns = RelationGetDescr(relation);
	Bitmapset  *key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	bool		is_update = TRIGGER_FIRED_BY_UPDATE(data->tg_event);

	if (key != NULL)
		entry->key = rig_audit_image(data->tg_trigtuple, columns, key, 0, NULL);
	if (!TRIGGER_FIRED_BY_INSERT(data->tg_event))
		entry->old = rig_audit_image(data->tg_trigtuple, columns, NULL, arguments->redacted_count, arguments->redacted);
	if (!TRIGGER_FIRED_BY_DELETE(data->tg_event))
		entry->new = rig_audit_image(is_update ? data->tg_newtuple : data->tg_trigtuple, columns, NULL,
									 arguments->redacted_count, arguments->redacted);
}

Datum
rig_audit_row(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo, "audit_row");
	Arguments	arguments = read_arguments(data->tg_trigger);
	HeapTuple	row = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? data->tg_newtuple : data->tg_trigtuple;
	RigAuditNode node;
	RigAuditEntry entry;

	/* While a dump is restored nothing happens that had not happened before. */
	if (!rig_audit_node(&node))
		return PointerGetDatum(NULL);
	if (TRIGGER_FIRED_BY_INSERT(data->tg_event))
		entry = entry_about(RIG_AUDIT_INSERT, data->tg_relation, "insert");
	else if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
		entry = entry_about(RIG_AUDIT_UPDATE, data->tg_relation, "update");
	else
		entry = entry_about(RIG_AUDIT_DELETE, data->tg_relation, "delete");
	add_images(&entry, data, &arguments);
	rig_audit_append(&entry, chain_of(&arguments, row, RelationGetDescr(data->tg_relation)));
	return PointerGetDatum(NULL);
}

/* The trigger that audit_enable() made for the rows of a table. */
static const Trigger *
row_trigger(Relation relation)
{
	const TriggerDesc *triggers = relation->trigdesc;

	for (int i = 0; triggers != NULL && i < triggers->numtriggers; i++)
		if (strcmp(triggers->triggers[i].tgname, ROW_TRIGGER) == 0)
			return &triggers->triggers[i];
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table \"%s\" is not audited", RelationGetRelationName(relation)),
			 errhint("Call audit_enable().")));
}

/* Entries of the rows that a query of a table has fetched. */
static void
append_baseline(Relation relation, const Arguments *arguments)
{
	TupleDesc	columns = SPI_tuptable->tupdesc;
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "audited row", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(row_context);

	for (uint64 i = 0; i < SPI_processed; i++)
	{
		RigAuditEntry entry = entry_about(RIG_AUDIT_BASELINE, relation, "baseline");
		Bitmapset  *key = RelationGetIndexAttrBitmap(relation, INDEX_ATTR_BITMAP_PRIMARY_KEY);
		HeapTuple	row = SPI_tuptable->vals[i];

		CHECK_FOR_INTERRUPTS();
		if (key != NULL)
			entry.key = rig_audit_image(row, columns, key, 0, NULL);
		entry.new = rig_audit_image(row, columns, NULL, arguments->redacted_count, arguments->redacted);
		rig_audit_append(&entry, chain_of(arguments, row, columns));
		MemoryContextReset(row_context);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(row_context);
}

/*
 * audit_baseline(relation): an entry for each row that the table has when its audit begins, so that
 * later images have something to be compared with; returns how many. For the owner of the table.
 */
Datum
rig_audit_baseline(PG_FUNCTION_ARGS)
{
	Oid			table = PG_GETARG_OID(0);
	Relation	relation = table_open(table, ShareRowExclusiveLock);
	RigAuditNode node;
	Arguments	arguments;
	Portal		portal;
	uint64		fetched = 0;
	uint64		batch;

	if (!rig_class_ownercheck(table, GetUserId()))
		aclcheck_error(ACLCHECK_NOT_OWNER, OBJECT_TABLE, RelationGetRelationName(relation));
	arguments = read_arguments(row_trigger(relation));
	if (rig_audit_node(&node))
	{
		SPI_connect();
		portal = SPI_cursor_open_with_args(NULL, psprintf("SELECT * FROM %s", quote_qualified_identifier(
			get_namespace_name(RelationGetNamespace(relation)), RelationGetRelationName(relation))),
										   0, NULL, NULL, NULL, true, 0);
		do
		{
			SPI_cursor_fetch(portal, true, BASELINE_BATCH);
			batch = SPI_processed;
			append_baseline(relation, &arguments);
			SPI_freetuptable(SPI_tuptable);
			fetched += batch;
		} while (batch > 0);
		SPI_cursor_close(portal);
		SPI_finish();
	}
	table_close(relation, NoLock);
	PG_RETURN_INT64((int64) fetched);
}

/* Before the rows are gone, so that they can be counted. */
Datum
rig_audit_truncate(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo, "audit_truncate");
	RigAuditEntry entry = entry_about(RIG_AUDIT_TRUNCATE, data->tg_relation, "truncate");
	RigAuditNode node;
	bool		isnull;
	int64		rows;

	if (!rig_audit_node(&node))
		return PointerGetDatum(NULL);
	SPI_connect();
	if (SPI_execute(psprintf("SELECT count(*) FROM %s", quote_qualified_identifier(
		get_namespace_name(RelationGetNamespace(data->tg_relation)), RelationGetRelationName(data->tg_relation))),
					true, 1) != SPI_OK_SELECT)
		elog(ERROR, "rows could not be counted");
	rows = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_finish();
	entry.reason = rig_audit_text(psprintf(INT64_FORMAT " rows", rows));
	rig_audit_append(&entry, RIG_AUDIT_ADMINISTRATION);
	return PointerGetDatum(NULL);
}

/* The log is only added to, but for what the retention has written an entry about. */
Datum
rig_audit_refuse(PG_FUNCTION_ARGS)
{
	TriggerData *data = trigger_data(fcinfo, "audit_refuse");

	if (rig_audit_may_erase(data))
		return PointerGetDatum(NULL);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("table \"%s\" can only be added to", RelationGetRelationName(data->tg_relation)),
			 errhint("The audit log is pruned by its retention only.")));
}

static RigAuditText
text_argument(FunctionCallInfo fcinfo, int argument)
{
	return rig_audit_text(PG_ARGISNULL(argument) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(argument)));
}

static RigAuditKind
kind_argument(FunctionCallInfo fcinfo, int argument)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(argument));

	for (int kind = RIG_AUDIT_DDL; kind <= UINT8_MAX && rig_audit_kind_name((uint8) kind) != NULL; kind++)
		if (strcmp(rig_audit_kind_name((uint8) kind), name) == 0)
			return (RigAuditKind) kind;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("\"%s\" is not a kind of audit entry", name)));
}

/* Names and values of what is noted as an image; both arrays are as long. */
static RigAuditImage
details_argument(FunctionCallInfo fcinfo, int names, int values)
{
	RigAuditImage image = {.present = false};
	Datum	   *name_texts;
	Datum	   *value_texts;
	bool	   *nulls;
	int			name_count;
	int			value_count;

	if (PG_ARGISNULL(names) || PG_ARGISNULL(values))
		return image;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(names), TEXTOID, -1, false, TYPALIGN_INT, &name_texts, NULL, &name_count);
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(values), TEXTOID, -1, false, TYPALIGN_INT, &value_texts, &nulls,
					  &value_count);
	if (name_count != value_count)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%d names and %d values of an audit entry", name_count, value_count)));
	image.present = true;
	image.count = name_count;
	image.columns = palloc(Max(name_count, 1) * sizeof(RigAuditColumn));
	for (int i = 0; i < name_count; i++)
		image.columns[i] = (RigAuditColumn) {
			.attnum = (int16) (i + 1), .name = rig_audit_text(TextDatumGetCString(name_texts[i])),
			.type = rig_audit_text("text"), .flag = nulls[i] ? RIG_AUDIT_NULL : RIG_AUDIT_TEXT,
			.value = rig_audit_text(nulls[i] ? NULL : TextDatumGetCString(value_texts[i])),
		};
	return image;
}

/*
 * audit_event(kind, source, operation, reason, schema, relation, machine_id, names, values): an
 * entry about something that is no row of an audited table; true when it was written.
 */
Datum
rig_audit_event(PG_FUNCTION_ARGS)
{
	RigAuditEntry entry = {0};

	if (PG_ARGISNULL(0))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("the kind of an audit entry must not be null")));
	entry.kind = (uint8) kind_argument(fcinfo, 0);
	entry.source = text_argument(fcinfo, 1);
	entry.operation = text_argument(fcinfo, 2);
	entry.reason = text_argument(fcinfo, 3);
	entry.schema = text_argument(fcinfo, 4);
	entry.relation = text_argument(fcinfo, 5);
	entry.new = details_argument(fcinfo, 7, 8);
	PG_RETURN_BOOL(rig_audit_append(&entry, PG_ARGISNULL(6) ? RIG_AUDIT_ADMINISTRATION : PG_GETARG_INT32(6)));
}
