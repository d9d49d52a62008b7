#include "explanation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Deviation that is still usual among dozens of features. */
#define USUAL_DEVIATION 3.0f

/* A feature that its PCA follows to this degree is not constrained by the others. */
#define LEAST_REDUNDANCY 0.05f

typedef struct Explaining
{
	const RigScorer *scorer;
	const RigModel *model;
	const RigScale *scale;		/* of the regime, like all that concerns the row */
	const float *z_weight;
	const RigPca *pca;			/* NULL = none */
	const float *residual_weight;
	const float *filled;		/* the reading */
	const float *prepared;
	const uint8_t *present;
	const float *window;		/* the prepared rows that end with it; NULL = too few */
	const uint8_t *window_present;
	float	   *residual;		/* of the row's PCA */
	float	   *freedom;		/* 1 - h: how little the PCA follows each feature */
	float	   *parts;			/* of one detector */
	float	   *window_residual;	/* window x features */
} Explaining;

static void
part_z(Explaining *e)
{
	int32_t		largest = 0;
	bool		any = false;

	for (int32_t f = 0; f < e->model->features; f++)
	{
		float		deviations = fabsf(e->prepared[f]) * e->z_weight[f];

		e->parts[f] = fmaxf(deviations - USUAL_DEVIATION, 0);
		any |= e->parts[f] > 0;
		if (deviations > fabsf(e->prepared[largest]) * e->z_weight[largest])
			largest = f;
	}
	if (!any)
		e->parts[largest] = 1;
}

/* T2 = sum over features of z_f times its coefficient; negative terms are left out. */
static void
part_t2(Explaining *e)
{
	const RigPca *pca = e->pca;

	float		scores[RIG_PCA_SCORES];

	if (pca != NULL)
		rig_pca_project(pca, e->prepared, scores);
	for (int32_t k = 0; pca != NULL && k < pca->components; k++)
	{
		const float *loading = pca->loadings + (size_t) k * pca->dimensions;

		for (int32_t f = 0; f < pca->dimensions; f++)
			e->parts[f] += scores[k] / pca->variances[k] * loading[f] * (e->prepared[f] - pca->mean[f]);
	}
	for (int32_t f = 0; f < e->model->features; f++)
		e->parts[f] = fmaxf(e->parts[f], 0);
}

/*
 * Q = sum over features of residual times z, because the residual is perpendicular to what the
 * PCA follows. Of two features that used to move together and do not any more both leave the
 * same residual; it is the one whose own value went the residual's way that moved.
 */
static void
add_perpendicular(const float *residual, const float *weight, const float *prepared, int32_t count, float *parts)
{
	for (int32_t f = 0; f < count; f++)
		parts[f] += residual[f] * prepared[f] * weight[f] * weight[f];
}

static void
part_residual(Explaining *e)
{
	add_perpendicular(e->residual, e->residual_weight, e->prepared, e->model->features, e->parts);
}

static void
part_window(Explaining *e)
{
	if (e->window == NULL)
		return;
	rig_pca_score(&e->model->window_pca, e->window, NULL, NULL, NULL, e->window_residual);
	for (int32_t r = 0; r < RIG_MODEL_WINDOW; r++)
	{
		size_t		place = (size_t) r * (size_t) e->model->features;

		add_perpendicular(e->window_residual + place, e->model->window_weight + place, e->window + place,
						  e->model->features, e->parts);
	}
}

/* A path that got shorter by a split on the feature made the reading more conspicuous. */
static void
part_forest(Explaining *e)
{
	rig_forest_contributions(&e->model->forest, e->filled, e->parts);
	for (int32_t f = 0; f < e->model->features; f++)
		e->parts[f] = fmaxf(e->parts[f], 0);
}

static void
part_lstm(Explaining *e)
{
	if (e->window != NULL)
		rig_autoencoder_score(&e->model->autoencoder, e->window, NULL, e->window_present, e->scorer->autoencoder,
							  e->parts);
}

static void (*const part_of[RIG_DETECTORS]) (Explaining *) = {
	[RIG_DETECTOR_Z] = part_z,
	[RIG_DETECTOR_T2] = part_t2,
	[RIG_DETECTOR_RESIDUAL] = part_residual,
	[RIG_DETECTOR_WINDOW] = part_window,
	[RIG_DETECTOR_FOREST] = part_forest,
	[RIG_DETECTOR_LSTM] = part_lstm,
};

