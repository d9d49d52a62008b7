#include "lease.h"

#include <stdlib.h>

static int
compare_partitions(const void *a, const void *b)
{
	int32_t		left = ((const RigKafkaPosition *) a)->partition;
	int32_t		right = ((const RigKafkaPosition *) b)->partition;

	return (left > right) - (left < right);
}

void
rig_lease_sort(RigLease *lease)
{
	qsort(lease->positions, (size_t) lease->count, sizeof(RigKafkaPosition), compare_partitions);
}

RigKafkaPosition *
rig_lease_find(const RigLease *lease, int32_t partition)
{
	RigKafkaPosition key = {.partition = partition};

	if (lease->count == 0)
		return NULL;
	return bsearch(&key, lease->positions, (size_t) lease->count, sizeof(RigKafkaPosition), compare_partitions);
}

void
rig_lease_advance(RigLease *lease, const RigKafkaMessage *messages, int count)
{
	for (int i = 0; i < count; i++)
	{
		RigKafkaPosition *position = rig_lease_find(lease, messages[i].partition);

		if (position != NULL)
			position->offset = messages[i].offset + 1;
	}
}
