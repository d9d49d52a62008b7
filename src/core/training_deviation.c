#include "training_deviation.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "training_rows.h"

/* Windows overlap; every so many one is taken. */
#define WINDOW_STEP 5

/* Fewer rows say nothing about how a feature strays. */
#define LEAST_ROWS 50

static double *
allocate_sums(RigArena *arena, int32_t features)
{
	double	   *sums = rig_arena_allocate(arena, (size_t) features * sizeof(double));

	if (sums != NULL)
		memset(sums, 0, (size_t) features * sizeof(double));
	return sums;
}

RigStatus
rig_deviations_begin(RigDeviations *deviations, RigArena *arena, int32_t features)
{
	*deviations = (RigDeviations) {.features = features, .arena = arena};
	deviations->window = allocate_sums(arena, features);
	return deviations->window == NULL ? RIG_OUT_OF_MEMORY : RIG_OK;
}

static RigStateDeviation *
find_state(RigDeviations *deviations, const RigRegime *regime)
{
	RigStateDeviation *state = &deviations->states[regime == NULL ? 0 : regime->state];

	if (state->z == NULL)
	{
		state->z = allocate_sums(deviations->arena, deviations->features);
		state->residual = allocate_sums(deviations->arena, deviations->features);
	}
	return state->z == NULL || state->residual == NULL ? NULL : state;
}

static void
add_squares(double *sums, const float *values, const float *weights, int32_t count)
{
	for (int32_t i = 0; i < count; i++)
	{
		double		deviation = (double) values[i] * (double) weights[i];

		sums[i] += deviation * deviation;
	}
}

static RigStatus
add_rows(RigDeviations *deviations, RigArena *scratch, const RigModel *model, const RigTrainingRows *rows)
{
	size_t		features = (size_t) model->features;
	float	   *own = rig_arena_allocate(scratch, features * sizeof(float));
	float	   *residual = rig_arena_allocate(scratch, features * sizeof(float));

	if (own == NULL || residual == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int64_t r = 0; r < rows->count; r++)
	{
		const RigRegime *regime = rig_model_regime(model, rows->states[r]);
		RigStateDeviation *state = find_state(deviations, regime);
		const float *prepared = rows->prepared + (size_t) r * features;
		bool		has_pca = regime == NULL ? model->has[RIG_DETECTOR_RESIDUAL] : regime->has_pca;

		if (state == NULL)
			return RIG_OUT_OF_MEMORY;
		if (regime != NULL)
		{
			rig_regime_prepare(regime, rows->filled + (size_t) r * features, own);
			prepared = own;
		}
		state->count++;
		add_squares(state->z, prepared, regime == NULL ? model->z_weight : regime->z_weight, model->features);
		if (!has_pca)
			continue;
		rig_pca_score(regime == NULL ? &model->row_pca : &regime->row_pca, prepared, NULL, NULL, NULL, residual);
		add_squares(state->residual, residual, regime == NULL ? model->residual_weight : regime->residual_weight,
					model->features);
	}
	return RIG_OK;
}

static RigStatus
add_windows(RigDeviations *deviations, RigArena *scratch, const RigModel *model, const RigTrainingRows *rows)
{
	size_t		features = (size_t) model->features;
	float	   *residual = rig_arena_allocate(scratch, RIG_MODEL_WINDOW * features * sizeof(float));

	if (residual == NULL)
		return RIG_OUT_OF_MEMORY;
	for (int64_t i = 0; i < rows->window_count; i += WINDOW_STEP)
	{
		rig_pca_score(&model->window_pca, rows->prepared + (size_t) rows->window_starts[i] * features, NULL, NULL, NULL,
					  residual);
		for (size_t w = 0; w < RIG_MODEL_WINDOW; w++)
			add_squares(deviations->window, residual + w * features, model->window_weight + w * features,
						model->features);
		deviations->windows += RIG_MODEL_WINDOW;
	}
	return RIG_OK;
}

RigStatus
rig_deviations_add(RigDeviations *deviations, RigArena *scratch, const RigModel *model, const RigDataset *data)
{
	RigTrainingRows rows;
	RigStatus	status = rig_training_rows_make(&rows, scratch, data, model);

	if (status == RIG_OK)
		status = add_rows(deviations, scratch, model, &rows);
	if (status == RIG_OK && model->has[RIG_DETECTOR_WINDOW])
		status = add_windows(deviations, scratch, model, &rows);
	return status;
}

/*
 * Divides rows x features weights by the root of the deviations that the features strayed: all
 * of it would trust the next hours to stray as far again.
 */
static void
divide(float *weights, int32_t rows, int32_t features, const double *sums, int64_t count)
{
	if (weights == NULL || sums == NULL || count < LEAST_ROWS)
		return;
	for (int32_t i = 0; i < rows * features; i++)
	{
		double		strayed = pow(sums[i % features] / (double) count, 0.25);

		if (strayed > 1)
			weights[i] = (float) ((double) weights[i] / strayed);
	}
}

void
rig_deviations_apply(const RigDeviations *deviations, RigModel *model)
{
	const RigStateDeviation *state = &deviations->states[0];

	divide(model->z_weight, 1, model->features, state->z, state->count);
	divide(model->residual_weight, 1, model->features, state->residual, state->count);
	for (int32_t i = 0; i < model->regime_count; i++)
	{
		RigRegime  *regime = &model->regimes[i];

		state = &deviations->states[regime->state];
		divide(regime->z_weight, 1, model->features, state->z, state->count);
		divide(regime->has_pca ? regime->residual_weight : NULL, 1, model->features, state->residual, state->count);
	}
	divide(model->has[RIG_DETECTOR_WINDOW] ? model->window_weight : NULL, RIG_MODEL_WINDOW, model->features,
		   deviations->window, deviations->windows);
}
