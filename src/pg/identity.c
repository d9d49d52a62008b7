#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/parallel.h"
#include "access/table.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "errors.h"
#include "identity.h"
#include "keyed_table.h"
#include "pg_compat.h"
#include "settings.h"

/* Columns by number; test/pgtap/tables.sql keeps them in place. */
enum
{
	USER_ID = 1,
	USER_NAME,
	USER_ROLE,
	USER_DB_ROLE,
	USER_MUST_CHANGE_PASSWORD,
	USER_DISABLED_AT
};

enum
{
	SESSION_ID = 1,
	SESSION_TOKEN_HASH,
	SESSION_USER_ID,
	SESSION_CREATED_AT,
	SESSION_REVOKED_AT,
	SESSION_ADDRESS
};

enum
{
	ACTIVITY_SESSION_ID = 1,
	ACTIVITY_LAST_SEEN,
	ACTIVITY_COLUMNS = ACTIVITY_LAST_SEEN
};

enum
{
	USER_MACHINE_USER_ID = 1,
	USER_MACHINE_MACHINE_ID
};

#define MACHINE_ID 1

/* How stale last_seen may be: every request of a session would write otherwise. */
#define TOUCH_INTERVAL (60 * USECS_PER_SEC)

/* The rows of one of our tables that have a key, past rights and row security of the caller. */
typedef struct RowScan
{
	Relation	relation;
	SysScanDesc scan;
	Snapshot	snapshot;
} RowScan;

/* The session of this transaction, unless subtransaction is InvalidSubTransactionId. */
static RigIdentity begun;
static uint8 begun_hash[PG_SHA256_DIGEST_LENGTH];
static SubTransactionId begun_in = InvalidSubTransactionId;

/* What users says of the login, as of one command of one transaction. */
static RigIdentity login;
static bool login_is_known = false;
static bool login_is_mapped;
static Oid	login_role;
static CommandId login_command;

RIG_SQL_FUNCTION(rig_begin_session);
RIG_SQL_FUNCTION(rig_identity);
RIG_SQL_FUNCTION(rig_is_admin_user);
RIG_SQL_FUNCTION(rig_is_user);
RIG_SQL_FUNCTION(rig_random_bytes);
RIG_SQL_FUNCTION(rig_readable_machines);
RIG_SQL_FUNCTION(rig_session_expiry);
RIG_SQL_FUNCTION(rig_uid);
RIG_SQL_FUNCTION(rig_visible_machines);

static void
end_transaction(XactEvent event, void *argument)
{
	switch (event)
	{
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_PARALLEL_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PARALLEL_ABORT:
		case XACT_EVENT_PREPARE:
			begun_in = InvalidSubTransactionId;
			login_is_known = false;
			break;
		default:
			break;
	}
}

/* At most one session is set, so that to restore what was before is to forget it. */
static void
end_subtransaction(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *argument)
{
	if (event == SUBXACT_EVENT_COMMIT_SUB && begun_in == id)
		begun_in = parent;
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		if (begun_in == id)
			begun_in = InvalidSubTransactionId;
		login_is_known = false;
	}
}

void
rig_identity_register(void)
{
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
}

