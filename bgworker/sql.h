/*
 * The worker functions of the extension; each call is one transaction.
 */
#ifndef RIG_SQL_H
#define RIG_SQL_H

#include "postgres.h"

#include "failure.h"
#include "kafka_client.h"
#include "lease.h"

/* What became of the messages of a batch. */
typedef struct RigIngested
{
	int32		accepted;
	int32		merged;
	int32		duplicates;
	int32		rejected;
	int32		skipped;
} RigIngested;

/* Identity of a consumer in its calls. */
typedef struct RigSlot
{
	int32		source;
	int32		slot;
	int32		slots;
} RigSlot;

/* True when the extension and its worker functions exist. */
extern bool rig_sql_extension_present(bool *present, RigFailure *failure);
extern bool rig_sql_abi(int32 *abi, RigFailure *failure);
extern bool rig_sql_maintenance_tick(RigFailure *failure);
extern bool rig_sql_audit_tick(RigFailure *failure);
extern bool rig_sql_training_tick(RigFailure *failure);
extern bool rig_sql_watch_tick(RigFailure *failure);

/* The oldest checkpoint that was not exported, with its note in the caller's context; size -1 = none. */
extern bool rig_sql_next_checkpoint(int64 *size, char **note, RigFailure *failure);
extern bool rig_sql_checkpoint_exported(int64 size, const char *note, RigFailure *failure);

extern bool rig_sql_claim(const RigSlot *slot, int partition_count, RigLease *lease, RigFailure *failure);
extern bool rig_sql_ingest(int32 source, int64 generation, const RigKafkaMessage *messages, int count,
						   RigIngested *ingested, RigFailure *failure);
extern bool rig_sql_reject(int32 source, int64 generation, const RigKafkaMessage *message,
						   const char *reason, const char *detail, RigFailure *failure);
extern bool rig_sql_gap(int32 source, int64 generation, int32 partition, int64 from, int64 to,
						const char *reason, RigFailure *failure);

/* error may be NULL; watermarks gives the end of each partition that is known. */
extern bool rig_sql_report(const RigSlot *slot, const char *state, const char *error,
						   const RigKafkaPosition *watermarks, int count, RigFailure *failure);

#endif
