/* Scores of whole tables, views and queries: detect() and incidents(). */
#include "postgres.h"

#include <math.h>

#include "datatype/timestamp.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "context_arena.h"
#include "explanation.h"
#include "model_cache.h"
#include "model_source.h"
#include "persistence.h"
#include "pg_compat.h"
#include "score_values.h"

RIG_SQL_FUNCTION(rig_detect);
RIG_SQL_FUNCTION(rig_incidents);

typedef enum UnscoredRows
{
	UNSCORED_NULL,
	UNSCORED_SKIP,
	UNSCORED_ERROR
} UnscoredRows;

/* What takes the scores of a source, block by block. */
typedef struct Detection
{
	RigCachedModel *cached;
	RigSource  *source;
	ReturnSetInfo *result;
	UnscoredRows unscored;
	bool		needs_time;
	void		(*take) (struct Detection *detection, int64 row, const RigScore *score);
	/* of incidents() */
	RigEpisode	episode;
	int64		started;		/* row that opened the incident, or -1 */
	float		peak_risk;
	Datum		peak_sensors;
	MemoryContext context;		/* lives for the whole call */
} Detection;

static void
set_machine(const Detection *detection, Datum *values, bool *nulls, int column, int64 row)
{
	const RigSource *source = detection->source;
	const char *machine = source->machines[source->data.series[row]];

	nulls[column] = machine[0] == '\0';
	values[column] = CStringGetTextDatum(machine);
}

static void
put_row(Detection *detection, int64 row, const RigScore *score)
{
	const RigModel *model = detection->cached->model;
	Datum		values[11];
	bool		nulls[11] = {false};
	float		stored[RIG_STORED_SCORES];

	if (isnan(score->risk) && detection->unscored == UNSCORED_SKIP)
		return;
	if (isnan(score->risk) && detection->unscored == UNSCORED_ERROR)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_EXCEPTION),
				 errmsg("row %lld of the source cannot be scored: %s", (long long) detection->source->row_numbers[row],
						rig_score_reason_text(score->reason)),
				 errhint("With on_error => 'null' such rows have no risk, with 'skip' they are left out.")));
	set_machine(detection, values, nulls, 0, row);
	nulls[1] = !detection->source->has_time;
	values[1] = TimestampTzGetDatum(detection->source->has_time ? detection->source->data.times[row] : 0);
	values[2] = Int64GetDatum(detection->source->row_numbers[row]);
	nulls[4] = isnan(score->risk);
	values[4] = BoolGetDatum(score->surprise >= model->alarm_surprise);
	rig_set_float(values, nulls, 5, pow(10, -score->surprise));
	nulls[6] = score->explanation == NULL;
	values[6] = rig_named_sensors_array(model, score);
	rig_stored_scores(score, stored);
	rig_set_float(values, nulls, 3, stored[0]);
	for (int i = 1; i < RIG_STORED_SCORES; i++)
		rig_set_float(values, nulls, 6 + i, stored[i]);
	tuplestore_putvalues(detection->result->setResult, detection->result->setDesc, values, nulls);
}

/* Writes the open incident, which ends with a row, or goes on (-1). */
static void
put_incident(Detection *detection, int64 ended)
{
	const int64 *times = detection->source->data.times;
	Datum		values[6];
	bool		nulls[6] = {false};

	set_machine(detection, values, nulls, 0, detection->started);
	values[1] = TimestampTzGetDatum(times[detection->started]);
	nulls[2] = nulls[3] = ended < 0;
	if (ended >= 0)
	{
		values[2] = TimestampTzGetDatum(times[ended]);
		values[3] = DirectFunctionCall2(timestamp_mi, values[2], values[1]);
	}
	rig_set_float(values, nulls, 4, detection->peak_risk);
	values[5] = detection->peak_sensors;
	tuplestore_putvalues(detection->result->setResult, detection->result->setDesc, values, nulls);
	detection->started = -1;
}

static void
follow_incident(Detection *detection, int64 row, const RigScore *score)
{
	const RigModel *model = detection->cached->model;
	RigEpisodeEvent event;

	if (isnan(score->risk))
		return;
	event = rig_episode_advance(&detection->episode, score->risk, score->surprise, model->alarm_surprise,
								model->cusum_limit);
	if (event == RIG_EPISODE_OPENED)
	{
		detection->started = row;
		detection->peak_risk = -1;
	}
	if (detection->started >= 0 && score->risk > detection->peak_risk)
	{
		MemoryContext caller = MemoryContextSwitchTo(detection->context);

		detection->peak_risk = score->risk;
		detection->peak_sensors = rig_named_sensors_array(model, score);
		MemoryContextSwitchTo(caller);
	}
	if (event == RIG_EPISODE_CLOSED && detection->started >= 0)
		put_incident(detection, row);
}