int
rig_row_security_on(void)
{
	int			level;

	if (row_security)
		return 0;
	level = NewGUCNestLevel();
	(void) set_config_option("row_security", "on", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return level;
}

void
rig_row_security_restore(int level)
{
	if (level != 0)
		AtEOXact_GUC(true, level);
}

/*
 * Begins to read the rows of a table of schema rigalpha, as the current query sees them, or as
 * last committed; no key_name = all of them.
 */
static RowScan
begin_scan(const char *table, const char *key_name, ScanKey key, bool latest)
{
	Oid			schema = get_namespace_oid("rigalpha", false);
	Oid			index = key_name != NULL ? get_relname_relid(key_name, schema) : InvalidOid;
	RowScan		scan;

	scan.relation = table_open(get_relname_relid(table, schema), AccessShareLock);
	scan.snapshot = RegisterSnapshot(latest || !ActiveSnapshotSet() ? GetLatestSnapshot() : GetActiveSnapshot());
	scan.scan = systable_beginscan(scan.relation, index, OidIsValid(index), scan.snapshot,
								   key_name != NULL ? 1 : 0, key);
	return scan;
}

static void
end_scan(RowScan *scan)
{
	systable_endscan(scan->scan);
	UnregisterSnapshot(scan->snapshot);
	table_close(scan->relation, NoLock);
}

static Datum
column(const RowScan *scan, HeapTuple tuple, int number, bool *isnull)
{
	return heap_getattr(tuple, number, RelationGetDescr(scan->relation), isnull);
}

static RigUserRole
user_role(const char *word)
{
	if (strcmp(word, "admin") == 0)
		return RIG_USER_ADMIN;
	return strcmp(word, "operator") == 0 ? RIG_USER_OPERATOR : RIG_USER_VIEWER;
}

static const char *
user_role_name(RigUserRole role)
{
	static const char *const names[] = {"viewer", "operator", "admin"};

	return names[role];
}

/* Fills in the user with a key; false when there is none, or the account is closed. */
static bool
find_user(RigIdentity *identity, const char *key_name, ScanKey key, bool latest)
{
	RowScan		scan = begin_scan("users", key_name, key, latest);
	HeapTuple	tuple = systable_getnext(scan.scan);
	bool		found = false;
	bool		isnull;

	if (HeapTupleIsValid(tuple))
	{
		(void) column(&scan, tuple, USER_DISABLED_AT, &found);	/* open = null */
		identity->user_id = DatumGetInt32(column(&scan, tuple, USER_ID, &isnull));
		strlcpy(identity->user_name, TextDatumGetCString(column(&scan, tuple, USER_NAME, &isnull)),
				sizeof(identity->user_name));
		identity->role = user_role(TextDatumGetCString(column(&scan, tuple, USER_ROLE, &isnull)));
		identity->must_change_password = DatumGetBool(column(&scan, tuple, USER_MUST_CHANGE_PASSWORD, &isnull));
	}
	end_scan(&scan);
	return found;
}

/* When a session ends by its timeouts. */
static TimestampTz
session_expiry(TimestampTz created_at, TimestampTz last_seen)
{
	return Min(created_at + rig_session_lifetime * USECS_PER_SEC, last_seen + rig_session_idle_timeout * USECS_PER_SEC);
}

/* Fills in the session and its user; false unless it is alive. */
static bool
find_session(RigIdentity *identity, const uint8 *hash, TimestampTz *last_seen)
{
	bytea	   *wanted = palloc(VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	ScanKeyData key;
	RowScan		scan;
	HeapTuple	tuple;
	TimestampTz created_at = 0;
	bool		found = false;
	bool		isnull;
	Datum		address;

	SET_VARSIZE(wanted, VARHDRSZ + PG_SHA256_DIGEST_LENGTH);
	memcpy(VARDATA(wanted), hash, PG_SHA256_DIGEST_LENGTH);
	ScanKeyInit(&key, SESSION_TOKEN_HASH, BTEqualStrategyNumber, F_BYTEAEQ, PointerGetDatum(wanted));
	scan = begin_scan("sessions", "sessions_token_hash_key", &key, true);
	tuple = systable_getnext(scan.scan);
	if (HeapTupleIsValid(tuple))
	{
		(void) column(&scan, tuple, SESSION_REVOKED_AT, &found);	/* alive = null */
		identity->session_id = DatumGetInt32(column(&scan, tuple, SESSION_ID, &isnull));
		identity->user_id = DatumGetInt32(column(&scan, tuple, SESSION_USER_ID, &isnull));
		created_at = DatumGetTimestampTz(column(&scan, tuple, SESSION_CREATED_AT, &isnull));
		address = column(&scan, tuple, SESSION_ADDRESS, &isnull);
		if (!isnull)
			strlcpy(identity->address, DatumGetCString(DirectFunctionCall1(inet_out, address)),
					sizeof(identity->address));
	}
	end_scan(&scan);
	if (!found)
		return false;
	*last_seen = rig_keyed_table_number("session_activity", &identity->session_id, 1, ACTIVITY_LAST_SEEN, DT_NOBEGIN);
	if (*last_seen == DT_NOBEGIN || session_expiry(created_at, *last_seen) <= GetCurrentTimestamp())
		return false;
	ScanKeyInit(&key, USER_ID, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(identity->user_id));
	return find_user(identity, "users_pkey", &key, true);
}

/*
 * Notes that the session was used, unless another request of it is just doing so. Past the
 * executor, so that a request which reads in a snapshot of its own does not fail on it.
 */
static void
touch_session(int32 session_id, TimestampTz last_seen)
{
	TimestampTz now = GetCurrentTimestamp();
	RigKeyedTable table;
	TupleTableSlot *slot;

	if (now - last_seen < TOUCH_INTERVAL || XactReadOnly || RecoveryInProgress())
		return;
	rig_keyed_table_open(&table, "session_activity", ACTIVITY_COLUMNS);
	if (rig_keyed_table_try_lock(&table, &session_id, 1))
	{
		slot = rig_keyed_table_begin_change(&table);
		slot->tts_values[ACTIVITY_LAST_SEEN - 1] = TimestampTzGetDatum(now);
		rig_keyed_table_change(&table);
	}
	rig_keyed_table_close(&table);
}

static void
hash_token(const text *token, uint8 *hash)
{
	pg_cryptohash_ctx *context = pg_cryptohash_create(PG_SHA256);

	if (context == NULL || pg_cryptohash_init(context) < 0 ||
		pg_cryptohash_update(context, (const uint8 *) VARDATA_ANY(token), VARSIZE_ANY_EXHDR(token)) < 0 ||
		pg_cryptohash_final(context, hash, PG_SHA256_DIGEST_LENGTH) < 0)
		elog(ERROR, "could not compute SHA-256");
	pg_cryptohash_free(context);
}

/* The user that the login is mapped to; NULL = none. */
static const RigIdentity *
login_identity(void)
{
	ScanKeyData key;
	char	   *role;

	if (login_is_known && login_role == GetSessionUserId() && login_command == GetCurrentCommandId(false))
		return login_is_mapped ? &login : NULL;
	login_is_known = false;
	memset(&login, 0, sizeof(login));
	role = GetUserNameFromId(GetSessionUserId(), false);
	ScanKeyInit(&key, USER_DB_ROLE, BTEqualStrategyNumber, F_NAMEEQ, CStringGetDatum(role));
	login_is_mapped = find_user(&login, "users_db_role_key", &key, false);
	login.must_change_password = false;
	login_role = GetSessionUserId();
	login_command = GetCurrentCommandId(false);
	login_is_known = true;
	return login_is_mapped ? &login : NULL;
}

const RigIdentity *
rig_identity_current(void)
{
	if (IsParallelWorker())
		elog(ERROR, "the identity of a transaction is not known to its parallel workers");
	return begun_in != InvalidSubTransactionId ? &begun : login_identity();
}

bool
rig_identity_assume(int32 user_id)
{
	RigIdentity found;
	ScanKeyData key;

	Assert(begun_in == InvalidSubTransactionId);
	memset(&found, 0, sizeof(found));
	ScanKeyInit(&key, USER_ID, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(user_id));
	if (!find_user(&found, "users_pkey", &key, true))
		return false;
	begun = found;
	memset(begun_hash, 0, sizeof(begun_hash));
	begun_in = GetCurrentSubTransactionId();
	return true;
}

/* The result of begin_session() and identity(). */
static Datum
identity_row(FunctionCallInfo fcinfo, const RigIdentity *identity)
{
	TupleDesc	descriptor;
	Datum		values[7];
	bool		isnull[7] = {false};

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE || descriptor->natts != lengthof(values))
		elog(ERROR, "return type must be a row of %d columns", (int) lengthof(values));
	if (identity == NULL)
	{
		memset(values, 0, sizeof(values));
		memset(isnull, true, sizeof(isnull));
	}
	else
	{
		values[0] = Int32GetDatum(identity->user_id);
		values[1] = CStringGetTextDatum(identity->user_name);
		values[2] = CStringGetTextDatum(user_role_name(identity->role));
		values[3] = BoolGetDatum(identity->must_change_password);
		values[4] = Int32GetDatum(identity->session_id);
		values[5] = CStringGetTextDatum(identity->session);
		values[6] = CStringGetTextDatum(identity->address);
		isnull[4] = isnull[5] = identity->session_id == 0;
		isnull[6] = identity->address[0] == '\0';
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, isnull));
}

