#include "postgres.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/fd.h"

#include "audit.h"
#include "pg_compat.h"

#define LIBRARY "rigalpha"

RIG_SQL_FUNCTION(rig_audit_library_hash);

/* audit_library_hash(): SHA-256 of the file that the library is loaded from; NULL when it cannot be read. */
Datum
rig_audit_library_hash(PG_FUNCTION_ARGS)
{
	RigHasher	hasher = rig_audit_hasher();
	FILE	   *file = AllocateFile(psprintf("%s/%s%s", pkglib_path, LIBRARY, DLSUFFIX), PG_BINARY_R);
	StringInfoData content;
	RigBytes	whole;
	char		block[BLCKSZ];
	size_t		size;
	uint8		hash[RIG_DIGEST_SIZE];

	if (file == NULL)
		PG_RETURN_NULL();
	initStringInfo(&content);
	while ((size = fread(block, 1, sizeof(block), file)) > 0)
		appendBinaryStringInfo(&content, block, (int) size);
	FreeFile(file);
	whole = (RigBytes) {content.data, content.len};
	hasher.sha256(hasher.context, &whole, 1, hash);
	pfree(content.data);
	return rig_audit_hash_datum(hash);
}
