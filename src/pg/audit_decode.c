/* Entries as columns: what the view of the log shows comes from the bytes that are hashed. */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "audit.h"
#include "context_arena.h"
#include "pg_compat.h"

#define COLUMNS 16

typedef struct Columns
{
	int			count;
	Datum		values[COLUMNS];
	bool		nulls[COLUMNS];
} Columns;

RIG_SQL_FUNCTION(rig_audit_decode);
RIG_SQL_FUNCTION(rig_audit_row_image);

static void
add(Columns *columns, Datum value, bool isnull)
{
	columns->values[columns->count] = value;
	columns->nulls[columns->count++] = isnull;
}

static void
add_text(Columns *columns, RigAuditText text)
{
	bool		isnull = text.length < 0;

	add(columns, isnull ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(text.bytes, text.length)), isnull);
}

static void
append_json_text(StringInfo json, RigAuditText text)
{
	escape_json(json, pnstrdup(text.bytes, text.length));
}

/* An image as an object of texts; what is redacted is an object of its own, so that no text looks like it. */
static Datum
image_json(const RigAuditImage *image)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (int32 i = 0; i < image->count; i++)
	{
		const RigAuditColumn *column = &image->columns[i];

		if (i > 0)
			appendStringInfoChar(&json, ',');
		append_json_text(&json, column->name);
		appendStringInfoChar(&json, ':');
		if (column->flag == RIG_AUDIT_NULL)
			appendStringInfoString(&json, "null");
		else if (column->flag == RIG_AUDIT_REDACTED)
			appendStringInfoString(&json, "{\"redacted\":true}");
		else
			append_json_text(&json, column->value);
	}
	appendStringInfoChar(&json, '}');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

static void
add_image(Columns *columns, const RigAuditImage *image)
{
	add(columns, image->present ? image_json(image) : (Datum) 0, !image->present);
}

/* audit_row_image(row): as add_image() shows it, with all columns. */
Datum
rig_audit_row_image(PG_FUNCTION_ARGS)
{
	HeapTupleHeader header = PG_GETARG_HEAPTUPLEHEADER(0);
	TupleDesc	columns = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	HeapTupleData row = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
	RigAuditImage image = rig_audit_image(&row, columns, NULL, 0, NULL);

	ReleaseTupleDesc(columns);
	PG_RETURN_DATUM(image_json(&image));
}

/* audit_decode(payload): its parts; NULL throughout when the bytes are no entry. */
Datum
rig_audit_decode(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_GETARG_BYTEA_PP(0);
	RigAuditEntry entry;
	Columns		columns = {0};
	TupleDesc	descriptor;
	RigArena	arena;

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "audit_decode must return a row");
	rig_arena_init(&arena, rig_context_allocator(CurrentMemoryContext), 0);
	if (rig_audit_entry_decode(&entry, &arena, (const uint8 *) VARDATA_ANY(payload),
							   VARSIZE_ANY_EXHDR(payload)) != RIG_OK)
		PG_RETURN_NULL();
	add_text(&columns, rig_audit_text(rig_audit_kind_name(entry.kind)));
	add_text(&columns, entry.session_user);
	add_text(&columns, entry.current_user);
	add_text(&columns, entry.app_user);
	add_text(&columns, entry.app_session);
	add_text(&columns, entry.client_address);
	add_text(&columns, entry.source);
	add_text(&columns, entry.machine);
	add_text(&columns, entry.schema);
	add_text(&columns, entry.relation);
	add_text(&columns, entry.operation);
	add_text(&columns, entry.reason);
	add(&columns, TimestampTzGetDatum(entry.xact_at - RIG_AUDIT_EPOCH_US), false);
	add_image(&columns, &entry.key);
	add_image(&columns, &entry.old);
	add_image(&columns, &entry.new);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), columns.values, columns.nulls)));
}
