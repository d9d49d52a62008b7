#include "postgres.h"

#include <math.h>

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "context_arena.h"
#include "explanation.h"
#include "ingest_score.h"
#include "keyed_table.h"
#include "model_cache.h"
#include "persistence.h"
#include "pg_compat.h"
#include "settings.h"
#include "subtransaction.h"

/* Readings of Kafka that waited longer show that this backend is behind. */
#define BEHIND_US INT64CONST(1000000)
#define LARGEST_STRIDE 256
#define STRIDE_GROWTH 4

/* Readings older than so many periods before a row cannot be part of its window. */
#define REPLAY_PERIODS ((RIG_SCORING_REPLAY + 1) * RIG_SCORING_GAP_PERIODS)

/* What this backend remembers of one machine. */
typedef struct Memory
{
	int32		machine_id;		/* key */
	int32		version;		/* model_versions.id that window and positions are for */
	uint64		catalog;		/* generation that positions are for */
	uint64		aborts;			/* a later abort may have taken back what the window holds */
	uint64		batch;			/* serial of the batch that moved the window last */
	int64		revision;		/* of machine_state before that batch, or after it once settled */
	bool		settled;		/* the window ends with the newest stored reading */
	MemoryContext context;
	RigArena	arena;
	RigWindow  *window;
	int16	   *positions;		/* per feature: index into the values of a reading, -1 = none */
	int32		width;			/* of readings that have them all; PG_INT32_MAX when some have no position */
} Memory;

/* Rows of one machine while they are scored. */
typedef struct Run
{
	IngestBatch *batch;
	Relation	leaf;
	Relation	key;
	int32		machine_id;
	RigCachedModel *cached;
	Memory	   *memory;
} Run;

static HTAB *memories = NULL;
static uint64 abort_count = 1;
static int32 stride = 1;
static int32 failed_version = 0;	/* could not be loaded; said once */

static void
end_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_ABORT)
		abort_count++;
}

static void
end_subtransaction(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		abort_count++;
}

void
rig_ingest_score_register(void)
{
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}

int32
rig_ingest_stride(void)
{
	return stride;
}

/*
 * Whether most messages of the batch waited. One device with a clock or a history of its own must
 * not look like a backlog, and the newest messages of one that is being worked off may be young.
 */
static bool
is_behind(const IngestBatch *batch)
{
	int32		timed = 0;
	int32		waited = 0;

	for (int32 i = 0; batch->message_times != NULL && i < batch->payload_count; i++)
	{
		timed += batch->message_times[i] != DT_NOBEGIN;
		waited += batch->message_times[i] != DT_NOBEGIN && batch->received_at - batch->message_times[i] > BEHIND_US;
	}
	return 2 * waited > timed;
}

/* While this backend is behind, the windowed detectors run for fewer and fewer readings. */
void
rig_ingest_adapt_stride(const IngestBatch *batch)
{
	if (rig_lstm_stride == 0)
	{
		stride = 0;
		return;
	}
	/* Down at once, because a full batch with all windows takes as long as ten without; back with care. */
	if (is_behind(batch))
		stride = Min(Max(stride, 1) * STRIDE_GROWTH, LARGEST_STRIDE);
	else
		stride = stride / 2;
	stride = Max(stride, rig_lstm_stride);
}

