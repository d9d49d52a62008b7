#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ingest.h"
#include "settings.h"
#include "state_words.h"

#define UNIX_EPOCH_OFFSET ((int64) (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY)

/* Names that no machine of the catalog has yet, as pairs for discover(). */
typedef struct Discovery
{
	int32		count;
	int32		capacity;
	Datum	   *machines;
	Datum	   *sensors;
	bool	   *sensor_nulls;
} Discovery;

static void
want(Discovery *discovery, const RigReading *reading, const char *sensor, int32 length)
{
	if (discovery->count == discovery->capacity)
	{
		discovery->capacity = Max(64, discovery->capacity * 2);
		if (discovery->machines == NULL)
		{
			discovery->machines = palloc(discovery->capacity * sizeof(Datum));
			discovery->sensors = palloc(discovery->capacity * sizeof(Datum));
			discovery->sensor_nulls = palloc(discovery->capacity * sizeof(bool));
		}
		else
		{
			discovery->machines = repalloc(discovery->machines, discovery->capacity * sizeof(Datum));
			discovery->sensors = repalloc(discovery->sensors, discovery->capacity * sizeof(Datum));
			discovery->sensor_nulls = repalloc(discovery->sensor_nulls, discovery->capacity * sizeof(bool));
		}
	}
	discovery->machines[discovery->count] =
		PointerGetDatum(cstring_to_text_with_len(reading->machine, reading->machine_length));
	discovery->sensors[discovery->count] =
		sensor == NULL ? (Datum) 0 : PointerGetDatum(cstring_to_text_with_len(sensor, length));
	discovery->sensor_nulls[discovery->count] = sensor == NULL;
	discovery->count++;
}

/*
 * Time of a reading: its own, else the message's, else that of receipt. The two substitutes
 * are spread by microseconds, because readings without a clock must not collide; the spread
 * of a message time comes from offset and index, so that a repeated delivery gives the same time.
 * The lines of one payload are of one instant, though: each may hold a part of a reading.
 */
static TimestampTz
reading_time(IngestBatch *batch, int32 payload, int32 index, const RigReading *reading)
{
	if (reading->has_time)
		return reading->time_us - UNIX_EPOCH_OFFSET;
	if (reading->line > 0)
		index = 0;
	if (batch->message_times != NULL && batch->message_times[payload] != DT_NOBEGIN)
		return batch->message_times[payload] + index + (batch->offsets != NULL ? batch->offsets[payload] % 1000 : 0);
	return batch->received_at + (reading->line > 0 ? batch->timeless_count : batch->timeless_count++);
}

static RigReason
check_time(IngestBatch *batch, TimestampTz ts)
{
	if (ts > batch->received_at + rig_future_tolerance * USECS_PER_SEC)
		return RIG_REASON_FUTURE_TIME;
	if (ts < batch->received_at - rig_retention_days * USECS_PER_DAY)
		return RIG_REASON_TOO_OLD;
	return RIG_REASON_NONE;
}

static IngestRefusal *
refuse_reading(IngestBatch *batch, int32 payload, int32 index, const RigReading *reading, RigReason reason,
			   const char *detail)
{
	IngestRefusal *refusal = rig_ingest_refuse(batch, payload, index, reason, detail);

	if (reading->machine != NULL && reading->reason != RIG_REASON_BAD_MACHINE_NAME)
		refusal->machine = pnstrdup(reading->machine, reading->machine_length);
	if (reading->line > 0 && detail == NULL)
		refusal->detail = psprintf("line %d", reading->line);
	if (reading->field != NULL && reason == reading->reason)
		refusal->field = rig_ingest_cut_text(reading->field, reading->field_length);
	return refusal;
}

/* Notes a value that is not stored although its sensor is known. */
static void
flag_value(IngestBatch *batch, IngestReading *target, const RigValue *value)
{
	int32		length;
	const char *name = rig_names_text(batch->catalog->sensor_names, value->name, &length);
	IngestRefusal *refusal;

	if (value->kind == RIG_VALUE_NUMBER)
		refusal = rig_ingest_refuse(batch, target->payload, target->index, RIG_REASON_CONFLICT,
									"another name of the sensor stands before it with another value");
	else
		refusal = rig_ingest_refuse(batch, target->payload, target->index,
									value->kind == RIG_VALUE_OUT_OF_RANGE ? RIG_REASON_OUT_OF_RANGE
									: RIG_REASON_NOT_A_NUMBER, "value stored as null");
	refusal->dead_letter = false;
	refusal->reading_refused = false;
	refusal->field = pnstrdup(name, length);
	target->content.flags |= RIG_FLAG_VALUE_REFUSED;
}

