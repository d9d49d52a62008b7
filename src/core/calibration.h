/*
 * From scores to surprise, which is -log10 of a p-value: the same language for every detector.
 * Conformal p-values (Bates et al. 2021) from scores of healthy data that took no part in
 * training, continued beyond the largest of them by a generalised Pareto tail (Pickands 1975);
 * and the risk that is shown. combination.h combines those of several detectors.
 */
#ifndef RIG_CALIBRATION_H
#define RIG_CALIBRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "status.h"

#define RIG_CALIBRATION_POINTS 512
#define RIG_CALIBRATION_MIN_SCORES 20

/* No p-value is taken for smaller than 1e-15. */
#define RIG_SURPRISE_MAX 15.0f

typedef struct RigCalibrationOptions
{
	double		tail_share;		/* of the scores, modelled by the Pareto tail: 0 < share <= 0.5 */
	double		effective_count;	/* independent scores that the n are worth; 0 = n */
} RigCalibrationOptions;

typedef struct RigCalibration
{
	int64_t		count;			/* scores that it was learnt from; 0 = none */
	float		scores[RIG_CALIBRATION_POINTS]; /* ascending; the last distinct one fills up */
	float		surprise[RIG_CALIBRATION_POINTS];	/* -log10 p at the score, ascending alike */
	float		threshold;		/* where the tail begins; the last of scores */
	float		scale;			/* of the tail, > 0, in units of the score */
	float		shape;			/* of the tail: > 0 heavy, 0 exponential, < 0 with an end */
	float		share;			/* p at the threshold */
	float		limit;			/* largest surprise that the scores support, <= RIG_SURPRISE_MAX */
	float		beyond;			/* share of what exceeds it that counts all the same, 0 .. 1 */
} RigCalibration;

/* Tail beyond the 98 % point, every score independent. */
extern RigCalibrationOptions rig_calibration_defaults(void);

/*
 * Learns from n scores in any order, larger = stranger; those that are not finite are left
 * out. RIG_INVALID_ARGUMENT when fewer than RIG_CALIBRATION_MIN_SCORES remain, all are equal,
 * or an option is out of range. options NULL = defaults. The result holds no pointer.
 */
extern RigStatus rig_calibration_fit(RigCalibration *calibration, RigArena *scratch, const float *scores,
									 int64_t n, const RigCalibrationOptions *options);

/* Whether a calibration that came from elsewhere is one: ascending, finite, within its ranges. */
extern bool rig_calibration_check(const RigCalibration *calibration);

/*
 * -log10 p of a score, 0 .. RIG_SURPRISE_MAX; p = (1 + #{calibration scores >= score}) / (n + 1)
 * at calibration scores, linear in between, which overstates no score. What exceeds the limit
 * counts by its share. Never descends with the score; NaN for NaN.
 */
extern float rig_calibration_surprise(const RigCalibration *calibration, float score);

/*
 * Risk 0..1 of a surprise, piecewise linear: 0 at 0, 0.5 at surprise 2, 0.8 at alarm_surprise
 * (-log10 of the false alarms per reading that are accepted, > 0), 1 at twice that. With
 * alarm_surprise <= 2 the first part runs straight from 0 to 0.8. NaN for NaN.
 */
extern float rig_risk(double surprise, double alarm_surprise);

#endif