/* The memory of a machine for its model, made anew when either the model or the sensors changed. */
static Memory *
recall(IngestBatch *batch, const RigMachine *machine, const RigModel *model, int32 version)
{
	HASHCTL		control = {.keysize = sizeof(int32), .entrysize = sizeof(Memory), .hcxt = TopMemoryContext};
	Memory	   *memory;
	bool		found;

	if (memories == NULL)
		memories = hash_create("rigalpha windows", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	memory = hash_search(memories, &machine->id, HASH_ENTER, &found);
	if (!found)
		*memory = (Memory) {.machine_id = machine->id};
	if (memory->context == NULL)
		memory->context = AllocSetContextCreate(TopMemoryContext, "rigalpha window", ALLOCSET_DEFAULT_SIZES);
	if (memory->window == NULL || memory->version != version || memory->catalog != batch->catalog->generation)
	{
		memory->window = NULL;
		MemoryContextReset(memory->context);
		rig_arena_init(&memory->arena, rig_context_allocator(memory->context), ALLOCSET_DEFAULT_INITSIZE);
		memory->positions = MemoryContextAlloc(memory->context, model->features * sizeof(int16));
		memory->width = 0;
		for (int32 f = 0; f < model->features; f++)
		{
			int32		name = rig_names_find(batch->catalog->sensor_names, model->names[f], strlen(model->names[f]));

			memory->positions[f] = name == RIG_NAMES_NONE ? -1 : Max(rig_machine_position(machine, name), 0) - 1;
			memory->width = memory->positions[f] < 0 ? PG_INT32_MAX : Max(memory->width, memory->positions[f] + 1);
		}
		memory->window = rig_window_create(&memory->arena, model);
		rig_require_memory(memory->window);
		memory->version = version;
		memory->catalog = batch->catalog->generation;
		memory->settled = false;
	}
	/* The decoded model may have been dropped from the cache and read again since. */
	memory->window->model = model;
	return memory;
}

/* A broken model must not stop ingest: its failure is undone and reported once. */
static RigCachedModel *
open_model(int32 version)
{
	RigCachedModel *volatile cached = rig_model_find(version);
	RigSubtransaction inner;

	if (cached != NULL || version == failed_version)
		return cached;
	rig_subtransaction_begin(&inner);
	PG_TRY();
	{
		cached = rig_model_open_version(version);
		rig_subtransaction_commit(&inner);
	}
	PG_CATCH();
	{
		ErrorData  *error = rig_subtransaction_abort(&inner);

		if (error->sqlerrcode != ERRCODE_DATA_CORRUPTED)
			ReThrowError(error);
		ereport(WARNING,
				(errcode(error->sqlerrcode),
				 errmsg("readings are stored without scores: %s", error->message),
				 error->hint == NULL ? 0 : errhint("%s", error->hint)));
		FreeErrorData(error);
		failed_version = version;
		cached = NULL;
	}
	PG_END_TRY();
	return cached;
}

/* The values of a reading as a row of the model's features. */
static void
gather(const Memory *memory, int32 features, const IngestValues *content, float *row)
{
	if (content->width >= memory->width)
	{
		for (int32 f = 0; f < features; f++)
			row[f] = (float) content->values[memory->positions[f]];
		return;
	}
	for (int32 f = 0; f < features; f++)
	{
		int16		position = memory->positions[f];

		row[f] = position >= 0 && position < content->width ? (float) content->values[position] : NAN;
	}
}

/*
 * Reads up to room stored readings before a time, newest first, from one partition, as rows of
 * features; returns how many it read.
 */
static int32
read_leaf(Run *run, Relation leaf, Relation key, TimestampTz before, int32 room, float *rows, int64 *times,
		  int16 *states)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	IndexScanDesc scan = rig_index_beginscan(leaf, key, snapshot, 3);
	TupleTableSlot *slot = table_slot_create(leaf, NULL);
	ScanKeyData conditions[3];
	int32		features = run->cached->model->features;
	TimestampTz oldest = before - REPLAY_PERIODS * run->cached->model->period;
	int32		count = 0;

	ScanKeyInit(&conditions[0], 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(run->machine_id));
	ScanKeyInit(&conditions[1], 2, BTGreaterEqualStrategyNumber, F_TIMESTAMPTZ_GE, TimestampTzGetDatum(oldest));
	ScanKeyInit(&conditions[2], 2, BTLessStrategyNumber, F_TIMESTAMPTZ_LT, TimestampTzGetDatum(before));
	index_rescan(scan, conditions, 3, NULL, 0);
	while (count < room && index_getnext_slot(scan, BackwardScanDirection, slot))
	{
		IngestValues stored;
		bool		isnull;

		times[count] = DatumGetTimestampTz(slot_getattr(slot, RIG_READINGS_TS, &isnull));
		states[count] = DatumGetInt16(slot_getattr(slot, RIG_READINGS_STATE, &isnull));
		rig_values_from_array(&stored, slot_getattr(slot, RIG_READINGS_SENSOR_VALUES, &isnull));
		gather(run->memory, features, &stored, rows + (Size) count * features);
		count++;
	}
	ExecDropSingleTupleTableSlot(slot);
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	return count;
}

/* The day before, where the window may begin; leaves that are gone or strange count as empty. */
static int32
read_day_before(Run *run, TimestampTz before, int32 room, float *rows, int64 *times, int16 *states)
{
	Relation	leaf = rig_ingest_find_leaf(rig_ingest_day(before) - 1);
	Relation	key;
	int32		count;

	if (leaf == NULL)
		return 0;
	key = rig_ingest_open_key(leaf);
	count = read_leaf(run, leaf, key, before, room, rows, times, states);
	index_close(key, NoLock);
	table_close(leaf, NoLock);
	return count;
}

/* Fills a window with what is stored before a time, as if it had seen it arrive. */
static void
replay(Run *run, RigWindow *window, TimestampTz before)
{
	int32		features = run->cached->model->features;
	float	   *rows = palloc(RIG_SCORING_REPLAY * features * sizeof(float));
	int64		times[RIG_SCORING_REPLAY];
	int16		states[RIG_SCORING_REPLAY];
	int32		count = read_leaf(run, run->leaf, run->key, before, RIG_SCORING_REPLAY, rows, times, states);

	if (count < RIG_SCORING_REPLAY &&
		rig_ingest_day(before - REPLAY_PERIODS * run->cached->model->period) < rig_ingest_day(before))
		count += read_day_before(run, before, RIG_SCORING_REPLAY - count, rows + (Size) count * features,
								 times + count, states + count);
	rig_window_clear(window);
	for (int32 i = count - 1; i >= 0; i--)
		rig_score_rows(run->cached->scorer, window, rows + (Size) i * features, &times[i], &states[i], 1, 0, NULL);
	pfree(rows);
}

