/* Scores of single readings and windows for SQL. */
#include "postgres.h"

#include <math.h>

#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "windowapi.h"

#include "context_arena.h"
#include "explanation.h"
#include "model_cache.h"
#include "model_row.h"
#include "pg_compat.h"
#include "score_values.h"

RIG_SQL_FUNCTION(rig_score);
RIG_SQL_FUNCTION(rig_score_json);
RIG_SQL_FUNCTION(rig_score_detail);
RIG_SQL_FUNCTION(rig_score_window);
RIG_SQL_FUNCTION(rig_lstm_score);
RIG_SQL_FUNCTION(rig_explain_reading);

/* What a function keeps between the rows of a query. */
typedef struct CallSite
{
	RigModelCall call;
	int32		window_id;		/* version that the window was made for */
	MemoryContext context;
	RigArena	arena;
	RigWindow  *window;
} CallSite;

static CallSite *
call_site(FunctionCallInfo fcinfo)
{
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CallSite));
	return fcinfo->flinfo->fn_extra;
}

/* The model named by the first argument, and an empty window for it. */
static RigCachedModel *
open_model(FunctionCallInfo fcinfo, CallSite *site, Datum name, int32 version)
{
	RigCachedModel *cached = rig_model_open_again(&site->call, NameStr(*DatumGetName(name)), version);

	if (site->window_id != cached->id || site->window == NULL)
	{
		if (site->context == NULL)
			site->context = AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "rigalpha window", ALLOCSET_DEFAULT_SIZES);
		MemoryContextReset(site->context);
		rig_arena_init(&site->arena, rig_context_allocator(site->context), 0);
		site->window = rig_window_create(&site->arena, cached->model);
		rig_require_memory(site->window);
		site->window_id = cached->id;
	}
	/* The decoded model may have been dropped from the cache and read again since. */
	site->window->model = cached->model;
	rig_window_clear(site->window);
	return cached;
}

/* Scores rows of a window without times, the last of them with every detector. */
static RigScore
score_last(RigCachedModel *cached, CallSite *site, const float *values, int32 rows)
{
	int32		features = cached->model->features;
	int64	   *times = palloc(rows * sizeof(int64));
	RigScore	score;

	for (int32 i = 0; i < rows; i++)
		times[i] = i * cached->model->period;
	if (rows > 1)
		rig_score_rows(cached->scorer, site->window, values, times, NULL, rows - 1, 1, NULL);
	rig_score_rows(cached->scorer, site->window, values + (int64) (rows - 1) * features, times + rows - 1, NULL,
				   1, 1, &score);
	pfree(times);
	return score;
}

static Datum
float_or_null(FunctionCallInfo fcinfo, float value)
{
	if (isnan(value))
		PG_RETURN_NULL();
	PG_RETURN_FLOAT8(value);
}

Datum
rig_score(PG_FUNCTION_ARGS)
{
	CallSite   *site = call_site(fcinfo);
	RigCachedModel *cached = open_model(fcinfo, site, PG_GETARG_DATUM(0), 0);
	float	   *values = rig_row_from_array(cached->model, PG_GETARG_ARRAYTYPE_P(1), 1);

	return float_or_null(fcinfo, score_last(cached, site, values, 1).risk);
}

Datum
rig_score_json(PG_FUNCTION_ARGS)
{
	CallSite   *site = call_site(fcinfo);
	RigCachedModel *cached = open_model(fcinfo, site, PG_GETARG_DATUM(0), 0);

	return float_or_null(fcinfo,
						 score_last(cached, site, rig_row_from_json(cached->model, PG_GETARG_JSONB_P(1)), 1).risk);
}

Datum
rig_score_window(PG_FUNCTION_ARGS)
{
	CallSite   *site = call_site(fcinfo);
	RigCachedModel *cached = open_model(fcinfo, site, PG_GETARG_DATUM(0), 0);
	float	   *values = rig_row_from_array(cached->model, PG_GETARG_ARRAYTYPE_P(1), RIG_MODEL_WINDOW);

	return float_or_null(fcinfo, score_last(cached, site, values, RIG_MODEL_WINDOW).risk);
}

/* Q: squared distance of the reading scored last from the space of its PCA. */
static float8
squared_residual(const RigCachedModel *cached, const CallSite *site, const RigScore *score)
{
	float		q;

	if (isnan(score->raw[RIG_DETECTOR_RESIDUAL]))
		return NAN;
	rig_pca_score(&cached->model->row_pca,
				  site->window->prepared + (Size) (site->window->end - 1) * cached->model->features, NULL, &q, NULL,
				  NULL);
	return q;
}

