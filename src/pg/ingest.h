/*
 * One call of ingest(), from payloads to rows. The stages, each in its own file:
 *
 *   ingest.c           ingest(): order of the stages, the result
 *   ingest_kafka.c     worker_ingest(): the same between fence and positions of a Kafka source
 *   kafka_positions.c  fence and positions
 *   ingest_arguments.c arguments of both
 *   ingest_device.c    tokens of devices: admission, quota, what is noted of refusals
 *   ingest_key.c       requests that act once
 *   ingest_parse.c     payload -> IngestReading, discovery of new names
 *   ingest_store.c     readings of one instant -> row; insert, merge, duplicate or conflict
 *   ingest_leaf.c      rows -> one partition
 *   ingest_score.c     risk of each row by the model of its machine
 *   ingest_state.c     latest state per machine
 *   ingest_alarm.c     limit alarms: raised, changed, returned, amended by late readings
 *   ingest_incident.c  incidents: opened, followed, closed
 *   ingest_refuse.c    refusals -> dead letters and the errors of the result
 *
 * Everything is allocated in the context that is current at the call and goes with it.
 */
#ifndef RIG_INGEST_H
#define RIG_INGEST_H

#include "access/attnum.h"
#include "datatype/timestamp.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/pg_list.h"
#include "utils/relcache.h"

#include "catalog.h"
#include "scoring.h"

/* Bits of readings.flags; flag_names() in SQL names them. */
#define RIG_FLAG_VALUE_REFUSED	1
#define RIG_FLAG_LATE			2
#define RIG_FLAG_MERGED			4
#define RIG_FLAG_NO_DEVICE_TIME	8
#define RIG_FLAG_STATE_UNKNOWN	16
#define RIG_FLAG_OVER_QUOTA		32

/* Columns of readings; the leaves are made LIKE the parent, so they have the same order. */
enum
{
	RIG_READINGS_MACHINE_ID = 1,
	RIG_READINGS_MODEL_VERSION,
	RIG_READINGS_TS,
	RIG_READINGS_RECEIVED_AT,
	RIG_READINGS_STATE,
	RIG_READINGS_FLAGS,
	RIG_READINGS_RISK,
	RIG_READINGS_SCORE_Z,
	RIG_READINGS_SCORE_PCA,
	RIG_READINGS_SCORE_FOREST,
	RIG_READINGS_SCORE_LSTM,
	RIG_READINGS_SENSOR_VALUES,
	RIG_READINGS_COLUMNS = RIG_READINGS_SENSOR_VALUES
};

/*
 * The sensor values of a machine at one instant, by position from 0; NaN = absent, which
 * no stored value can be. They are allocated by rig_values_allocate().
 */
typedef struct IngestValues
{
	int32		width;
	int32		present;		/* values that are not NaN */
	int16		state;
	int16		flags;
	float8	   *values;
} IngestValues;

typedef enum IngestOutcome
{
	INGEST_ACCEPTED,
	INGEST_MERGED,
	INGEST_DUPLICATE,
	INGEST_CONFLICT
} IngestOutcome;

typedef struct IngestReading
{
	int32		payload;
	int32		index;			/* within the payload */
	int32		machine_id;
	int32		day;			/* UTC days since 2000-01-01 */
	TimestampTz ts;
	IngestValues content;
	IngestOutcome outcome;
	int16		conflict_position;	/* sensor that differs; 0 = the state */
} IngestReading;

/* Readings of one machine and instant, and what the table shall hold for them. */
typedef struct IngestRow
{
	IngestReading **readings;	/* in order of arrival */
	int32		reading_count;
	bool		stored;			/* the table has a row already */
	bool		changes_stored; /* and it must be completed */
	IngestValues content;
	int32		model_version;	/* that scored it; 0 = none did */
	RigScore   *score;			/* NULL = none */
	const RigModel *model;		/* the version decoded; valid for the batch */
} IngestRow;

/* Readings of one payload by outcome, in the order of ingest().verdicts. */
typedef struct IngestCounts
{
	int32		accepted;
	int32		merged;
	int32		duplicates;
	int32		rejected;
} IngestCounts;

