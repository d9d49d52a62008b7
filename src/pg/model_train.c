#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "context_arena.h"
#include "model_codec.h"
#include "model_store.h"
#include "pg_compat.h"
#include "settings.h"
#include "training.h"

#define CHUNK_SIZE (1024 * 1024)

RIG_SQL_FUNCTION(rig_train);

static void
require_argument(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", name)));
}

RigTrainingRequest *
rig_training_request(FunctionCallInfo fcinfo)
{
	RigTrainingRequest *request = palloc0(sizeof(RigTrainingRequest));
	RigAlgorithm algorithm;
	Jsonb	   *given = PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4);

	require_argument(fcinfo, 0, "model");
	require_argument(fcinfo, 1, "source");
	require_argument(fcinfo, 2, "algorithm");
	require_argument(fcinfo, 5, "seed");
	require_argument(fcinfo, 6, "deploy");
	request->model = pstrdup(NameStr(*PG_GETARG_NAME(0)));
	if (request->model[0] == '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("a model needs a name")));
	request->source = text_to_cstring(PG_GETARG_TEXT_PP(1));
	algorithm = rig_algorithm_by_name(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	request->machine = PG_ARGISNULL(3) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(3));
	request->options = rig_options_read(algorithm, given);
	request->options_text = given == NULL ? pstrdup("{}") : JsonbToCString(NULL, &given->root, VARSIZE(given));
	request->seed = PG_GETARG_INT64(5);
	request->deploy = PG_GETARG_BOOL(6);
	return request;
}

/* Memory of the core, counted against the limit. */
static void *
allocate_chunk(void *context, size_t size)
{
	RigTraining *training = context;
	void	   *chunk;

	if (size > training->limit - training->used)
		return NULL;
	chunk = MemoryContextAllocExtended(training->context, size, MCXT_ALLOC_NO_OOM | MCXT_ALLOC_HUGE);
	if (chunk != NULL)
		training->used += GetMemoryChunkSpace(chunk);
	training->used = Min(training->used, training->limit);
	return chunk;
}

static void
release_chunk(void *context, void *chunk)
{
	RigTraining *training = context;

	training->used -= Min(training->used, GetMemoryChunkSpace(chunk));
	pfree(chunk);
}

RigTraining *
rig_training_begin(const RigTrainingRequest *request, MemoryContext parent)
{
	MemoryContext context = AllocSetContextCreate(parent, "rigalpha training", ALLOCSET_DEFAULT_SIZES);
	RigTraining *training = MemoryContextAllocZero(context, sizeof(RigTraining));

	training->request = request;
	training->context = context;
	training->limit = (Size) rig_train_mem * 1024;
	training->options = request->options;
	training->begun = GetCurrentTimestamp();
	return training;
}

static void
require_rows(const RigSource *source)
{
	if (source->data.rows == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the source has no rows")));
	if (source->data.features == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the source has no sensor values")));
	if (source->data.rows < RIG_TRAINING_MIN_ROWS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("training needs at least %d rows, and the source has %lld", RIG_TRAINING_MIN_ROWS,
						(long long) source->data.rows)));
}

void
rig_training_read(RigTraining *training)
{
	RigSourceRequest request = {
		.source = training->request->source,
		.machine = training->request->machine,
		.from = DT_NOBEGIN,
		.to = DT_NOEND,
		.max_rows = training->options.max_rows,
		.memory_limit = training->limit
	};

	training->source = rig_source_read(&request, training->context);
	require_rows(training->source);
	training->used = MemoryContextMemAllocated(training->context, true);
	rig_options_set_period(&training->options, rig_source_period(training->source));
}

static void
append_number(StringInfo text, const char *name, double value)
{
	appendStringInfo(text, "%c\"%s\":%s", text->len == 0 ? '{' : ',', name,
					 isfinite(value) ? float8out_internal(value) : "null");
}

static char *
describe_metrics(const RigTraining *training)
{
	const RigTrainingMetrics *metrics = &training->metrics;
	const RigAutoencoderMetrics *autoencoder = &metrics->autoencoder;
	StringInfoData text;

	initStringInfo(&text);
	append_number(&text, "rows", metrics->rows);
	append_number(&text, "rows_read", training->source->rows_read);
	append_number(&text, "machines", training->source->machine_count);
	append_number(&text, "windows", metrics->windows);
	append_number(&text, "masked_features", metrics->masked_features);
	append_number(&text, "calibration_rows", metrics->calibration_rows);
	append_number(&text, "false_alarm_rate", training->options.training.false_alarm_rate);
	append_number(&text, "period_ms", rig_source_period(training->source) / 1000.0);
	if (autoencoder->epochs > 0)
	{
		append_number(&text, "lstm_windows", autoencoder->training_windows);
		append_number(&text, "lstm_epochs", autoencoder->epochs);
		append_number(&text, "lstm_training_loss", autoencoder->training_loss);
		append_number(&text, "lstm_validation_loss", autoencoder->validation_loss);
	}
	append_number(&text, "train_ms", rig_training_elapsed(training));
	appendStringInfoChar(&text, '}');
	return text.data;
}

static void
raise_status(const RigTraining *training, RigStatus status)
{
	switch (status)
	{
		case RIG_OK:
			return;
		case RIG_OUT_OF_MEMORY:
			ereport(ERROR,
					(errcode(ERRCODE_OUT_OF_MEMORY),
					 errmsg("training needs more than %zu MB of memory", training->limit / (1024 * 1024)),
					 errhint("Use fewer rows (option max_rows) or a smaller model, or raise rigalpha.train_mem.")));
			break;
		case RIG_INTERRUPTED:
			ereport(ERROR,
					(errcode(ERRCODE_QUERY_CANCELED), errmsg("training was cancelled")));
			break;
		case RIG_INVALID_ARGUMENT:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the source cannot be trained on"),
					 errdetail("No sensor moves, or too few of its rows have values or follow each other without a gap.")));
			break;
		case RIG_LIMIT_EXCEEDED:
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("the source is too large to train on")));
			break;
	}
}