Datum
rig_begin_session(PG_FUNCTION_ARGS)
{
	RigIdentity found;
	uint8		hash[PG_SHA256_DIGEST_LENGTH];
	TimestampTz last_seen;

	hash_token(PG_GETARG_TEXT_PP(0), hash);
	if (begun_in != InvalidSubTransactionId)
	{
		if (memcmp(hash, begun_hash, sizeof(hash)) == 0)
			return identity_row(fcinfo, &begun);
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this transaction has begun another session"),
				 errhint("A transaction acts for one user: end it first.")));
	}
	memset(&found, 0, sizeof(found));
	if (!find_session(&found, hash, &last_seen))
		ereport(ERROR,
				(errcode(ERRCODE_RIG_NO_SESSION),
				 errmsg("session is not valid"),
				 errhint("It ended or never was: log in again.")));
	hex_encode((const char *) hash, RIG_SESSION_NAME_LENGTH / 2, found.session);
	touch_session(found.session_id, last_seen);
	begun = found;
	memcpy(begun_hash, hash, sizeof(hash));
	begun_in = GetCurrentSubTransactionId();
	return identity_row(fcinfo, &begun);
}

Datum
rig_identity(PG_FUNCTION_ARGS)
{
	return identity_row(fcinfo, rig_identity_current());
}

