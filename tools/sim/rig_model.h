/*
 * One simulated rig: physics, instruments and their noise.
 *
 * Deterministic: the same seed, name and sequence of steps give the same values. Every
 * step draws the same count of random numbers in every activity, so two runs that differ
 * by a fault differ by its effect only.
 */
#ifndef RIG_MODEL_H
#define RIG_MODEL_H

#include <stdint.h>

#include "faults.h"

typedef struct RigModel RigModel;

/*
 * sensors beyond the built-in ones are plain noisy signals; fewer cut the table short.
 * dropouts is the chance that a reading misses one of its sensors. NULL when out of memory.
 */
extern RigModel *rig_model_create(uint64_t seed, const char *machine, int sensors, double dropouts);

extern void rig_model_destroy(RigModel *model);

/* Moves on by seconds and reads all instruments; an absent value is NAN. */
extern void rig_model_step(RigModel *model, int64_t time_us, double seconds, const RigFaultEffect *fault,
						   double *values);

extern const char *rig_model_state(const RigModel *model);

/* Name of a sensor by its place in values; buffer is used for those that are not built in. */
extern const char *rig_model_sensor_name(int index, char *buffer, int size);

#endif