typedef struct IngestRefusal
{
	int32		payload;
	int32		reading;		/* -1 = the payload as a whole */
	RigReason	reason;
	bool		dead_letter;	/* false = a value became NULL, nothing else */
	bool		reading_refused;	/* false = the rest of the reading is kept */
	bool		omitted;		/* counted, but shares the letter and the error of another one */
	char	   *machine;		/* NULL where it is not known */
	char	   *field;
	char	   *detail;
	int64		dead_letter_id;
	int32		retry_after;	/* seconds after which it may be sent again; 0 = not said */
} IngestRefusal;

/* Readings that a token with a quota may still send in this minute. */
typedef struct IngestUsage
{
	const char *token_id;
	int32		quota;
	int32		used;
	TimestampTz minute;
} IngestUsage;

/* A token of a device, as it came from one address. */
typedef struct IngestDevice
{
	const char *token;
	const char *address;		/* NULL = not known */
	RigReason	refusal;		/* RIG_REASON_NONE, or why nothing of it is taken */
	const char *token_id;		/* NULL = there is none of its id */
	int32		machine_id;
	IngestUsage *usage;			/* NULL = no quota */
	int32		refused;		/* payloads refused for the token */
	int32		over_quota;		/* payloads */
	int32		foreign;		/* readings of other machines */
	const char *foreign_machine;	/* the first of them */
} IngestDevice;

typedef enum IngestKeyState
{
	INGEST_KEY_CLAIMED,			/* stores, and notes the answer */
	INGEST_KEY_COPY,			/* the request stands before in the batch: gets the same answer */
	INGEST_KEY_DONE				/* answered, or refused */
} IngestKeyState;

/* Payloads of one request that shall act once. */
typedef struct IngestKey
{
	const char *key;
	const char *token_id;		/* empty = without a token */
	int32		first;
	int32		count;
	uint8		sha256[32];
	IngestKeyState state;
} IngestKey;

typedef struct IngestBatch
{
	/* what was asked */
	int32		payload_count;
	struct varlena **payloads;	/* detoasted; NULL or empty = skipped */
	const char *source;
	RigFormat  *formats;		/* per payload; NULL = JSON */
	const char **machines;		/* per payload, of readings that name none; NULL = none at all */
	TimestampTz *message_times; /* DT_NOBEGIN = none; NULL = none at all */
	int32	   *partitions;		/* NULL = not from Kafka */
	int64	   *offsets;
	bool		atomic;
	IngestDevice **devices;		/* per payload, NULL = without a token; NULL = none at all */
	const char **addresses;		/* per payload; NULL = none at all */
	int32		key_count;
	IngestKey  *keys;

	/* what was found */
	uint64		serial;			/* of the batch within the backend */
	RigArena	explanations;	/* of risky readings */
	TimestampTz received_at;
	RigCatalog *catalog;
	int32		timeless_count; /* readings that took their time from received_at */
	int32		reading_count;
	int32		reading_capacity;
	IngestReading *readings;
	int32		row_count;
	IngestRow  *rows;			/* by day, machine and time */
	int32		refusal_count;
	int32		refusal_capacity;
	IngestRefusal *refusals;
	bool		discovered;		/* machines or sensors appeared */
	IngestCounts *counts;		/* per payload */
	int32		device_count;
	IngestDevice *device_list;
	bool		undone;			/* an atomic batch that stored nothing */
	List	   *stored_errors;	/* texts: lists of errors of requests that came before */
} IngestBatch;

/* Takes the arguments at these numbers; the payloads first. */
extern void rig_ingest_take_payloads(IngestBatch *batch, FunctionCallInfo fcinfo, int argument);
extern void rig_ingest_take_times(IngestBatch *batch, FunctionCallInfo fcinfo, int argument);
extern void rig_ingest_take_positions(IngestBatch *batch, FunctionCallInfo fcinfo, int partitions_argument,
									  int offsets_argument);
extern void rig_ingest_take_formats(IngestBatch *batch, FunctionCallInfo fcinfo, int argument);
extern void rig_ingest_take_machines(IngestBatch *batch, FunctionCallInfo fcinfo, int argument);
extern void rig_ingest_take_tokens(IngestBatch *batch, FunctionCallInfo fcinfo, int tokens_argument,
								   int addresses_argument);