/* Adds the names of a reading that the catalog lacks to the discovery; true if there are any. */
static bool
want_unknown(Discovery *discovery, RigCatalog *catalog, const RigMachine *machine, const RigReading *reading,
			 const RigValue *values)
{
	int32		before = discovery->count;

	if (machine == NULL)
		want(discovery, reading, NULL, 0);
	for (int32 i = 0; i < reading->value_count; i++)
	{
		int32		length;
		const char *name;

		if (values[i].kind != RIG_VALUE_NUMBER)
			continue;
		if (machine != NULL && rig_machine_position(machine, values[i].name) != 0)
			continue;
		name = rig_names_text(catalog->sensor_names, values[i].name, &length);
		want(discovery, reading, name, length);
	}
	return discovery->count > before;
}

static IngestReading *
add_reading(IngestBatch *batch)
{
	if (batch->reading_count == batch->reading_capacity)
	{
		batch->reading_capacity *= 2;
		batch->readings = repalloc_huge(batch->readings, batch->reading_capacity * sizeof(IngestReading));
	}
	return &batch->readings[batch->reading_count++];
}

/* Values of a machine, none of which is there yet. */
static void
begin_values(IngestValues *content, const RigMachine *machine)
{
	content->width = machine->width;
	content->present = 0;
	content->values = rig_values_allocate(content->width);
	/* All bits set are a NaN. */
	memset(content->values, 0xff, content->width * sizeof(float8));
}

/* Places the values of a reading that has nothing but numbers of known sensors, once each; false for any other. */
static bool
place_plain_values(IngestValues *content, const RigMachine *machine, const RigReading *reading, const RigValue *values)
{
	begin_values(content, machine);
	for (int32 i = 0; i < reading->value_count; i++)
	{
		int16		position = rig_machine_position(machine, values[i].name);

		if (position <= 0 || values[i].kind != RIG_VALUE_NUMBER || !isnan(content->values[position - 1]))
			return false;
		content->values[position - 1] = values[i].number;
	}
	content->present = reading->value_count;
	return true;
}

/* Puts the values of a known machine into their positions. Returns how many are over the quota. */
static int32
place_values(IngestBatch *batch, IngestReading *target, RigMachine *machine, const RigReading *reading,
			 const RigValue *values)
{
	IngestValues *content = &target->content;
	int32		surplus = 0;

	begin_values(content, machine);
	for (int32 i = 0; i < reading->value_count; i++)
	{
		int16		position = rig_machine_position(machine, values[i].name);

		if (position <= 0)
		{
			if (values[i].kind != RIG_VALUE_NUMBER)
			{
				if (values[i].name < batch->catalog->dictionary_size)
					flag_value(batch, target, &values[i]);
				continue;
			}
			surplus++;
			if (position == 0)
				rig_catalog_refuse_name(batch->catalog, machine, values[i].name);
		}
		else if (values[i].kind != RIG_VALUE_NUMBER)
			flag_value(batch, target, &values[i]);
		else if (isnan(content->values[position - 1]))
		{
			content->values[position - 1] = values[i].number;
			content->present++;
		}
		else if (content->values[position - 1] != values[i].number)
			flag_value(batch, target, &values[i]);
	}
	return surplus;
}

static void
set_state(IngestValues *content, const RigReading *reading)
{
	content->state = RIG_STATE_UNKNOWN;
	if (reading->state == NULL)
		return;
	content->state = rig_state_code(reading->state, reading->state_length);
	if (content->state == RIG_STATE_UNKNOWN)
		content->flags |= RIG_FLAG_STATE_UNKNOWN;
}

