/*
 * Robust scaling of sensors: z = (x - median) / (IQR / 1.349), so that z has standard
 * deviation 1 for normal data and outliers in the training rows do not hide later ones.
 */
#ifndef RIG_ROBUST_SCALE_H
#define RIG_ROBUST_SCALE_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "status.h"

/* What becomes of a feature whose quartiles coincide although it is not constant. */
typedef enum RigScaleFallback
{
	RIG_SCALE_DEVIATION = 0,	/* mean and standard deviation take the place of median and IQR */
	RIG_SCALE_MASK				/* it is masked like a constant one */
} RigScaleFallback;

/* What center and spread are. */
typedef enum RigScaleMethod
{
	RIG_SCALE_QUARTILES = 0,	/* median and IQR / 1.349 */
	RIG_SCALE_WINSORISED		/* mean and standard deviation, after values beyond the 0.5 % and 99.5 % points
								 * were moved there: for sensors that rest most of the time, whose IQR says nothing */
} RigScaleMethod;

typedef struct RigScaleOptions
{
	RigScaleMethod method;
	RigScaleFallback fallback;	/* also when all values between the points are equal */
	int64_t		min_values;		/* a feature with fewer values is masked; at least 2 */
} RigScaleOptions;

typedef struct RigScale
{
	int32_t		features;
	int32_t		masked;			/* features whose spread is 0 */
	float	   *center;			/* features, in units of the sensor */
	float	   *spread;			/* features, > 0 in units of the sensor; 0 = masked */
} RigScale;

/* Fallback by deviation, at least 20 values. */
extern RigScaleOptions rig_scale_defaults(void);

/*
 * Learns center and spread of each column of rows (row_count x features, row-major). NaN and
 * infinite values are missing. A spread that float32 cannot resolve beside its center counts
 * as none. The arrays of the result come from arena, temporary memory from scratch; options
 * NULL = defaults. RIG_INVALID_ARGUMENT without rows or features.
 */
extern RigStatus rig_scale_fit(RigScale *scale, RigArena *arena, RigArena *scratch, const float *rows,
							   int64_t row_count, int32_t features, const RigScaleOptions *options);

/*
 * z of one row: clipped to -limit..limit, 0 for a masked feature whatever its value, NaN for a
 * missing value (infinities included). values and z may be the same array.
 */
extern void rig_scale_apply(const RigScale *scale, const float *values, float limit, float *z);

/* The median of count values, at least 1, which are left in another order. */
extern double rig_median(float *values, int64_t count);

/* The value of a feature in units of the sensor that has this z. */
static inline float
rig_scale_restore(const RigScale *scale, int32_t feature, float z)
{
	return scale->center[feature] + z * scale->spread[feature];
}

#endif
