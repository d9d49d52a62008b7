/*
 * What this backend knows of machines, sensors and positions: a cache of the tables, checked
 * at the start of every ingest.
 *
 * A trigger on each table sends a relcache invalidation, so other backends learn of a change
 * when it commits and this one at its next command; an abort sends it again. The cache can
 * therefore hold positions that its own transaction made, and never keeps them if it aborts.
 */
#ifndef RIG_CATALOG_H
#define RIG_CATALOG_H

#include "datatype/timestamp.h"

#include "line_protocol.h"
#include "names.h"
#include "reading_parser.h"

typedef struct RigMachine
{
	int32		id;
	int32		name;			/* id in RigCatalog.machine_names */
	int16		width;			/* highest position */
	int32		model_version;	/* model_versions.id that scores it; 0 = none */
	TimestampTz newest;			/* a hint: a later reading needs no look for a stored one */
	int32		map_size;
	int16	   *positions;		/* by id in RigCatalog.sensor_names: position, 0 = not a sensor of this machine,
								 * or RIG_POSITION_REFUSED */
	bool		limits_loaded;
	struct RigLimits *limits;	/* see machine_limits.h */
} RigMachine;

/* Listeners get "readings:" or "sensors:" and machine ids, or an asterisk for all. */
#define RIG_NOTIFY_CHANNEL "rigalpha"

/* A name that discovery refused: over the quota. Asked again when the catalog is loaded anew. */
#define RIG_POSITION_REFUSED (-1)

typedef struct RigCatalog
{
	MemoryContext context;
	uint64		generation;		/* differs from that of every earlier catalog of the backend */
	int			sensor_quota;	/* setting under which names were refused */
	RigArena	arena;
	RigNames   *sensor_names;	/* the dictionary first, then aliases and whatever keys came */
	int32		dictionary_size;
	RigNames   *machine_names;
	RigReadingParser *parser;
	RigLineParser *line_parser;
	int32		machine_count;
	RigMachine *machines;		/* by id, ascending */
	int32		by_name_size;
	RigMachine **by_name;		/* by id in machine_names; NULL = a name that is no machine */
} RigCatalog;

/* Registers the invalidation callback; once, when the library is loaded. */
extern void rig_catalog_register(void);

/*
 * The current catalog, loaded if it is stale. Raises an error unless the node row names this
 * cluster and database. The pointer is valid until the next call.
 */
extern RigCatalog *rig_catalog_get(void);

extern RigMachine *rig_catalog_machine_by_name(RigCatalog *catalog, const char *name, int32 length);
extern RigMachine *rig_catalog_machine_by_id(RigCatalog *catalog, int32 id);

/* Notes that a reading of the machine was stored; forgotten again if the transaction aborts. */
extern void rig_catalog_note_newest(RigMachine *machine, TimestampTz ts);

/* Notes that the machine may have no sensor of that name. */
extern void rig_catalog_refuse_name(RigCatalog *catalog, RigMachine *machine, int32 name);

/* Position of a sensor of the machine, from 1; 0 or RIG_POSITION_REFUSED if it has none of that name. */
static inline int16
rig_machine_position(const RigMachine *machine, int32 name)
{
	return name < machine->map_size ? machine->positions[name] : 0;
}

/* Name of the machine, for messages; palloc'd. */
extern char *rig_catalog_machine_name(RigCatalog *catalog, const RigMachine *machine);

/* Name of the sensor at a position, for messages; palloc'd. */
extern char *rig_catalog_sensor_at(RigCatalog *catalog, const RigMachine *machine, int16 position);

#endif