/* Takes a reading of a machine that the catalog has; plain = its values, if they are placed already. */
static void
take_reading(IngestBatch *batch, int32 payload, int32 index, TimestampTz ts, RigMachine *machine,
			 const RigReading *reading, const RigValue *values, const IngestValues *plain)
{
	IngestReading *target = add_reading(batch);
	IngestRefusal *refusal;
	int32		surplus = 0;
	bool		empty;

	memset(target, 0, sizeof(*target));
	if (plain != NULL)
		target->content = *plain;
	target->payload = payload;
	target->index = index;
	target->machine_id = machine->id;
	target->ts = ts;
	target->day = rig_ingest_day(ts);
	set_state(&target->content, reading);
	if (!reading->has_time)
		target->content.flags |= RIG_FLAG_NO_DEVICE_TIME;
	if (ts < machine->newest)
		target->content.flags |= RIG_FLAG_LATE;
	if (plain == NULL)
		surplus = place_values(batch, target, machine, reading, values);
	empty = target->content.present == 0 && reading->state == NULL
		&& (target->content.flags & RIG_FLAG_VALUE_REFUSED) == 0;
	if (surplus > 0)
	{
		/* The known values are kept; a replay with a larger quota merges the others. */
		refusal = refuse_reading(batch, payload, index, reading, RIG_REASON_SENSOR_QUOTA,
								 psprintf("values not stored because their sensors are beyond the quota of the machine: %d", surplus));
		refusal->reading_refused = empty;
		target->content.flags |= RIG_FLAG_OVER_QUOTA;
	}
	else if (empty)
		refuse_reading(batch, payload, index, reading, RIG_REASON_NO_VALUES, NULL);
	if (empty)
		batch->reading_count--;
}

/*
 * Whether a reading is of another machine than the token of its payload. Asked before anything that
 * may change with time: its dead letter must never become one that a replay stores.
 */
static bool
is_foreign(IngestBatch *batch, int32 payload, const RigReading *reading)
{
	const IngestDevice *device = batch->devices[payload];
	const RigMachine *machine;

	if (device == NULL)
		return false;
	machine = rig_catalog_machine_by_name(batch->catalog, reading->machine, reading->machine_length);
	return machine == NULL || machine->id != device->machine_id;
}

/*
 * Takes the readings of one payload. With a discovery, a payload with names that are not
 * known is left for the second round, whole; returns false for it. Without one, what is still
 * unknown is over a quota.
 */
static bool
take_payload(IngestBatch *batch, int32 payload, const RigPayload *parsed, Discovery *discovery)
{
	int32		readings_before = batch->reading_count;
	int32		refusals_before = batch->refusal_count;
	int32		timeless_before = batch->timeless_count;
	bool		incomplete = false;

	for (int32 i = 0; i < parsed->reading_count; i++)
	{
		const RigReading *reading = &parsed->readings[i];
		const RigValue *values = parsed->values + reading->first_value;
		RigReason	reason = reading->reason;
		TimestampTz ts = 0;
		RigMachine *machine;
		IngestValues plain = {0};

		if (reason == RIG_REASON_NONE && batch->devices != NULL && is_foreign(batch, payload, reading))
			reason = RIG_REASON_FOREIGN_MACHINE;
		if (reason == RIG_REASON_NONE)
		{
			ts = reading_time(batch, payload, i, reading);
			reason = check_time(batch, ts);
		}
		if (reason != RIG_REASON_NONE)
		{
			refuse_reading(batch, payload, i, reading, reason, NULL);
			continue;
		}
		machine = rig_catalog_machine_by_name(batch->catalog, reading->machine, reading->machine_length);
		if (machine != NULL && !incomplete && place_plain_values(&plain, machine, reading, values))
			take_reading(batch, payload, i, ts, machine, reading, values, &plain);
		else if (discovery != NULL && want_unknown(discovery, batch->catalog, machine, reading, values))
			incomplete = true;
		else if (machine == NULL)
			refuse_reading(batch, payload, i, reading, RIG_REASON_MACHINE_QUOTA, NULL);
		else if (!incomplete)
			take_reading(batch, payload, i, ts, machine, reading, values, NULL);
	}
	if (incomplete)
	{
		batch->reading_count = readings_before;
		batch->refusal_count = refusals_before;
		batch->timeless_count = timeless_before;
	}
	else if (parsed->reading_count > 0 && parsed->readings[0].line > 0)
		batch->timeless_count++;
	return !incomplete;
}

RigFormat
rig_ingest_format(const IngestBatch *batch, int32 payload)
{
	return batch->formats == NULL ? (RigFormat) {RIG_FORMAT_JSON, RIG_TIME_BY_MAGNITUDE} : batch->formats[payload];
}

