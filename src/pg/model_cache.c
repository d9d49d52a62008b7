#include "postgres.h"

#include <math.h>

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "context_arena.h"
#include "model_cache.h"
#include "model_codec.h"
#include "settings.h"

static HTAB *cache = NULL;
static uint64 clock_hand = 0;
static uint64 changes = 1;		/* of the tables that a name's meaning depends on */
static Oid	table_oids[3];

static const char *const watched_tables[lengthof(table_oids)] = {"model_versions", "model_deployments", "model_grants"};

static void
count_change(Datum arg, Oid relation)
{
	for (int i = 0; i < lengthof(table_oids); i++)
		if (relation == InvalidOid || relation == table_oids[i])
			changes++;
}

static void
drop(RigCachedModel *cached)
{
	MemoryContext context = cached->context;

	hash_search(cache, &cached->id, HASH_REMOVE, NULL);
	MemoryContextDelete(context);
}

static RigCachedModel *
find_oldest(Size *total)
{
	HASH_SEQ_STATUS scan;
	RigCachedModel *cached;
	RigCachedModel *oldest = NULL;

	*total = 0;
	hash_seq_init(&scan, cache);
	while ((cached = hash_seq_search(&scan)) != NULL)
	{
		*total += MemoryContextMemAllocated(cached->context, true);
		if (oldest == NULL || cached->last_used < oldest->last_used)
			oldest = cached;
	}
	return oldest;
}

static void
trim(XactEvent event, void *arg)
{
	Size		total;
	RigCachedModel *oldest;

	if (cache == NULL || (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT))
		return;
	while ((oldest = find_oldest(&total)) != NULL && total > (Size) rig_model_cache_size * 1024)
		drop(oldest);
}

void
rig_model_cache_register(void)
{
	RegisterXactCallback(trim, NULL);
	CacheRegisterRelcacheCallback(count_change, (Datum) 0);
}

static void
make_cache(void)
{
	HASHCTL		control = {.keysize = sizeof(int32), .entrysize = sizeof(RigCachedModel), .hcxt = TopMemoryContext};

	if (cache == NULL)
		cache = hash_create("rigalpha models", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

RigCachedModel *
rig_model_find(int32 id)
{
	RigCachedModel *cached;

	make_cache();
	cached = hash_search(cache, &id, HASH_FIND, NULL);
	if (cached != NULL)
	{
		cached->last_used = ++clock_hand;
		/* Whoever wants explanations says so each time: an error may have kept the last one from ending it. */
		cached->scorer->explain_from = INFINITY;
		cached->scorer->explain_worst = false;
	}
	return cached;
}

/* Decodes a payload and keeps it; nothing is kept when that fails. */
static RigCachedModel *
add(int32 id, int32 version, Datum payload)
{
	struct varlena *bytes = PG_DETOAST_DATUM(payload);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "rigalpha model", ALLOCSET_DEFAULT_SIZES);
	RigCachedModel made = {
		.id = id, .version = version, .context = context, .model = MemoryContextAlloc(context, sizeof(RigModel))};
	RigCachedModel *cached;
	const char *problem = "out of memory";

	rig_arena_init(&made.arena, rig_context_allocator(context), 0);
	if (rig_model_decode(made.model, &made.arena, (const uint8_t *) VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes),
						 &problem) != RIG_OK)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("payload of model version %d cannot be used: %s", id, problem),
				 errhint("Train the model again, or import it from a good copy.")));
	made.scorer = rig_scorer_create(&made.arena, made.model);
	rig_require_memory(made.scorer);
	cached = hash_search(cache, &id, HASH_ENTER, NULL);
	MemoryContextSetParent(context, TopMemoryContext);
	*cached = made;
	cached->last_used = ++clock_hand;
	return cached;
}

/* The first row of the running query, as a cached model. */
static RigCachedModel *
take_result(void)
{
	bool		isnull;
	HeapTuple	row = SPI_tuptable->vals[0];
	TupleDesc	descriptor = SPI_tuptable->tupdesc;
	int32		id = DatumGetInt32(SPI_getbinval(row, descriptor, 1, &isnull));
	RigCachedModel *cached = rig_model_find(id);

	if (cached == NULL)
		cached = add(id, DatumGetInt32(SPI_getbinval(row, descriptor, 2, &isnull)),
					 SPI_getbinval(row, descriptor, 3, &isnull));
	return cached;
}

RigCachedModel *
rig_model_open(const char *name, int32 version)
{
	Oid			types[2] = {TEXTOID, INT4OID};
	Datum		arguments[2] = {CStringGetTextDatum(name), Int32GetDatum(version)};
	char		nulls[3] = {' ', version == 0 ? 'n' : ' ', '\0'};
	RigCachedModel *cached;

	SPI_connect();
	if (SPI_execute_with_args("SELECT id, version, payload FROM rigalpha.model_payload($1, $2)",
							  2, types, arguments, nulls, true, 1) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "look-up of a model failed");
	cached = take_result();
	SPI_finish();
	return cached;
}

RigCachedModel *
rig_model_open_again(RigModelCall *call, const char *name, int32 version)
{
	RigCachedModel *cached;

	if (call->seen == changes && call->user == GetUserId() && call->version == version && strcmp(call->name, name) == 0)
	{
		cached = rig_model_find(call->id);
		if (cached != NULL)
			return cached;
	}
	for (int i = 0; i < lengthof(table_oids); i++)
		table_oids[i] = get_relname_relid(watched_tables[i], get_namespace_oid("rigalpha", false));
	call->seen = changes;
	call->user = GetUserId();
	cached = rig_model_open(name, version);
	call->id = cached->id;
	call->version = version;
	strlcpy(call->name, name, sizeof(call->name));
	return cached;
}

RigCachedModel *
rig_model_open_version(int32 id)
{
	Oid			type = INT4OID;
	Datum		argument = Int32GetDatum(id);
	RigCachedModel *cached = rig_model_find(id);

	if (cached != NULL)
		return cached;
	SPI_connect();
	if (SPI_execute_with_args("SELECT id, version, payload FROM rigalpha.model_versions WHERE id = $1",
							  1, &type, &argument, NULL, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "look-up of a model failed");
	if (SPI_processed == 1)
		cached = take_result();
	SPI_finish();
	return cached;
}