/* What the row's PCA leaves unexplained, and how far it follows each feature. */
static void
look_at_row(Explaining *e)
{
	const RigPca *pca = e->pca;

	for (int32_t f = 0; f < e->model->features; f++)
	{
		e->residual[f] = 0;
		e->freedom[f] = 0;
	}
	if (pca == NULL)
		return;
	rig_pca_score(pca, e->prepared, NULL, NULL, NULL, e->residual);
	for (int32_t f = 0; f < pca->dimensions; f++)
		e->freedom[f] = 1;
	for (int32_t k = 0; k < pca->components; k++)
		for (int32_t f = 0; f < pca->dimensions; f++)
		{
			float		loading = pca->loadings[(size_t) k * pca->dimensions + f];

			e->freedom[f] -= loading * loading;
		}
}

static float
expected_value(const Explaining *e, int32_t feature)
{
	float		z = 0;

	if (e->freedom[feature] > LEAST_REDUNDANCY)
		z = e->prepared[feature] - e->residual[feature] / e->freedom[feature];
	return rig_scale_restore(e->scale, feature, z);
}

/* Adds the shares of one detector, weighted; false when it points at nothing. */
static bool
add_parts(Explaining *e, RigDetector detector, float weight, RigContribution *contributions, float *most)
{
	double		sum = 0;

	memset(e->parts, 0, (size_t) e->model->features * sizeof(float));
	part_of[detector] (e);
	for (int32_t f = 0; f < e->model->features; f++)
	{
		if (!e->present[f] || !(e->parts[f] >= 0))
			e->parts[f] = 0;
		sum += e->parts[f];
	}
	if (!(sum > 0))
		return false;
	for (int32_t f = 0; f < e->model->features; f++)
	{
		float		share = weight * (float) (e->parts[f] / sum);

		contributions[f].share += share;
		if (share > most[f])
		{
			most[f] = share;
			contributions[f].detector = detector;
		}
	}
	return true;
}

static int
compare_contributions(const void *a, const void *b)
{
	const RigContribution *x = a;
	const RigContribution *y = b;

	if (x->share != y->share)
		return x->share > y->share ? -1 : 1;
	return x->feature - y->feature;
}

/* What the row is judged by: its regime, if it has one, else the whole. */
static void
take_regime(Explaining *e, const RigRegime *regime, float *prepared)
{
	const RigModel *model = e->model;

	e->scale = regime == NULL ? &model->scale : &regime->scale;
	e->z_weight = regime == NULL ? model->z_weight : regime->z_weight;
	e->residual_weight = regime == NULL ? model->residual_weight : regime->residual_weight;
	e->pca = regime == NULL ? &model->row_pca : &regime->row_pca;
	if (!model->has[RIG_DETECTOR_RESIDUAL] || (regime != NULL && !regime->has_pca))
		e->pca = NULL;
	if (regime != NULL)
	{
		rig_regime_prepare(regime, e->filled, prepared);
		e->prepared = prepared;
	}
}

RigContribution *
rig_explain(const RigScorer *scorer, const RigWindow *window, int32_t row, const float *filled, const RigScore *score)
{
	const RigModel *model = scorer->model;
	size_t		features = (size_t) model->features;
	float	   *memory = rig_arena_allocate(scorer->explanations, (5 + RIG_MODEL_WINDOW) * features * sizeof(float));
	RigContribution *contributions = rig_arena_allocate(scorer->explanations, features * sizeof(RigContribution));
	int32_t		start = row + 1 - RIG_MODEL_WINDOW;
	float		total = 0;
	Explaining	e = {.scorer = scorer, .model = model, .filled = filled};

	if (memory == NULL || contributions == NULL)
		return NULL;
	e.prepared = window->prepared + (size_t) row * features;
	e.present = window->present + (size_t) row * features;
	e.window = start < window->first ? NULL : window->prepared + (size_t) start * features;
	e.window_present = start < window->first ? NULL : window->present + (size_t) start * features;
	e.residual = memory;
	e.freedom = memory + features;
	e.parts = memory + 2 * features;
	e.window_residual = memory + 5 * features;
	take_regime(&e, rig_model_regime(model, score->state), memory + 4 * features);
	memset(memory + 3 * features, 0, features * sizeof(float));
	look_at_row(&e);
	for (int32_t f = 0; f < model->features; f++)
		contributions[f] = (RigContribution) {
			.feature = f, .value = filled[f], .expected = expected_value(&e, f),
			.z = e.scale->spread[f] > 0 ? (filled[f] - e.scale->center[f]) / e.scale->spread[f] : NAN,
		};
	for (int k = 0; k < RIG_DETECTORS; k++)
		if (score->surprises[k] > 0 &&
			add_parts(&e, (RigDetector) k, score->surprises[k], contributions, memory + 3 * features))
			total += score->surprises[k];
	if (!(total > 0))
		return NULL;
	for (int32_t f = 0; f < model->features; f++)
		contributions[f].share /= total;
	qsort(contributions, features, sizeof(RigContribution), compare_contributions);
	return contributions;
}
