/*
 * The partitions that a consumer holds, with the offset of the next message to
 * store in each, as the database has it. Sorted by partition.
 */
#ifndef RIG_LEASE_H
#define RIG_LEASE_H

#include <stdint.h>

#include "kafka_client.h"

typedef struct RigLease
{
	int64_t		generation;
	int			count;			/* partitions; 0 = another worker holds the lease */
	RigKafkaPosition *positions;
} RigLease;

extern void rig_lease_sort(RigLease *lease);

/* Position of a partition, NULL when the lease does not cover it. */
extern RigKafkaPosition *rig_lease_find(const RigLease *lease, int32_t partition);

/* These messages are stored. */
extern void rig_lease_advance(RigLease *lease, const RigKafkaMessage *messages, int count);

#endif
