/*
 * Sends the signed checkpoints of the audit log to a Kafka topic, at least once
 * and in order, so that they leave this machine.
 */
#ifndef RIG_CHECKPOINT_EXPORT_H
#define RIG_CHECKPOINT_EXPORT_H

#include "postgres.h"

#include "failure.h"

/* One step, which never waits for a broker; nothing while no topic is set. */
extern bool rig_checkpoint_export_tick(RigFailure *failure);

#endif
