/*
 * The tree over all links (RFC 6962). Links are taken in chain by chain, each in the order of its
 * sequence, which is the order of commits; so none is ever passed over, however long a
 * transaction takes. A leaf is computed from its link, nodes above are stored once complete.
 */
#include "postgres.h"

#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"

#include "audit.h"
#include "kept_plan.h"
#include "merkle_tree.h"
#include "pg_compat.h"

RIG_SQL_FUNCTION(rig_audit_consistency);
RIG_SQL_FUNCTION(rig_audit_inclusion);
RIG_SQL_FUNCTION(rig_audit_integrate);
RIG_SQL_FUNCTION(rig_audit_root);

/* The hash that a statement with these parameters finds; false when it finds no row. */
static bool
find_hash(SPIPlanPtr *plan, const char *statement, int count, Oid *types, Datum *values, uint8 *hash)
{
	bool		found;
	bool		isnull;

	rig_keep_plan(plan, statement, count, types);
	if (SPI_execute_plan(*plan, values, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "the tree of the audit log could not be read");
	found = SPI_processed == 1;
	if (found)
		rig_audit_copy_hash(hash, SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
	SPI_freetuptable(SPI_tuptable);
	return found;
}

/* RigMerkleNodes.get over the tables; the context is the hasher. */
static bool
get_node(void *context, int32_t level, uint64_t index, uint8_t hash[RIG_DIGEST_SIZE])
{
	static SPIPlanPtr leaf_plan = NULL;
	static SPIPlanPtr node_plan = NULL;
	Oid			types[] = {INT8OID, INT2OID};
	Datum		values[] = {Int64GetDatum((int64) index), Int16GetDatum((int16) level)};

	CHECK_FOR_INTERRUPTS();
	if (level > 0)
		return find_hash(&node_plan, "SELECT hash FROM rigalpha.audit_nodes WHERE idx = $1 AND level = $2", 2, types, values,
						 hash);
	if (!find_hash(&leaf_plan, "SELECT l.link FROM rigalpha.audit_tree t JOIN rigalpha.audit_links l"
				   " ON l.chain = t.chain AND l.seq = t.seq WHERE t.idx = $1", 1, types, values, hash))
		return false;
	rig_merkle_leaf(context, hash, RIG_DIGEST_SIZE, hash);
	return true;
}

/* RigMerkleSink.put: stores a complete node; leaves are not stored. */
static void
put_node(void *context, int32_t level, uint64_t index, const uint8_t hash[RIG_DIGEST_SIZE])
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {INT2OID, INT8OID, BYTEAOID};
	Datum		values[] = {Int16GetDatum((int16) level), Int64GetDatum((int64) index), rig_audit_hash_datum(hash)};

	if (level == 0)
		return;
	rig_keep_plan(&plan, "INSERT INTO rigalpha.audit_nodes (level, idx, hash) VALUES ($1, $2, $3)", lengthof(types), types);
	if (SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "the tree of the audit log could not be written");
}

uint64
rig_audit_tree_size(void)
{
	bool		isnull;

	if (SPI_execute("SELECT coalesce(max(idx) + 1, 0) FROM rigalpha.audit_tree", true, 1) != SPI_OK_SELECT)
		elog(ERROR, "the tree of the audit log could not be read");
	return (uint64) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
}

static void
refuse_tree(RigStatus status)
{
	if (status != RIG_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the tree of the audit log has no such place"),
				 errhint("It has the size that audit_head() says; where links of it are missing, audit_verify() finds them.")));
}

/* All that is needed to append to the tree: its full subtrees, the largest first. */
static void
load_range(RigMerkleRange *range, RigHasher *hasher, uint64 size)
{
	uint64		begin = 0;
	int			count = 0;

	rig_merkle_range_init(range);
	range->size = size;
	for (int level = 63; level >= 0; level--)
	{
		if ((size >> level & 1) == 0)
			continue;
		if (!get_node(hasher, level, begin >> level, range->hashes[count++]))
			refuse_tree(RIG_INVALID_ARGUMENT);
		begin += UINT64CONST(1) << level;
	}
}

static void
append_leaf(RigMerkleRange *range, RigHasher *hasher, HeapTuple row, TupleDesc columns)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[] = {INT8OID, INT4OID, INT8OID};
	RigMerkleSink sink = {.put = put_node};
	bool		isnull;
	uint8		leaf[RIG_DIGEST_SIZE];
	Datum		values[] = {Int64GetDatum((int64) range->size), SPI_getbinval(row, columns, 1, &isnull),
	SPI_getbinval(row, columns, 2, &isnull)};

	rig_keep_plan(&plan, "INSERT INTO rigalpha.audit_tree (idx, chain, seq) VALUES ($1, $2, $3)", lengthof(types), types);
	if (SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "the tree of the audit log could not be written");
	rig_audit_copy_hash(leaf, SPI_getbinval(row, columns, 3, &isnull));
	rig_merkle_leaf(hasher, leaf, sizeof(leaf), leaf);
	rig_merkle_range_append(range, hasher, leaf, &sink);
}