extern void rig_ingest_take_keys(IngestBatch *batch, FunctionCallInfo fcinfo, int argument);

/* Checks the tokens: payloads that came with a bad one are refused and skipped. */
extern void rig_ingest_admit_devices(IngestBatch *batch);

/* Counts readings of a payload against the quota of its token; false = refused. */
extern bool rig_ingest_charge(IngestBatch *batch, int32 payload, int32 readings);

/* Writes what the quotas have left, and audit entries of what was refused to devices. */
extern void rig_ingest_settle_devices(IngestBatch *batch);

/* Claims the keys: requests that came before are answered and skipped. */
extern void rig_ingest_claim_keys(IngestBatch *batch);

/* Stores the answers of requests with a key, and copies them to repetitions in the batch. */
extern void rig_ingest_settle_keys(IngestBatch *batch);

/*
 * The whole way of a batch in the caller's transaction: stores what is good, writes dead
 * letters for the rest, and notifies. An error means that nothing was stored.
 */
extern void rig_ingest_run(IngestBatch *batch);
extern IngestCounts rig_ingest_total(const IngestBatch *batch);

/* Outcomes of some payloads as the smallint[][4] of ingest().verdicts. */
extern Datum rig_ingest_verdicts(const IngestBatch *batch, int32 first, int32 count);

/* A row of at most six columns without nulls, of the type that the function returns. */
extern Datum rig_ingest_make_result(FunctionCallInfo fcinfo, Datum *values);

/* Format of a payload. */
extern RigFormat rig_ingest_format(const IngestBatch *batch, int32 payload);

/* Machine of the readings of a payload that name none: the token's, else the one given; NULL = none. */
extern const char *rig_ingest_given_machine(const IngestBatch *batch, int32 payload);

/* Parses all payloads, discovers what is new, and leaves readings and refusals. */
extern void rig_ingest_parse(IngestBatch *batch);

/* Stores the readings and sets their outcome; conflicts become refusals. */
extern void rig_ingest_store(IngestBatch *batch);

/* Days since 2000-01-01 in UTC. */
extern int32 rig_ingest_day(TimestampTz ts);

/* The partition of a day, locked for writing rows; NULL when there is none. */
extern Relation rig_ingest_find_leaf(int32 day);

/* The unique index of a partition that ensure_partitions() made. */
extern Relation rig_ingest_open_key(Relation leaf);

/* Stores the rows first .. last - 1, all of one day. */
extern void rig_ingest_store_leaf(IngestBatch *batch, int32 first, int32 last);

/*
 * Decides what the table shall hold for the readings of the row, and their outcomes, given
 * what it holds already (NULL = nothing).
 */
extern void rig_ingest_combine(IngestRow *row, const IngestValues *stored);

/* Moves the latest state of every machine that got a row. */
extern void rig_ingest_update_state(IngestBatch *batch);

/* Notes a refusal; field and detail may be NULL, texts are copied. */
extern IngestRefusal *rig_ingest_refuse(IngestBatch *batch, int32 payload, int32 reading, RigReason reason,
										const char *detail);

/* Copy of a text from the sender, cut at a character to a length that fits messages. */
extern char *rig_ingest_cut_text(const char *text, int32 length);

/* Writes the dead letters of all refusals. */
extern void rig_ingest_write_dead_letters(IngestBatch *batch);

/* Appends a refusal as an object of JSON; payloads count from first. */
extern void rig_ingest_append_error(StringInfo out, const IngestRefusal *refusal, int32 first);

/* The refusals as the jsonb array of ingest().errors. */
extern Datum rig_ingest_errors(IngestBatch *batch);

/* Memory for that many values, with room before them for what makes them an array of the database. */
extern float8 *rig_values_allocate(int32 width);

/*
 * Conversion between stored arrays and dense values. An array without nulls is the memory of
 * the values, so it lives and changes with them.
 */
extern Datum rig_values_to_array(const IngestValues *content);
extern void rig_values_from_array(IngestValues *content, Datum array);

#endif
