/*
 * From the surprises of several detectors to one: the Cauchy combination (Liu and Xie 2020), for
 * one reading or for many side by side, and Bonferroni's bound.
 */
#ifndef RIG_COMBINATION_H
#define RIG_COMBINATION_H

/* Most readings that are combined side by side, and most detectors. */
#define RIG_COMBINED_ROWS 64
#define RIG_COMBINED_DETECTORS 8

/*
 * Combined surprise of n detectors with their weights (>= 0, any sum). NaN entries and those
 * of weight 0 drop out; NaN when none is left. Valid for small p however the detectors depend
 * on each other; p is clipped to 1e-15 .. 0.999.
 */
extern double rig_combine_cauchy(const float *surprises, const float *weights, int n);

/*
 * The same for many readings, with the same results; surprises[d * RIG_COMBINED_ROWS + r] is what
 * detector d says of reading r. Both arrays have room for RIG_COMBINED_ROWS readings, which may be
 * overwritten beyond those that are there.
 */
extern void rig_combine_cauchy_rows(float *surprises, const float *weights, int n, int rows, double *combined);

/* The same by the smallest p times the number of detectors (Bonferroni); weights only tell which take part. */
extern double rig_combine_min(const float *surprises, const float *weights, int n);

#endif
