/* Limits of a machine, read when they are first needed and kept with the catalog. */
#ifndef RIG_MACHINE_LIMITS_H
#define RIG_MACHINE_LIMITS_H

#include "catalog.h"
#include "limit_monitor.h"

/* Limits in which every sensor is normal; zeroed memory of that context. */
extern RigLimits *rig_limits_make(MemoryContext context, int32 width);

/* Sets a limit, or none where it is null. */
extern void rig_limits_set(RigLimits *limits, RigLimitKind kind, int32 position, Datum value, bool isnull);

/* NULL when no sensor of the machine has any. Valid as long as the catalog. */
extern const RigLimits *rig_machine_limits(RigCatalog *catalog, RigMachine *machine);

#endif
