#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "port/pg_crc32c.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "context_arena.h"
#include "identity.h"
#include "model_codec.h"
#include "model_options.h"
#include "model_store.h"
#include "pg_compat.h"

static bool removing_version = false;

RIG_SQL_FUNCTION(rig_asking_role);
RIG_SQL_FUNCTION(rig_keep_version);
RIG_SQL_FUNCTION(rig_model_header);
RIG_SQL_FUNCTION(rig_remove_version);

RigCaller
rig_become_owner(void)
{
	RigCaller	caller;
	Oid			relation = get_relname_relid("model_versions", get_namespace_oid("rigalpha", false));
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "rigalpha.model_versions does not exist");
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	GetUserIdAndSecContext(&caller.user, &caller.security_context);
	SetUserIdAndSecContext(owner, caller.security_context | SECURITY_LOCAL_USERID_CHANGE);
	caller.row_security_level = rig_row_security_on();
	return caller;
}

void
rig_resume_caller(RigCaller caller)
{
	rig_row_security_restore(caller.row_security_level);
	SetUserIdAndSecContext(caller.user, caller.security_context);
}

const char *
rig_isa_name(void)
{
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd") &&
		__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
		return "x86-64-v4";
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2"))
		return "x86-64-v3";
	return "x86-64";
#elif defined(__aarch64__)
	return "aarch64";
#else
	return "generic";
#endif
}

/* The outer user is what SET ROLE sets, and the login without it. */
Datum
rig_asking_role(PG_FUNCTION_ARGS)
{
	PG_RETURN_OID(GetOuterUserId());
}

Datum
rig_keep_version(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("keep_version was not called as a trigger")));
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("versions of models cannot be changed"),
				 errhint("Train or import another version.")));
	if (!removing_version)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("versions of models cannot be deleted"),
				 errhint("Use rigalpha.drop_model().")));
	return PointerGetDatum(trigger->tg_trigtuple);
}

Datum
rig_remove_version(PG_FUNCTION_ARGS)
{
	Oid			type = INT4OID;
	Datum		id = PG_GETARG_DATUM(0);

	SPI_connect();
	removing_version = true;
	PG_TRY();
	{
		if (SPI_execute_with_args("DELETE FROM rigalpha.model_versions WHERE id = $1", 1, &type, &id, NULL, false, 0) != SPI_OK_DELETE)
			elog(ERROR, "could not delete a version");
	}
	PG_FINALLY();
	{
		removing_version = false;
	}
	PG_END_TRY();
	SPI_finish();
	PG_RETURN_VOID();
}

static ArrayType *
name_array(const RigModel *model)
{
	Datum	   *names = palloc(model->features * sizeof(Datum));

	for (int32 i = 0; i < model->features; i++)
		names[i] = CStringGetTextDatum(model->names[i]);
	return construct_array(names, model->features, TEXTOID, -1, false, TYPALIGN_INT);
}

/* A detector without calibration gives no surprise, and a model without detectors no score. */
static bool
is_usable(const RigModel *model)
{
	bool		any = false;

	for (int i = 0; i < RIG_DETECTORS; i++)
	{
		if (model->has[i] && model->calibrations.detectors[i].count == 0)
			return false;
		any |= model->has[i];
	}
	return any;
}

static int64
checksum(const bytea *payload)
{
	pg_crc32c	crc;

	INIT_CRC32C(crc);
	COMP_CRC32C(crc, VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload));
	FIN_CRC32C(crc);
	return (int64) crc;
}

Datum
rig_model_header(PG_FUNCTION_ARGS)
{
	bytea	   *payload = PG_GETARG_BYTEA_PP(0);
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "rigalpha payload", ALLOCSET_DEFAULT_SIZES);
	RigArena	arena;
	RigModel	model;
	const char *problem = "out of memory";
	TupleDesc	descriptor;
	Datum		values[6];
	bool		nulls[6] = {false};
	HeapTuple	result;

	rig_arena_init(&arena, rig_context_allocator(context), 0);
	if (rig_model_decode(&model, &arena, (const uint8_t *) VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload),
						 &problem) != RIG_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("the payload is not a model"),
				 errdetail("%s", problem)));
	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	values[0] = CStringGetTextDatum(rig_algorithm_name(model.algorithm));
	values[1] = Int64GetDatum((int64) model.seed);
	values[2] = BoolGetDatum(is_usable(&model));
	values[3] = PointerGetDatum(name_array(&model));
	values[4] = Int64GetDatum((int64) rig_model_hash_names(model.names, model.features));
	values[5] = Int64GetDatum(checksum(payload));
	result = heap_form_tuple(BlessTupleDesc(descriptor), values, nulls);
	MemoryContextDelete(context);
	PG_RETURN_DATUM(HeapTupleGetDatum(result));
}
