/*
 * Which features made a reading conspicuous, by how much, and what was expected of them.
 */
#ifndef RIG_EXPLANATION_H
#define RIG_EXPLANATION_H

#include "scoring.h"

typedef struct RigContribution
{
	int32_t		feature;
	float		share;			/* of the surprise; all shares together are 1 */
	float		value;			/* NaN = missing */
	float		expected;		/* by the other features where they say something, else the median */
	float		z;				/* robust z against training */
	RigDetector detector;		/* that gave most of the share */
} RigContribution;

/*
 * Contributions of all features to the score of the reading that rig_score_rows() scored last,
 * by a call with that one row. Every detector divides its own surprise among the features, and
 * weighs as much as it was surprised: the z by what exceeds 3, T2 by complete decomposition,
 * Q by reconstruction (Alcala and Qin 2009), so that a spike does not smear over the features it
 * is correlated with, the window and the autoencoder by their errors summed over the window,
 * the forest by the change of the expected path length at each split.
 *
 * contributions has room for the model's features and is sorted by share. scratch holds
 * temporary values. RIG_INVALID_ARGUMENT when the reading has no score or nothing surprised.
 */
extern RigStatus rig_explain(RigScorer *scorer, const RigWindow *window, const float *values, const RigScore *score,
							 RigArena *scratch, RigContribution *contributions);

#endif
