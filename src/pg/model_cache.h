/*
 * Decoded models of this backend, by model_versions.id. A version never changes, so nothing
 * here can be stale; what is least recently used goes at the end of a transaction when the
 * cache has grown beyond rigalpha.model_cache_size.
 */
#ifndef RIG_MODEL_CACHE_H
#define RIG_MODEL_CACHE_H

#include "arena.h"
#include "scoring.h"
#include "utils/palloc.h"

typedef struct RigCachedModel
{
	int32		id;				/* key */
	int32		version;		/* number within the model, for results */
	uint64		last_used;
	MemoryContext context;
	RigArena	arena;
	RigModel   *model;
	RigScorer  *scorer;
} RigCachedModel;

/* Registers the trimming; once, when the library is loaded. */
extern void rig_model_cache_register(void);

/*
 * A version for a user's query, with the caller's rights; version 0 = the one that is deployed
 * by the snapshot of the query. Raises an error when there is none or the caller may not use
 * it. Valid until the end of the transaction.
 */
extern RigCachedModel *rig_model_open(const char *name, int32 version);

/*
 * The same for a function that is called once per row: remembers in extra, a zeroed variable
 * that lives as long as the call site, what the name stood for, until a deployment changes it.
 */
typedef struct RigModelCall
{
	int32		id;
	uint64		seen;			/* changes of deployments when id was found */
	Oid			user;			/* who had the right to it */
	int32		version;		/* asked for */
	char		name[NAMEDATALEN];
} RigModelCall;

extern RigCachedModel *rig_model_open_again(RigModelCall *call, const char *name, int32 version);

/* A version for ingest, which has the owner's rights; NULL when it is gone. */
extern RigCachedModel *rig_model_open_version(int32 id);

/* One that is cached already, or NULL. */
extern RigCachedModel *rig_model_find(int32 id);

#endif