static const char new_links[] =
"SELECT l.chain, l.seq, l.link FROM rigalpha.audit_chains c CROSS JOIN LATERAL (SELECT k.chain, k.seq, k.link"
" FROM rigalpha.audit_links k WHERE k.chain = c.chain AND k.seq > coalesce((SELECT max(t.seq) FROM rigalpha.audit_tree t"
" WHERE t.chain = c.chain), 0) ORDER BY k.seq LIMIT $1) l ORDER BY l.chain, l.seq LIMIT $1";

/* audit_integrate(max_links): appends the links that are not in the tree yet; returns how many. */
Datum
rig_audit_integrate(PG_FUNCTION_ARGS)
{
	Oid			types[] = {INT4OID};
	Datum		values[] = {Int32GetDatum(Max(PG_GETARG_INT32(0), 0))};
	RigHasher	hasher = rig_audit_hasher();
	Relation	tree;
	RigAuditNode node;
	RigMerkleRange range;
	SPITupleTable *links;
	uint64		count;

	if (!rig_audit_node(&node))
		PG_RETURN_INT32(0);
	/* One at a time, readers are not in the way; the snapshot must show what the one before committed. */
	tree = table_open(get_relname_relid("audit_tree", get_namespace_oid("rigalpha", false)), ShareRowExclusiveLock);
	PushActiveSnapshot(GetTransactionSnapshot());
	SPI_connect();
	if (SPI_execute_with_args(new_links, 1, types, values, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "new links could not be read");
	links = SPI_tuptable;
	count = SPI_processed;
	if (count > 0)
		load_range(&range, &hasher, rig_audit_tree_size());
	for (uint64 i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		append_leaf(&range, &hasher, links->vals[i], links->tupdesc);
	}
	SPI_finish();
	PopActiveSnapshot();
	table_close(tree, NoLock);
	PG_RETURN_INT32((int32) count);
}

static uint64
size_argument(FunctionCallInfo fcinfo, int argument)
{
	int64		size = PG_GETARG_INT64(argument);

	if (size < 0)
		refuse_tree(RIG_INVALID_ARGUMENT);
	return (uint64) size;
}

/* The nodes of a tree that is at least this large. */
static RigMerkleNodes
open_nodes(RigHasher *hasher, uint64 size)
{
	if (size > rig_audit_tree_size())
		refuse_tree(RIG_INVALID_ARGUMENT);
	return (RigMerkleNodes) {.get = get_node, .context = hasher};
}

static Datum
path_datum(const RigMerklePath *path)
{
	Datum		hashes[RIG_MERKLE_MAX_PATH];

	for (int i = 0; i < path->count; i++)
		hashes[i] = rig_audit_hash_datum(path->hashes[i]);
	return PointerGetDatum(construct_array(hashes, path->count, BYTEAOID, -1, false, TYPALIGN_INT));
}

Datum
rig_audit_root(PG_FUNCTION_ARGS)
{
	RigHasher	hasher = rig_audit_hasher();
	uint64		size = size_argument(fcinfo, 0);
	RigMerkleNodes nodes;
	uint8		root[RIG_DIGEST_SIZE];

	SPI_connect();
	nodes = open_nodes(&hasher, size);
	refuse_tree(rig_merkle_root(&nodes, &hasher, size, root));
	SPI_finish();
	return rig_audit_hash_datum(root);
}

Datum
rig_audit_inclusion(PG_FUNCTION_ARGS)
{
	RigHasher	hasher = rig_audit_hasher();
	uint64		index = size_argument(fcinfo, 0);
	uint64		size = size_argument(fcinfo, 1);
	RigMerkleNodes nodes;
	RigMerklePath path;

	SPI_connect();
	nodes = open_nodes(&hasher, size);
	refuse_tree(rig_merkle_inclusion(&nodes, &hasher, index, size, &path));
	SPI_finish();
	return path_datum(&path);
}

Datum
rig_audit_consistency(PG_FUNCTION_ARGS)
{
	RigHasher	hasher = rig_audit_hasher();
	uint64		old_size = size_argument(fcinfo, 0);
	uint64		size = size_argument(fcinfo, 1);
	RigMerkleNodes nodes;
	RigMerklePath path;

	SPI_connect();
	nodes = open_nodes(&hasher, size);
	refuse_tree(rig_merkle_consistency(&nodes, &hasher, old_size, size, &path));
	SPI_finish();
	return path_datum(&path);
}
