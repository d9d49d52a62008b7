#include "model.h"

#include <math.h>
#include <stddef.h>

#include "kernel.h"

/* Separate from the method, because kernels are compiled several times. */
RIG_KERNEL static float
prepare_row(const float *restrict values, const float *restrict center, const float *restrict spread,
			const float *restrict weight, int32_t features, float *restrict prepared)
{
	int32_t		largest = 0;

	for (int32_t f = 0; f < features; f++)
	{
		float		quotient = (values[f] - center[f]) / spread[f];
		float		z = spread[f] > 0 ? quotient : 0;
		int32_t		magnitude = rig_magnitude_bits(fabsf(z) * weight[f]);
		float		bounded = z > RIG_MODEL_CLIP ? RIG_MODEL_CLIP : z;

		largest = magnitude > largest ? magnitude : largest;
		prepared[f] = bounded < -RIG_MODEL_CLIP ? -RIG_MODEL_CLIP : bounded;
	}
	return rig_magnitude_of_bits(largest);
}

float
rig_model_prepare(const RigModel *model, const float *values, float *prepared)
{
	return prepare_row(values, model->scale.center, model->scale.spread, model->z_weight, model->features, prepared);
}

float
rig_regime_prepare(const RigRegime *regime, const float *values, float *prepared)
{
	return prepare_row(values, regime->scale.center, regime->scale.spread, regime->z_weight, regime->scale.features,
					   prepared);
}

const RigRegime *
rig_model_regime(const RigModel *model, int16_t state)
{
	for (int32_t i = 0; i < model->regime_count; i++)
		if (model->regimes[i].state == state)
			return &model->regimes[i];
	return NULL;
}

bool
rig_model_rests_at(const RigModel *model, int32_t feature, float value)
{
	const float *rests = model->rests + (size_t) feature * RIG_MODEL_RESTS;

	for (int i = 0; i < RIG_MODEL_RESTS; i++)
		if (rests[i] == value || isinf(rests[i]))
			return true;
	return false;
}