const char *
rig_ingest_given_machine(const IngestBatch *batch, int32 payload)
{
	const IngestDevice *device = batch->devices == NULL ? NULL : batch->devices[payload];
	const RigMachine *machine;

	if (device == NULL)
		return batch->machines == NULL ? NULL : batch->machines[payload];
	if (device->refusal != RIG_REASON_NONE)
		return NULL;
	machine = rig_catalog_machine_by_id(batch->catalog, device->machine_id);
	return machine == NULL ? NULL : rig_catalog_machine_name(batch->catalog, machine);
}

/* Parses the bytes of a payload by its format. */
static void
parse_bytes(IngestBatch *batch, int32 payload, const char *bytes, size_t length, RigPayload *parsed)
{
	const char *machine = rig_ingest_given_machine(batch, payload);
	RigParseOptions options = {
		.format = rig_ingest_format(batch, payload),
		.machine = machine,
		.machine_length = machine == NULL ? 0 : strlen(machine),
	};
	RigCatalog *catalog = batch->catalog;
	RigStatus	status;

	if (options.format.kind == RIG_FORMAT_INFLUX)
		status = rig_line_parser_parse(catalog->line_parser, &options, bytes, length, parsed);
	else
		status = rig_reading_parser_parse_as(catalog->parser, &options, bytes, length, parsed);
	if (status != RIG_OK)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

/* Parses one payload; false if it must be taken again after the discovery. */
static bool
parse_payload(IngestBatch *batch, int32 payload, Discovery *discovery)
{
	struct varlena *bytes = batch->payloads[payload];
	size_t		length = bytes == NULL ? 0 : VARSIZE_ANY_EXHDR(bytes);
	RigPayload	parsed;

	if (length == 0)
		return true;
	if (length > (size_t) rig_max_payload)
	{
		if (!rig_ingest_charge(batch, payload, 1))
			return true;
		rig_ingest_refuse(batch, payload, -1, RIG_REASON_TOO_LARGE,
						  psprintf("%zu bytes, the limit is %d", length, rig_max_payload));
		return true;
	}
	parse_bytes(batch, payload, VARDATA_ANY(bytes), length, &parsed);
	if (discovery != NULL && !rig_ingest_charge(batch, payload, Max(parsed.reading_count, 1)))
		return true;
	if (parsed.reason != RIG_REASON_NONE)
	{
		rig_ingest_refuse(batch, payload, -1, parsed.reason, psprintf("at byte %zu", parsed.error_offset));
		return true;
	}
	return take_payload(batch, payload, &parsed, discovery);
}

/* Makes what was not known and loads the catalog that has it. */
static void
discover(IngestBatch *batch, Discovery *discovery)
{
	int			dims[1] = {discovery->count};
	int			lower_bounds[1] = {1};
	Oid			types[4] = {TEXTARRAYOID, TEXTARRAYOID, INT4OID, INT4OID};
	Datum		arguments[4];

	arguments[0] = PointerGetDatum(construct_array(discovery->machines, discovery->count, TEXTOID, -1, false,
												   TYPALIGN_INT));
	arguments[1] = PointerGetDatum(construct_md_array(discovery->sensors, discovery->sensor_nulls, 1, dims,
													  lower_bounds, TEXTOID, -1, false, TYPALIGN_INT));
	arguments[2] = Int32GetDatum(rig_sensor_quota);
	arguments[3] = Int32GetDatum(rig_machine_quota);
	SPI_connect();
	if (SPI_execute_with_args("SELECT rigalpha.discover($1, $2, $3, $4)", 4, types, arguments, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "discovery failed");
	SPI_finish();
	batch->catalog = rig_catalog_get();
	batch->discovered = true;
}

void
rig_ingest_parse(IngestBatch *batch)
{
	Discovery	discovery = {0};
	int32	   *again = palloc(Max(batch->payload_count, 1) * sizeof(int32));
	int32		again_count = 0;

	batch->reading_capacity = Max(batch->payload_count, 16);
	batch->readings = palloc(batch->reading_capacity * sizeof(IngestReading));
	for (int32 i = 0; i < batch->payload_count; i++)
	{
		if (!parse_payload(batch, i, &discovery))
			again[again_count++] = i;
		if (i % 1000 == 999)
			CHECK_FOR_INTERRUPTS();
	}
	if (again_count == 0)
		return;

	discover(batch, &discovery);
	for (int32 i = 0; i < again_count; i++)
		parse_payload(batch, again[i], NULL);
}
