#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/base64.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

#include "audit.h"
#include "audit_problem.h"
#include "merkle_tree.h"

#define ORIGIN_PREFIX "rigalpha/"
#define BATCH 1000

/* What a note says of the tree. */
typedef struct Note
{
	char	   *origin;
	int64		size;
	uint8		root[RIG_DIGEST_SIZE];
} Note;

/* The next line, without its end; NULL after the last whole one. */
static char *
next_line(const char **text)
{
	const char *end = strchr(*text, '\n');
	char	   *line;

	if (end == NULL)
		return NULL;
	line = pnstrdup(*text, end - *text);
	*text = end + 1;
	return line;
}

static bool
parse_note(Note *note, const char *text)
{
	char	   *size;
	char	   *root;
	char	   *end;
	char		decoded[RIG_DIGEST_SIZE + 3];

	note->origin = next_line(&text);
	size = next_line(&text);
	root = next_line(&text);
	if (root == NULL || size[0] < '0' || size[0] > '9')
		return false;
	errno = 0;
	note->size = strtoi64(size, &end, 10);
	if (errno != 0 || *end != '\0' ||
		pg_b64_decode(root, strlen(root), decoded, sizeof(decoded)) != RIG_DIGEST_SIZE)
		return false;
	memcpy(note->root, decoded, RIG_DIGEST_SIZE);
	return true;
}

static bool
is_of_this_log(ReturnSetInfo *result, const RigAuditNode *node, const Note *note)
{
	const RigAuditPlace nowhere = {0};
	pg_uuid_t	log_id;
	char	   *origin;

	memcpy(log_id.data, node->log_id, sizeof(log_id.data));
	origin = psprintf(ORIGIN_PREFIX "%s", DatumGetCString(DirectFunctionCall1(uuid_out, UUIDPGetDatum(&log_id))));
	if (strcmp(origin, note->origin) == 0)
		return true;
	rig_audit_report(result, "CHECKPOINT_SIG", &nowhere, origin, note->origin);
	return false;
}

/* Appends a leaf; false, after saying so, when it is not the next one or has no link. */
static bool
append_leaf(ReturnSetInfo *result, RigMerkleRange *range, RigHasher *hasher, HeapTuple row, TupleDesc columns)
{
	bool		isnull;
	int64		index = DatumGetInt64(SPI_getbinval(row, columns, 1, &isnull));
	RigAuditPlace place = {
		.chain = DatumGetInt32(SPI_getbinval(row, columns, 2, &isnull)),
		.seq = DatumGetInt64(SPI_getbinval(row, columns, 3, &isnull))
	};
	Datum		link = SPI_getbinval(row, columns, 4, &isnull);
	uint8		leaf[RIG_DIGEST_SIZE];

	if (index != (int64) range->size)
	{
		rig_audit_report(result, "TREE_ROOT", &place, psprintf(UINT64_FORMAT, range->size), psprintf(INT64_FORMAT, index));
		return false;
	}
	if (isnull || VARSIZE_ANY_EXHDR(DatumGetPointer(link)) != RIG_DIGEST_SIZE)
	{
		rig_audit_report(result, "TREE_ROOT", &place, "a link", NULL);
		return false;
	}
	rig_merkle_leaf(hasher, VARDATA_ANY(DatumGetPointer(link)), RIG_DIGEST_SIZE, leaf);
	rig_merkle_range_append(range, hasher, leaf, NULL);
	return true;
}

/* Reads the leaves up to the size of the note; false when one is missing. */
static bool
read_leaves(ReturnSetInfo *result, RigMerkleRange *range, RigHasher *hasher, int64 size)
{
	Oid			types[] = {INT8OID};
	Datum		values[] = {Int64GetDatum(size)};
	bool		complete = true;
	uint64		fetched;
	Portal		portal = SPI_cursor_open_with_args(NULL, "SELECT t.idx, t.chain, t.seq, l.link FROM rigalpha.audit_tree t"
												   " LEFT JOIN rigalpha.audit_links l ON l.chain = t.chain AND l.seq = t.seq"
												   " WHERE t.idx < $1 ORDER BY t.idx", 1, types, values, NULL, true, 0);

	do
	{
		CHECK_FOR_INTERRUPTS();
		SPI_cursor_fetch(portal, true, BATCH);
		fetched = SPI_processed;
		for (uint64 i = 0; complete && i < fetched; i++)
			complete = append_leaf(result, range, hasher, SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
		SPI_freetuptable(SPI_tuptable);
	} while (complete && fetched > 0);
	SPI_cursor_close(portal);
	return complete;
}

void
rig_audit_verify_checkpoint(ReturnSetInfo *result, const char *text)
{
	const RigAuditPlace nowhere = {0};
	RigHasher	hasher = rig_audit_hasher_begin();
	RigMerkleRange range;
	RigAuditNode node;
	Note		note;
	int64		size;
	uint8		root[RIG_DIGEST_SIZE];

	if (!parse_note(&note, text))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("checkpoint is not a signed note"),
				 errhint("Give one whole note of the file of checkpoints: origin, size, root and what follows, each in its line.")));
	size = (int64) rig_audit_tree_size();
	rig_merkle_range_init(&range);
	if (rig_audit_node(&node) && is_of_this_log(result, &node, &note))
	{
		if (note.size > size)
			rig_audit_report(result, "CHECKPOINT_AHEAD", &nowhere, psprintf(INT64_FORMAT, note.size), psprintf(INT64_FORMAT, size));
		else if (read_leaves(result, &range, &hasher, note.size))
		{
			rig_merkle_range_root(&range, &hasher, root);
			if (memcmp(root, note.root, sizeof(root)) != 0)
				rig_audit_report(result, "TREE_ROOT", &nowhere, rig_audit_hex(note.root), rig_audit_hex(root));
		}
	}
	rig_audit_hasher_end(&hasher);
}
