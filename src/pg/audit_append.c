#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "audit.h"
#include "identity.h"
#include "kept_plan.h"
#include "pg_compat.h"

static RigAuditPending *pending = NULL; /* in TopTransactionContext */
static int	pending_count = 0;
static int	pending_room = 0;

static RigAuditNode known_node;
static bool has_node = false;
static uint64 change_count = 1; /* changes of the node seen by the callback */
static uint64 known_at = 0;		/* change_count that the node was read under */
static Oid	node_table = InvalidOid;

static void
forget(void)
{
	pending = NULL;
	pending_count = pending_room = 0;
}

/* A prepared transaction would keep the locks of its chains when no process holds them any more. */
static void
end_transaction(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_PREPARE && pending_count > 0)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot prepare a transaction that has written to the audit log"),
				 errhint("Commit it, or keep audited tables out of two-phase transactions.")));
	if (event == XACT_EVENT_PRE_COMMIT && pending_count > 0)
		rig_audit_link_pending();
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT)
		forget();
}

/* What an aborted subtransaction wrote is gone; everything since it began was written by it or within it. */
static void
end_subtransaction(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void *arg)
{
	if (event != SUBXACT_EVENT_ABORT_SUB)
		return;
	while (pending_count > 0 && pending[pending_count - 1].subtransaction >= own)
		pending_count--;
}

static void
note_change(Datum arg, Oid relation)
{
	if (relation == InvalidOid || relation == node_table)
		change_count++;
}

void
rig_audit_register(void)
{
	RegisterXactCallback(end_transaction, NULL);
	RegisterSubXactCallback(end_subtransaction, NULL);
	CacheRegisterRelcacheCallback(note_change, (Datum) 0);
}

void
rig_audit_begin_owner(RigAuditOwner *saved)
{
	Oid			schema = get_namespace_oid("rigalpha", false);
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(get_relname_relid("audit_entries", schema)));

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "the audit log is missing");
	GetUserIdAndSecContext(&saved->user, &saved->context);
	SetUserIdAndSecContext(((Form_pg_class) GETSTRUCT(tuple))->relowner, saved->context | SECURITY_LOCAL_USERID_CHANGE);
	ReleaseSysCache(tuple);
	saved->row_security_level = rig_row_security_on();
}

void
rig_audit_end_owner(const RigAuditOwner *saved)
{
	rig_row_security_restore(saved->row_security_level);
	SetUserIdAndSecContext(saved->user, saved->context);
}

/* Reads the row of rigalpha.node as the owner, who alone may. */
static void
read_node(void)
{
	RigAuditOwner saved;
	bool		isnull;

	rig_audit_begin_owner(&saved);
	SPI_connect();
	has_node = false;
	if (SPI_execute("SELECT log_id, epoch FROM rigalpha.node WHERE rigalpha.node_is_current()", false, 1) == SPI_OK_SELECT &&
		SPI_processed == 1)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		Datum		log_id = SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull);

		memcpy(known_node.log_id, DatumGetUUIDP(log_id)->data, sizeof(known_node.log_id));
		known_node.epoch = DatumGetInt32(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull));
		has_node = true;
	}
	SPI_finish();
	rig_audit_end_owner(&saved);
}

bool
rig_audit_node(RigAuditNode *node)
{
	if (known_at != change_count)
	{
		/* Noted before: a change that arrives while it is read counts, and so does an error. */
		uint64		before = change_count;

		node_table = get_relname_relid("node", get_namespace_oid("rigalpha", false));
		read_node();
		known_at = before;
	}
	*node = known_node;
	return has_node;
}

void
rig_audit_require_node(RigAuditNode *node)
{
	if (!rig_audit_node(node))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this database has no audit log of its own"),
				 errhint("Run SELECT rigalpha.setup(), or rigalpha.adopt() after a restore.")));
}

RigAuditChain
rig_audit_chain(const RigAuditNode *node, int32 epoch, int32 chain)
{
	RigAuditChain place = {.epoch = (uint32) epoch, .chain = (uint32) chain};

	memcpy(place.log_id, node->log_id, sizeof(place.log_id));
	return place;
}

Datum
rig_audit_hash_datum(const uint8 *hash)
{
	bytea	   *bytes = palloc(VARHDRSZ + RIG_DIGEST_SIZE);

	SET_VARSIZE(bytes, VARHDRSZ + RIG_DIGEST_SIZE);
	memcpy(VARDATA(bytes), hash, RIG_DIGEST_SIZE);
	return PointerGetDatum(bytes);
}

void
rig_audit_copy_hash(uint8 *hash, Datum value)
{
	bytea	   *bytes;

	if (DatumGetPointer(value) == NULL)
		elog(ERROR, "a hash of the audit log is missing");
	bytes = DatumGetByteaPP(value);
	if (VARSIZE_ANY_EXHDR(bytes) != 32)
		elog(ERROR, "a hash of the audit log has %d bytes", (int) VARSIZE_ANY_EXHDR(bytes));
	memcpy(hash, VARDATA_ANY(bytes), 32);
}

RigAuditText
rig_audit_text(const char *text)
{
	if (text == NULL)
		return (RigAuditText) {.length = -1};
	return (RigAuditText) {.bytes = text, .length = (int32) strlen(text)};
}

/* Address of the client; NULL over a local socket and in a background worker. */
static char *
client_address(void)
{
	LOCAL_FCINFO(call, 0);
	Datum		address;

	InitFunctionCallInfoData(*call, NULL, 0, InvalidOid, NULL, NULL);
	address = inet_client_addr(call);
	return call->isnull ? NULL : DatumGetCString(DirectFunctionCall1(inet_out, address));
}

