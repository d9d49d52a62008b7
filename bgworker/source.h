/*
 * A Kafka source as the worker sees it, read from the database.
 */
#ifndef RIG_SOURCE_H
#define RIG_SOURCE_H

#include "postgres.h"

#include "failure.h"

typedef struct RigProperty
{
	char	   *key;
	char	   *value;
} RigProperty;

/* All strings live in the memory context that the source was read in. */
typedef struct RigSource
{
	int32		id;
	int32		workers;
	bool		paused;
	int64		revision;
	char	   *name;
	char	   *brokers;
	char	   *topic;
	char	   *database;
	char	   *config;			/* text of the jsonb, to notice changes */
	int			property_count;
	RigProperty *properties;
} RigSource;

/* Sources of the database without their properties; *count of them. */
extern RigSource *rig_source_list(int *count, RigFailure *failure);

/* One source without its properties; NULL when it is gone or on failure. */
extern RigSource *rig_source_read(int32 id, RigFailure *failure);

/* Read the properties of its configuration. */
extern bool rig_source_read_properties(RigSource *source, RigFailure *failure);

/* True when a consumer must be started anew to follow the change. */
extern bool rig_source_differs(const RigSource *a, const RigSource *b);

#endif
