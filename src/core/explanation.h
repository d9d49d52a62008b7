/* Which features made a reading conspicuous, by how much, and what was expected of them. */
#ifndef RIG_EXPLANATION_H
#define RIG_EXPLANATION_H

#include "scoring.h"

/* Less risky readings have nothing to explain. */
#define RIG_EXPLAINED_RISK 0.5f

/*
 * Contributions of all features to the score of one row of the window's buffers, whose values
 * before preparation are filled, sorted by share. Every detector divides its own surprise among
 * the features, and weighs as much as it was surprised: the z by what exceeds 3 deviations, T2
 * and the residuals by complete decomposition (Alcala and Qin 2011), the autoencoder by its
 * errors summed over the window, the forest by the change of the expected path length at each
 * split. A feature without a value of its own has no part.
 *
 * From the scorer's arena for explanations; NULL when there is no memory or nothing surprised.
 */
extern RigContribution *rig_explain(const RigScorer *scorer, const RigWindow *window, int32_t row, const float *filled,
									const RigScore *score);

#endif
