/* Sensor values as SQL has them, as rows of a model's features. */
#ifndef RIG_MODEL_ROW_H
#define RIG_MODEL_ROW_H

#include "fmgr.h"
#include "model.h"
#include "utils/array.h"
#include "utils/jsonb.h"

/* In the order of the features; null = missing. Raises an error unless the array holds exactly rows of them. */
extern float *rig_row_from_array(const RigModel *model, ArrayType *array, int rows);

/* By sensor name; what is no feature is ignored, what is no number is missing. */
extern float *rig_row_from_json(const RigModel *model, Jsonb *sensors);

/* Anything that is not finite as a float32 is missing. */
extern float rig_feature_value(float8 value);

#endif
