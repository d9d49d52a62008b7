#include "postgres.h"

#include <limits.h>

#include "settings.h"
#include "utils/guc.h"

int			rig_future_tolerance;
int			rig_machine_quota;
int			rig_max_new_partitions;
int			rig_max_payload;
int			rig_partitions_ahead;
int			rig_retention_days;
int			rig_sensor_quota;

/*
 * All are for superusers: ingest runs with the rights of its owner, so a client must not be
 * able to widen its own limits.
 */
void
rig_define_settings(void)
{
	DefineCustomIntVariable("rigalpha.future_tolerance",
							"How far ahead of the server clock a reading may be.",
							"A reading further ahead becomes a dead letter: it would pin the latest state and make partitions for days to come. "
							"Raise it only while device clocks are known to be wrong.",
							&rig_future_tolerance, 300, 0, INT_MAX / 1000, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.machine_quota",
							"Most machines that appear by themselves.",
							"A reading of one more machine becomes a dead letter, which can be replayed after the quota is raised.",
							&rig_machine_quota, 10000, 0, INT_MAX, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.max_new_partitions",
							"Most days for which one transaction makes partitions.",
							"Each takes locks. A batch that needs more is refused as a whole and must be split; "
							"a single payload that needs more has its surplus readings refused.",
							&rig_max_new_partitions, 8, 1, 366, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.max_payload",
							"Largest payload that is parsed.",
							"Of a larger one the dead letter keeps the SHA-256 and the first 4 KiB.",
							&rig_max_payload, 1024 * 1024, 1024, 64 * 1024 * 1024, PGC_SUSET, GUC_UNIT_BYTE,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.partitions_ahead",
							"Days for which partitions are made ahead.",
							"The clock of the background worker makes them; ingest makes a missing one itself.",
							&rig_partitions_ahead, 7, 0, 366, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.retention_days",
							"Days that readings are kept.",
							"An older reading becomes a dead letter when it arrives.",
							&rig_retention_days, 400, 1, 36500, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.sensor_quota",
							"Most sensors that a machine gets by sending new names.",
							"Values under further names are not stored, and the message is kept as a dead letter. "
							"machines.sensor_quota overrides it for one machine.",
							&rig_sensor_quota, 512, 1, 1600, PGC_SUSET, 0,
							NULL, NULL, NULL);
	MarkGUCPrefixReserved("rigalpha");
}