/* The user of the session, who came from elsewhere than the sidecar that speaks for many. */
static void
add_identity(RigAuditEntry *entry)
{
	const RigIdentity *identity = rig_identity_current();

	if (identity == NULL)
		return;
	entry->app_user = rig_audit_text(pstrdup(identity->user_name));
	if (identity->session[0] != '\0')
		entry->app_session = rig_audit_text(pstrdup(identity->session));
	if (identity->address[0] != '\0')
		entry->client_address = rig_audit_text(pstrdup(identity->address));
}

/* Runs a statement, which is planned once per backend, as the owner. */
static void
run_as_owner(SPIPlanPtr *plan, const char *statement, int count, Oid *types, Datum *values, int expected)
{
	rig_keep_plan(plan, statement, count, types);
	if (SPI_execute_plan(*plan, values, NULL, false, 0) != expected)
		elog(ERROR, "an audit entry could not be written");
}

/*
 * Name of a machine, NULL when there is none; in the current context. Not from the catalog, which
 * ingest() may be holding while its incidents are noted: asking for it might load it anew.
 */
static char *
machine_name(int32 machine_id)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext caller = CurrentMemoryContext;
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(machine_id)};
	RigAuditOwner saved;
	char	   *name = NULL;

	rig_audit_begin_owner(&saved);
	SPI_connect();
	run_as_owner(&plan, "SELECT name FROM rigalpha.machines WHERE id = $1", 1, types, values, SPI_OK_SELECT);
	if (SPI_processed == 1)
		name = MemoryContextStrdup(caller, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	SPI_finish();
	rig_audit_end_owner(&saved);
	return name;
}

static void
set_who_and_when(RigAuditEntry *entry, const RigAuditNode *node, int32 chain, int64 id, TimestampTz at)
{
	memcpy(entry->log_id, node->log_id, sizeof(entry->log_id));
	entry->epoch = (uint32) node->epoch;
	entry->chain = (uint32) chain;
	entry->entry_id = (uint64) id;
	entry->xid = U64FromFullTransactionId(GetCurrentFullTransactionId());
	entry->at = at + RIG_AUDIT_EPOCH_US;
	entry->xact_at = GetCurrentTransactionStartTimestamp() + RIG_AUDIT_EPOCH_US;
	entry->session_user = rig_audit_text(GetUserNameFromId(GetSessionUserId(), true));
	entry->current_user = rig_audit_text(GetUserNameFromId(GetUserId(), true));
	entry->app_user = entry->app_session = rig_audit_text(NULL);
	entry->client_address = rig_audit_text(client_address());
	add_identity(entry);
	entry->machine = rig_audit_text(NULL);
	if (chain != RIG_AUDIT_ADMINISTRATION)
		entry->machine = rig_audit_text(machine_name(chain));
}

static void
insert_entry(const RigAuditEntry *entry, TimestampTz at, bytea *payload, const uint8 *leaf)
{
	static SPIPlanPtr plan = NULL;
	static const char statement[] = "INSERT INTO rigalpha.audit_entries (id, epoch, chain, xact, kind, at, payload, leaf)"
		" OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, pg_current_xact_id(), $4, $5, $6, $7)";
	Oid			types[] = {INT8OID, INT4OID, INT4OID, INT2OID, TIMESTAMPTZOID, BYTEAOID, BYTEAOID};
	RigAuditOwner saved;
	Datum		values[] = {Int64GetDatum((int64) entry->entry_id), Int32GetDatum((int32) entry->epoch),
	Int32GetDatum((int32) entry->chain), Int16GetDatum(entry->kind), TimestampTzGetDatum(at), PointerGetDatum(payload),
	rig_audit_hash_datum(leaf)};

	rig_audit_begin_owner(&saved);
	SPI_connect();
	run_as_owner(&plan, statement, lengthof(types), types, values, SPI_OK_INSERT);
	SPI_finish();
	rig_audit_end_owner(&saved);
}

static void
note_pending(int64 id, int32 chain, const uint8 *leaf)
{
	if (pending_count == pending_room)
	{
		pending_room = Max(16, pending_room * 2);
		if (pending == NULL)
			pending = MemoryContextAlloc(TopTransactionContext, pending_room * sizeof(RigAuditPending));
		else
			pending = repalloc(pending, pending_room * sizeof(RigAuditPending));
	}
	pending[pending_count] = (RigAuditPending) {
		.id = id, .chain = chain, .subtransaction = GetCurrentSubTransactionId()
	};
	memcpy(pending[pending_count].leaf, leaf, 32);
	pending_count++;
}

RigAuditPending *
rig_audit_pending(int *count)
{
	*count = pending_count;
	return pending;
}

bool
rig_audit_append(RigAuditEntry *entry, int32 chain)
{
	TimestampTz at = GetCurrentTimestamp();
	RigHasher	hasher = rig_audit_hasher();
	RigAuditNode node;
	bytea	   *payload;
	size_t		size;
	uint8		leaf[32];
	int64		id;

	if (!rig_audit_node(&node))
		return false;
	id = nextval_internal(get_relname_relid("audit_entries_id_seq", get_namespace_oid("rigalpha", false)), false);
	set_who_and_when(entry, &node, chain, id, at);
	size = rig_audit_entry_size(entry);
	if (size == 0 || size > MaxAllocSize - VARHDRSZ)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a row is too large for the audit log"),
				 errhint("Redact its large columns in audit_enable().")));
	payload = palloc(VARHDRSZ + size);
	SET_VARSIZE(payload, VARHDRSZ + size);
	rig_audit_entry_encode(entry, (uint8 *) VARDATA(payload));
	rig_audit_leaf(&hasher, (const uint8 *) VARDATA(payload), size, leaf);
	insert_entry(entry, at, payload, leaf);
	note_pending(id, chain, leaf);
	return true;
}