Datum
rig_score_detail(PG_FUNCTION_ARGS)
{
	CallSite   *site = call_site(fcinfo);
	RigCachedModel *cached;
	RigScore	score;
	TupleDesc	descriptor;
	Datum		values[10];
	bool		nulls[10] = {false};

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	cached = open_model(fcinfo, site, PG_GETARG_DATUM(0), PG_ARGISNULL(2) ? 0 : PG_GETARG_INT32(2));
	score = score_last(cached, site, rig_row_from_json(cached->model, PG_GETARG_JSONB_P(1)), 1);
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	rig_set_float(values, nulls, 0, score.risk);
	rig_set_float(values, nulls, 1, pow(10, -score.surprise));
	nulls[2] = isnan(score.risk);
	values[2] = BoolGetDatum(score.surprise >= cached->model->alarm_surprise);
	rig_set_float(values, nulls, 3, score.raw[RIG_DETECTOR_FOREST]);
	rig_set_float(values, nulls, 4, score.raw[RIG_DETECTOR_T2]);
	rig_set_float(values, nulls, 5, squared_residual(cached, site, &score));
	rig_set_float(values, nulls, 6, score.raw[RIG_DETECTOR_Z]);
	values[7] = Float4GetDatum(score.missing);
	values[8] = BoolGetDatum(score.warmup);
	values[9] = Int32GetDatum(cached->version);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

/*
 * A window function: visits the rows of a partition in order, so that the window of one row is
 * that of the row before it moved on by one.
 */
Datum
rig_lstm_score(PG_FUNCTION_ARGS)
{
	WindowObject partition = PG_WINDOW_OBJECT();
	CallSite   *site = call_site(fcinfo);
	bool	   *begun = WinGetPartitionLocalMemory(partition, sizeof(bool));
	bool		isnull;
	Datum		name = WinGetFuncArgCurrent(partition, 0, &isnull);
	RigCachedModel *cached;
	RigWindow  *window;
	Datum		sensors;
	RigScore	score;
	int64		time = WinGetCurrentPosition(partition);

	if (isnull)
		PG_RETURN_NULL();
	cached = rig_model_open_again(&site->call, NameStr(*DatumGetName(name)), 0);
	if (!*begun || site->window_id != cached->id)
		open_model(fcinfo, site, name, 0);
	*begun = true;
	window = site->window;
	window->model = cached->model;
	if (!cached->model->has[RIG_DETECTOR_LSTM])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("model \"%s\" has no LSTM autoencoder", site->call.name),
				 errhint("Train one with algorithm => 'lstm_ae' or 'hybrid'.")));
	sensors = WinGetFuncArgCurrent(partition, 1, &isnull);
	if (isnull)
		PG_RETURN_NULL();
	time *= cached->model->period;
	rig_score_rows(cached->scorer, window, rig_row_from_array(cached->model, DatumGetArrayTypeP(sensors), 1), &time,
				   NULL, 1, 1, &score);
	return float_or_null(fcinfo, rig_risk(score.surprises[RIG_DETECTOR_LSTM], cached->model->alarm_surprise));
}

static void
put_contribution(ReturnSetInfo *result, const RigModel *model, const RigContribution *contribution, bool missing,
				 int rank)
{
	Datum		values[8];
	bool		nulls[8] = {false};

	values[0] = Int32GetDatum(rank);
	values[1] = CStringGetTextDatum(model->names[contribution->feature]);
	rig_set_float(values, nulls, 2, contribution->share);
	rig_set_float(values, nulls, 3, missing ? NAN : contribution->value);
	rig_set_float(values, nulls, 4, contribution->expected);
	rig_set_float(values, nulls, 5, contribution->z);
	values[6] = CStringGetTextDatum(contribution->value >= contribution->expected ? "above" : "below");
	nulls[6] = missing;
	values[7] = CStringGetTextDatum(rig_detector_name(contribution->detector));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

Datum
rig_explain_reading(PG_FUNCTION_ARGS)
{
	CallSite   *site = call_site(fcinfo);
	RigCachedModel *cached = open_model(fcinfo, site, PG_GETARG_DATUM(0), 0);
	float	   *values = rig_row_from_json(cached->model, PG_GETARG_JSONB_P(1));
	int32		top = PG_GETARG_INT32(2);
	RigScore	score;
	RigArena	arena;

	if (top < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("top_n must be positive")));
	InitMaterializedSRF(fcinfo, 0);
	rig_arena_init(&arena, rig_context_allocator(CurrentMemoryContext), 0);
	cached->scorer->explanations = &arena;
	cached->scorer->explain_from = RIG_EXPLAINED_RISK;
	score = score_last(cached, site, values, 1);
	cached->scorer->explain_from = INFINITY;
	if (score.explanation == NULL)
		return (Datum) 0;
	for (int32 i = 0; i < Min(top, cached->model->features); i++)
		put_contribution((ReturnSetInfo *) fcinfo->resultinfo, cached->model, &score.explanation[i],
						 isnan(values[score.explanation[i].feature]), i + 1);
	return (Datum) 0;
}
