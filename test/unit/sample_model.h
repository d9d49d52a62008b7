/* A small trained model, for tests of what is done with models. */
#ifndef TEST_SAMPLE_MODEL_H
#define TEST_SAMPLE_MODEL_H

#include "model.h"

#define SAMPLE_MODEL_FEATURES 3

/*
 * Trains on made-up rows; every algorithm gives the same model each time on one machine. Aborts
 * when training fails.
 */
extern void sample_model(RigModel *model, RigArena *arena, RigAlgorithm algorithm);

/* A row of the kind that sample models are trained on. */
extern void sample_row(int64_t number, float *row);

#endif