void
rig_training_compute(RigTraining *training, const RigProgress *progress)
{
	MemoryContext caller = MemoryContextSwitchTo(training->context);
	RigAllocator allocator = {allocate_chunk, release_chunk, training};
	RigArena	arena;
	RigArena	scratch;
	RigModel	model = {0};
	uint8_t    *bytes;
	size_t		size;

	rig_arena_init(&arena, allocator, CHUNK_SIZE);
	rig_arena_init(&scratch, allocator, CHUNK_SIZE);
	raise_status(training, rig_model_train(&model, &arena, &scratch, &training->source->data, training->source->names,
										   &training->options.training, (uint64_t) training->request->seed, progress,
										   &training->metrics));
	rig_arena_release(&scratch);
	raise_status(training, rig_model_encode(&model, &arena, &bytes, &size));
	training->payload = palloc(VARHDRSZ + size);
	SET_VARSIZE(training->payload, VARHDRSZ + size);
	memcpy(VARDATA(training->payload), bytes, size);
	rig_arena_release(&arena);
	training->metrics_text = describe_metrics(training);
	MemoryContextSwitchTo(caller);
}

double
rig_training_elapsed(const RigTraining *training)
{
	return (GetCurrentTimestamp() - training->begun) / 1000.0;
}

/* First and last time of the rows; false when they have none. */
static bool
data_range(const RigSource *source, TimestampTz *first, TimestampTz *last)
{
	if (!source->has_time)
		return false;
	*first = *last = source->data.times[0];
	for (int64 row = 1; row < source->data.rows; row++)
	{
		*first = Min(*first, source->data.times[row]);
		*last = Max(*last, source->data.times[row]);
	}
	return true;
}

static void
execute_store(RigTraining *training)
{
	static const char *const statement =
		"SELECT version, status FROM rigalpha.store_model($1::pg_catalog.name, $2, $3, $4::pg_catalog.jsonb, $5, $6, $7, $8,"
		" $9::pg_catalog.jsonb, $10, $11)";
	Oid			types[] = {
		TEXTOID, TEXTOID, BYTEAOID, TEXTOID, TEXTOID, INT8OID, TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID, TEXTOID, BOOLOID
	};
	const RigTrainingRequest *request = training->request;
	TimestampTz first = 0;
	TimestampTz last = 0;
	bool		timed = data_range(training->source, &first, &last);
	char		nulls[] = "           ";
	StringInfoData options;
	bool		isnull;

	initStringInfo(&options);
	rig_options_append(&options, &training->options);
	if (request->machine == NULL)
		nulls[1] = 'n';
	if (!timed)
		nulls[6] = nulls[7] = 'n';

	Datum		values[] = {
		CStringGetTextDatum(request->model),
		request->machine == NULL ? (Datum) 0 : CStringGetTextDatum(request->machine),
		PointerGetDatum(training->payload), CStringGetTextDatum(options.data), CStringGetTextDatum(request->source),
		Int64GetDatum(training->metrics.rows), TimestampTzGetDatum(first), TimestampTzGetDatum(last),
		CStringGetTextDatum(training->metrics_text), CStringGetTextDatum(rig_isa_name()), BoolGetDatum(request->deploy)
	};

	if (SPI_execute_with_args(statement, lengthof(types), types, values, nulls, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not store the model");
	training->version = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	training->status = MemoryContextStrdup(training->context,
										   SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2));
}

void
rig_training_store(RigTraining *training)
{
	RigCaller	caller;
	bool		ready;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	caller = rig_become_owner();
	execute_store(training);
	rig_resume_caller(caller);
	SPI_finish();
	ready = strcmp(training->status, "ready") == 0;
	ereport(ready ? NOTICE : WARNING,
			(errmsg("model \"%s\" version %d: %s, trained on %lld rows%s", training->request->model, training->version, training->status,
					(long long) training->metrics.rows, ready && training->request->deploy ? ", deployed" : ", not deployed")));
}

static bool
proceed(void *context, double fraction)
{
	CHECK_FOR_INTERRUPTS();
	return true;
}

Datum
rig_train(PG_FUNCTION_ARGS)
{
	static const RigProgress progress = {proceed, NULL};
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	RigTraining *training;
	Datum		values[6];
	bool		nulls[6] = {false};

	InitMaterializedSRF(fcinfo, 0);
	/* Fails before the work, not after it. */
	PreventCommandIfReadOnly("train()");
	training = rig_training_begin(rig_training_request(fcinfo), CurrentMemoryContext);
	rig_training_read(training);
	rig_training_compute(training, &progress);
	rig_training_store(training);
	values[0] = DirectFunctionCall1(namein, CStringGetDatum(training->request->model));
	values[1] = Int32GetDatum(training->version);
	values[2] = CStringGetTextDatum(training->status);
	values[3] = Int64GetDatum(training->metrics.rows);
	values[4] = Float8GetDatum(rig_training_elapsed(training));
	values[5] = DirectFunctionCall1(jsonb_in, CStringGetDatum(training->metrics_text));
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	MemoryContextDelete(training->context);
	return (Datum) 0;
}
