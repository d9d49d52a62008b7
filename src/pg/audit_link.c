/*
 * The links of the chain. They are made when the transaction commits, because the lock of a
 * chain is held from then on until the commit is visible: taken earlier it would last as long as
 * the transaction, and others would wait for a user who thinks. A callback makes them rather than
 * a deferred trigger, which SET CONSTRAINTS could bring forward and ALTER TABLE switch off.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "audit.h"
#include "kept_plan.h"
#include "pg_compat.h"

/* statement_timeout does not reach a commit; without a timeout a stuck chain would hang all who commit. */
#define CHAIN_LOCK_TIMEOUT "5s"

/* Columns of audit_links. */
enum
{
	LINK_CHAIN = 1,
	LINK_SEQ,
	LINK_EPOCH,
	LINK_LINK = 7
};

typedef struct Head
{
	int64		seq;			/* 0 = the chain is new */
	int32		epoch;
	uint8		link[32];
} Head;

static int
compare_pending(const void *a, const void *b)
{
	const RigAuditPending *x = *(RigAuditPending *const *) a;
	const RigAuditPending *y = *(RigAuditPending *const *) b;

	if (x->chain != y->chain)
		return x->chain < y->chain ? -1 : 1;
	return x->id < y->id ? -1 : x->id > y->id;
}

/*
 * The last link of a chain whose lock is held. What is committed by now counts, not what the
 * snapshot of the transaction shows, or writers in REPEATABLE READ would fail; and no predicate
 * is locked, or those in SERIALIZABLE would.
 */
static Head
read_head(Relation links, int32 chain)
{
	Relation	index = index_open(RelationGetPrimaryKeyIndex(links), AccessShareLock);
	TupleTableSlot *slot = table_slot_create(links, NULL);
	IndexScanDesc scan = rig_index_beginscan(links, index, SnapshotSelf, 1);
	Head		head = {0};
	ScanKeyData key;
	bool		isnull;

	ScanKeyInit(&key, LINK_CHAIN, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(chain));
	index_rescan(scan, &key, 1, NULL, 0);
	if (index_getnext_slot(scan, BackwardScanDirection, slot))
	{
		head.seq = DatumGetInt64(slot_getattr(slot, LINK_SEQ, &isnull));
		head.epoch = DatumGetInt32(slot_getattr(slot, LINK_EPOCH, &isnull));
		rig_audit_copy_hash(head.link, slot_getattr(slot, LINK_LINK, &isnull));
	}
	index_endscan(scan);
	ExecDropSingleTupleTableSlot(slot);
	index_close(index, AccessShareLock);
	return head;
}

static void
run(SPIPlanPtr *plan, const char *statement, int count, Oid *types, Datum *values, int expected)
{
	rig_keep_plan(plan, statement, count, types);
	if (SPI_execute_snapshot(*plan, values, NULL, GetLatestSnapshot(), InvalidSnapshot, false, true, 0) != expected)
		elog(ERROR, "the audit log could not be written");
}

/* The label of a chain, which its links depend on: the name of the machine when the chain began. */
static char *
chain_label(int32 chain)
{
	static SPIPlanPtr insert = NULL;
	static SPIPlanPtr select = NULL;
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(chain)};

	run(&insert, "INSERT INTO rigalpha.audit_chains (chain, label) SELECT $1, CASE WHEN $1 = 0 THEN 'administration'"
		" ELSE coalesce((SELECT m.name FROM rigalpha.machines m WHERE m.id = $1), 'machine ' || $1) END"
		" ON CONFLICT DO NOTHING", 1, types, values, SPI_OK_INSERT);
	CommandCounterIncrement();
	run(&select, "SELECT label FROM rigalpha.audit_chains WHERE chain = $1", 1, types, values, SPI_OK_SELECT);
	if (SPI_processed != 1)
		elog(ERROR, "chain %d of the audit log has no label", chain);
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

/* What the next link follows: the head, or what begins the chain in this epoch. */
static void
find_previous(const RigAuditNode *node, int32 chain, const Head *head, uint8 *previous)
{
	RigHasher	hasher = rig_audit_hasher();
	RigAuditChain place = rig_audit_chain(node, node->epoch, chain);

	if (head->seq > 0 && head->epoch == node->epoch)
	{
		memcpy(previous, head->link, 32);
		return;
	}
	rig_audit_genesis(&hasher, &place, rig_audit_text(chain_label(chain)), head->seq > 0 ? head->link : NULL, previous);
}

static void
append_link(const RigAuditNode *node, RigAuditPending *pending, Head *head)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {INT4OID, INT8OID, INT4OID, INT8OID, BYTEAOID, BYTEAOID, BYTEAOID};
	RigHasher	hasher = rig_audit_hasher();
	RigAuditChain place = rig_audit_chain(node, node->epoch, pending->chain);
	Datum		values[7];
	uint8		previous[32];

	find_previous(node, pending->chain, head, previous);
	head->seq++;
	head->epoch = node->epoch;
	rig_audit_link(&hasher, &place, (uint64) head->seq, previous, pending->leaf, head->link);
	values[0] = Int32GetDatum(pending->chain);
	values[1] = Int64GetDatum(head->seq);
	values[2] = Int32GetDatum(head->epoch);
	values[3] = Int64GetDatum(pending->id);
	values[4] = rig_audit_hash_datum(previous);
	values[5] = rig_audit_hash_datum(pending->leaf);
	values[6] = rig_audit_hash_datum(head->link);
	run(&plan, "INSERT INTO rigalpha.audit_links (chain, seq, epoch, entry_id, prev, leaf, link)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7)", lengthof(types), types, values, SPI_OK_INSERT);
}

/* Links everything, chain by chain in one order, so that no two transactions wait for each other. */
static void
link_pending(const RigAuditNode *node)
{
	Relation	links = table_open(get_relname_relid("audit_links", get_namespace_oid("rigalpha", false)),
								   RowExclusiveLock);
	int			count;
	RigAuditPending *all = rig_audit_pending(&count);
	RigAuditPending **ordered = palloc(Max(count, 1) * sizeof(RigAuditPending *));
	Head		head = {0};

	for (int i = 0; i < count; i++)
		ordered[i] = &all[i];
	qsort(ordered, count, sizeof(RigAuditPending *), compare_pending);
	SPI_connect();
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i == 0 || ordered[i]->chain != ordered[i - 1]->chain)
		{
			/* An object of ours is locked rather than a number, which any user might hold. */
			LockDatabaseObject(RelationGetRelid(links), (Oid) ordered[i]->chain, 0, ExclusiveLock);
			head = read_head(links, ordered[i]->chain);
		}
		append_link(node, ordered[i], &head);
	}
	SPI_finish();
	table_close(links, NoLock);
	pfree(ordered);
}

void
rig_audit_link_pending(void)
{
	Oid			schema = get_namespace_oid("rigalpha", true);
	RigAuditOwner saved;
	RigAuditNode node;
	int			level;

	/* A transaction that drops the extension drops its log. */
	if (!OidIsValid(schema) || !OidIsValid(get_relname_relid("audit_links", schema)))
		return;
	PushActiveSnapshot(GetTransactionSnapshot());
	if (rig_audit_node(&node))
	{
		level = NewGUCNestLevel();
		(void) set_config_option("lock_timeout", CHAIN_LOCK_TIMEOUT, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
								 0, false);
		rig_audit_begin_owner(&saved);
		link_pending(&node);
		rig_audit_end_owner(&saved);
		AtEOXact_GUC(true, level);
	}
	PopActiveSnapshot();
}