/* Scores the rows first .. last - 1, which are of one series. */
static void
score_series(Detection *detection, int64 first, int64 last)
{
	RigScorer  *scorer = detection->cached->scorer;
	const RigDataset *data = &detection->source->data;
	MemoryContext block_context = AllocSetContextCreate(CurrentMemoryContext, "rigalpha block", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(block_context);
	RigArena	arena;
	RigArena	explanations;
	RigWindow  *window;
	RigScore	scores[RIG_SCORING_BLOCK];

	rig_arena_init(&arena, rig_context_allocator(caller), 0);
	window = rig_window_create(&arena, detection->cached->model);
	rig_require_memory(window);
	scorer->explanations = &explanations;
	scorer->explain_from = RIG_EXPLAINED_RISK;
	for (int64 start = first; start < last; start += RIG_SCORING_BLOCK)
	{
		int64		count = Min(last - start, RIG_SCORING_BLOCK);

		CHECK_FOR_INTERRUPTS();
		rig_arena_init(&explanations, rig_context_allocator(block_context), 0);
		rig_score_rows(scorer, window, data->values + start * data->features,
					   data->times == NULL ? NULL : data->times + start,
					   data->states == NULL ? NULL : data->states + start, count, 1, scores);
		for (int64 i = 0; i < count; i++)
			detection->take(detection, start + i, &scores[i]);
		MemoryContextReset(block_context);
	}
	scorer->explain_from = INFINITY;
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(block_context);
	rig_arena_release(&arena);
}

static void
read_source(Detection *detection, FunctionCallInfo fcinfo)
{
	const RigModel *model = detection->cached->model;
	RigSourceRequest request = {
		.source = text_to_cstring(PG_GETARG_TEXT_PP(1)),
		.from = PG_ARGISNULL(2) ? DT_NOBEGIN : PG_GETARG_TIMESTAMPTZ(2),
		.to = PG_ARGISNULL(3) ? DT_NOEND : PG_GETARG_TIMESTAMPTZ(3),
		.wanted = model->names,
		.wanted_count = model->features,
	};

	detection->source = rig_source_read(&request, CurrentMemoryContext);
	if (detection->needs_time && !detection->source->has_time)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("incidents need the time of each row"),
				 errhint("Give the source a column ts of type timestamptz.")));
}

static void
detect(Detection *detection, FunctionCallInfo fcinfo)
{
	const RigDataset *data;
	int64		first = 0;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("model and source must not be null")));
	InitMaterializedSRF(fcinfo, 0);
	detection->result = (ReturnSetInfo *) fcinfo->resultinfo;
	detection->context = CurrentMemoryContext;
	detection->started = -1;
	detection->cached = rig_model_open(NameStr(*PG_GETARG_NAME(0)), 0);
	read_source(detection, fcinfo);
	data = &detection->source->data;
	while (first < data->rows)
	{
		int64		last = first + 1;

		while (last < data->rows && data->series[last] == data->series[first])
			last++;
		detection->episode = (RigEpisode) {0};
		score_series(detection, first, last);
		if (detection->started >= 0)
			put_incident(detection, -1);
		first = last;
	}
}

Datum
rig_detect(PG_FUNCTION_ARGS)
{
	Detection	detection = {.take = put_row};
	char	   *on_error = PG_ARGISNULL(4) ? "null" : text_to_cstring(PG_GETARG_TEXT_PP(4));

	if (strcmp(on_error, "null") == 0)
		detection.unscored = UNSCORED_NULL;
	else if (strcmp(on_error, "skip") == 0)
		detection.unscored = UNSCORED_SKIP;
	else if (strcmp(on_error, "error") == 0)
		detection.unscored = UNSCORED_ERROR;
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("on_error must be null, skip or error, not \"%s\"", on_error)));
	detect(&detection, fcinfo);
	return (Datum) 0;
}

Datum
rig_incidents(PG_FUNCTION_ARGS)
{
	Detection	detection = {.take = follow_incident, .needs_time = true};

	detect(&detection, fcinfo);
	return (Datum) 0;
}