Datum
rig_uid(PG_FUNCTION_ARGS)
{
	const RigIdentity *identity = rig_identity_current();

	if (identity == NULL)
		PG_RETURN_NULL();
	PG_RETURN_INT32(identity->user_id);
}

/* The machines of a scan, as an array. */
static ArrayType *
read_machines(RowScan *scan, int number)
{
	ArrayBuildState *machines = initArrayResult(INT4OID, CurrentMemoryContext, false);
	HeapTuple	tuple;
	bool		isnull;

	while (HeapTupleIsValid(tuple = systable_getnext(scan->scan)))
		machines = accumArrayResult(machines, column(scan, tuple, number, &isnull), false, INT4OID,
									CurrentMemoryContext);
	return DatumGetArrayTypeP(makeArrayResult(machines, CurrentMemoryContext));
}

static ArrayType *
all_machines(void)
{
	RowScan		scan = begin_scan("machines", NULL, NULL, false);
	ArrayType  *machines = read_machines(&scan, MACHINE_ID);

	end_scan(&scan);
	return machines;
}

/* An account whose first password stands still may do nothing but change it. */
static bool
is_user(const RigIdentity *identity)
{
	return identity != NULL && !identity->must_change_password;
}

static ArrayType *
visible_machines(const RigIdentity *identity)
{
	ArrayType  *machines;
	ScanKeyData key;
	RowScan		scan;

	if (!is_user(identity))
		return construct_empty_array(INT4OID);
	if (identity->role == RIG_USER_ADMIN)
		return all_machines();
	ScanKeyInit(&key, USER_MACHINE_USER_ID, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(identity->user_id));
	scan = begin_scan("user_machines", "user_machines_pkey", &key, false);
	machines = read_machines(&scan, USER_MACHINE_MACHINE_ID);
	end_scan(&scan);
	return machines;
}

Datum
rig_visible_machines(PG_FUNCTION_ARGS)
{
	PG_RETURN_ARRAYTYPE_P(visible_machines(rig_identity_current()));
}

/* By the role of the session: inside of a function that runs as the owner, the owner is the current one. */
Datum
rig_readable_machines(PG_FUNCTION_ARGS)
{
	PG_RETURN_ARRAYTYPE_P(has_bypassrls_privilege(GetOuterUserId()) ? all_machines()
						  : visible_machines(rig_identity_current()));
}

Datum
rig_is_user(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(is_user(rig_identity_current()));
}

Datum
rig_is_admin_user(PG_FUNCTION_ARGS)
{
	const RigIdentity *identity = rig_identity_current();

	PG_RETURN_BOOL(is_user(identity) && identity->role == RIG_USER_ADMIN);
}

Datum
rig_session_expiry(PG_FUNCTION_ARGS)
{
	PG_RETURN_TIMESTAMPTZ(session_expiry(PG_GETARG_TIMESTAMPTZ(0), PG_GETARG_TIMESTAMPTZ(1)));
}

Datum
rig_random_bytes(PG_FUNCTION_ARGS)
{
	int32		size = PG_GETARG_INT32(0);
	bytea	   *result;

	if (size < 1 || size > 1024)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("number of random bytes must be from 1 to 1024, not %d", size)));
	result = palloc(VARHDRSZ + size);
	SET_VARSIZE(result, VARHDRSZ + size);
	if (!pg_strong_random(VARDATA(result), size))
		ereport(ERROR,
				(errcode(ERRCODE_INTERNAL_ERROR),
				 errmsg("could not generate random bytes")));
	PG_RETURN_BYTEA_P(result);
}