/* Makes the window the one that ends right before a time. */
static void
prepare_window(Run *run, TimestampTz before)
{
	Memory	   *memory = run->memory;
	bool		good = memory->aborts == abort_count && memory->window->time < before;

	/* Within a batch the window has seen what the table does not show yet. */
	if (!good || memory->batch != run->batch->serial)
	{
		int64		revision = rig_keyed_table_number("machine_state", &run->machine_id, 1, RIG_MACHINE_STATE_REVISION, -1);

		if (!good || !memory->settled || memory->revision != revision)
			replay(run, memory->window, before);
		memory->revision = revision;
	}
	memory->settled = false;
	memory->aborts = abort_count;
	memory->batch = run->batch->serial;
}

/* Scores the rows of one machine, in blocks. */
static void
score_run(Run *run, IngestRow **rows, int32 count)
{
	const RigModel *model = run->cached->model;
	float	   *values = palloc(Min(count, RIG_SCORING_BLOCK) * model->features * sizeof(float));
	int64		times[RIG_SCORING_BLOCK];
	int16		states[RIG_SCORING_BLOCK];
	RigScore   *scores = palloc(count * sizeof(RigScore));

	prepare_window(run, rows[0]->readings[0]->ts);
	for (int32 first = 0; first < count; first += RIG_SCORING_BLOCK)
	{
		int32		block = Min(count - first, RIG_SCORING_BLOCK);

		for (int32 i = 0; i < block; i++)
		{
			gather(run->memory, model->features, &rows[first + i]->content, values + (Size) i * model->features);
			times[i] = rows[first + i]->readings[0]->ts;
			states[i] = rows[first + i]->content.state;
			rows[first + i]->score = &scores[first + i];
			rows[first + i]->model_version = run->cached->id;
			rows[first + i]->model = model;
		}
		rig_score_rows(run->cached->scorer, run->memory->window, values, times, states, block, stride, scores + first);
	}
	pfree(values);
}

/* The run of a machine, or false when it has no model. */
static bool
begin_run(Run *run, IngestBatch *batch, int32 machine_id)
{
	const RigMachine *machine = rig_catalog_machine_by_id(batch->catalog, machine_id);

	run->machine_id = machine_id;
	run->cached = machine == NULL || machine->model_version == 0 ? NULL : open_model(machine->model_version);
	if (run->cached == NULL)
		return false;
	run->memory = recall(batch, machine, run->cached->model, run->cached->id);
	run->cached->scorer->explain_from = stride > rig_lstm_stride ? RIG_EPISODE_ALARM_RISK : RIG_EXPLAINED_RISK;
	/* An incident shows its riskiest reading; a storm of alarms shall not cost an explanation each. */
	run->cached->scorer->explain_worst = true;
	run->cached->scorer->explanations = &batch->explanations;
	return true;
}

void
rig_ingest_score(IngestBatch *batch, Relation leaf, Relation key, int32 first, int32 last)
{
	Run			run = {.batch = batch, .leaf = leaf, .key = key};
	IngestRow **rows = palloc((last - first) * sizeof(IngestRow *));

	while (first < last)
	{
		int32		machine_id = batch->rows[first].readings[0]->machine_id;
		int32		count = 0;

		for (; first < last && batch->rows[first].readings[0]->machine_id == machine_id; first++)
			if (!batch->rows[first].stored)
				rows[count++] = &batch->rows[first];
		if (count > 0 && begin_run(&run, batch, machine_id))
			score_run(&run, rows, count);
	}
	pfree(rows);
}

void
rig_ingest_score_completed(IngestBatch *batch, Relation leaf, Relation key, IngestRow *row)
{
	Run			run = {.batch = batch, .leaf = leaf, .key = key};

	if (!begin_run(&run, batch, row->readings[0]->machine_id))
		return;
	run.memory->window->time = RIG_SCORING_NO_TIME;
	run.memory->aborts = 0;
	score_run(&run, &row, 1);
	/* Later readings were scored with what the row held before: the window is filled again for the next one. */
	run.memory->aborts = 0;
}

void
rig_ingest_score_settle(int32 machine_id, int64 before, int64 after, TimestampTz newest)
{
	Memory	   *memory = memories == NULL ? NULL : hash_search(memories, &machine_id, HASH_FIND, NULL);

	if (memory == NULL || memory->window == NULL)
		return;
	memory->settled = memory->revision == before && memory->aborts == abort_count && memory->window->time == newest;
	memory->revision = after;
}
