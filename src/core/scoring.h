/*
 * Scoring of readings in time order against a model: one row at a time or in blocks, with the
 * same result. What a machine's earlier readings mean for the next one is kept in a RigWindow,
 * which can be thrown away and filled again from stored readings.
 */
#ifndef RIG_SCORING_H
#define RIG_SCORING_H

#include <stdbool.h>
#include <stdint.h>

#include "arena.h"
#include "model.h"
#include "status.h"

/* Rows that are scored together. */
#define RIG_SCORING_BLOCK 64

/* A missing value is taken to be the last one for so many periods. */
#define RIG_SCORING_HOLD_PERIODS 5

/* After more than so many periods without a reading the window starts anew. */
#define RIG_SCORING_GAP_PERIODS 3

/* With more of its features missing a reading has no score. */
#define RIG_SCORING_MOST_MISSING 0.5f

/* Readings that a machine takes to settle in another state, at most. */
#define RIG_SCORING_MOST_SETTLING 120

/* Rows to replay so that a window is as if it had never been thrown away. */
#define RIG_SCORING_REPLAY RIG_SCORING_MOST_SETTLING

/* A value repeated so often is stuck, unless training saw it rest at that value. */
#define RIG_SCORING_STUCK_RUN 20

#define RIG_SCORING_NO_TIME INT64_MIN

/* Why there is no risk. */
typedef enum RigScoreReason
{
	RIG_SCORE_GIVEN,
	RIG_SCORE_TOO_MUCH_MISSING,
	RIG_SCORE_WARMING_UP		/* the model has windowed detectors only, and the window is short */
} RigScoreReason;

/* One feature's part in a score. */
typedef struct RigContribution
{
	int32_t		feature;
	float		share;			/* of the surprise; the shares of all features together are 1 */
	float		value;			/* as sent or held; the median where it is missing */
	float		expected;		/* by the other features where they say something, else the median */
	float		z;				/* robust z against training; NaN for a masked feature */
	RigDetector detector;		/* that gave most of the share */
} RigContribution;

typedef struct RigScore
{
	RigScoreReason reason;
	bool		warmup;			/* windowed detectors had too few readings in a row */
	float		risk;			/* 0..1; NaN = none, see reason */
	float		surprise;		/* -log10 of the p-value of all detectors together; NaN like risk */
	float		missing;		/* share of features without a value of their own or a recent one */
	int16_t		state;			/* that the machine has been in for a while; 0 = none */
	const RigRegime *regime;	/* of that state, which judges the reading; NULL = none */
	int32_t		stuck;			/* feature that repeats its value, or -1 */
	float		raw[RIG_DETECTORS]; /* NaN = did not score */
	float		surprises[RIG_DETECTORS];	/* -log10 of their p-values */
	RigContribution *explanation;	/* of all features, the largest share first; NULL = not asked for */
} RigScore;

/* The recent past of one machine. */
typedef struct RigWindow
{
	const RigModel *model;
	int64_t		time;			/* of the newest reading; RIG_SCORING_NO_TIME = none */
	int32_t		first;			/* valid rows are first .. end - 1 of the buffers */
	int32_t		end;
	int16_t		state;			/* of the newest reading */
	int32_t		settled;		/* readings in that state, in a row */
	int32_t		settling;		/* of them that belong to the change into it */
	int32_t		unscored;		/* readings since the windowed detectors last ran */
	float	   *prepared;		/* RIG_WINDOW_CAPACITY x features */
	uint8_t    *present;		/* the same; 0 = filled in */
	float	   *projections;	/* RIG_WINDOW_CAPACITY x 4 hidden; NULL without LSTM */
	uint8_t    *projected;		/* RIG_WINDOW_CAPACITY */
	float	   *last_values;	/* features */
	int64_t    *last_times;
	int32_t    *runs;			/* equal values in a row */
	int32_t		longest_run;	/* of those, or more */
} RigWindow;

#define RIG_WINDOW_CAPACITY (RIG_MODEL_WINDOW - 1 + RIG_SCORING_BLOCK)

/* Work space for one thread and one model. */
typedef struct RigScorer
{
	const RigModel *model;
	float	   *values;			/* RIG_SCORING_BLOCK x features, filled in */
	float	   *z;				/* RIG_SCORING_BLOCK each */
	float	   *forest;
	float	   *residual;		/* window x features */
	float	   *parts;			/* features */
	float	   *row;			/* features: a row prepared for its regime */
	void	   *autoencoder;
	bool		explain_worst;	/* only the riskiest of the rows that are scored together */
	float		explain_from;	/* risk from which scores are explained; INFINITY = none are */
	RigArena   *explanations;	/* where explanations go; the caller's */
} RigScorer;

/* A window for the model without any reading; NULL when out of memory. */
extern RigWindow *rig_window_create(RigArena *arena, const RigModel *model);

/* As after creation. */
extern void rig_window_clear(RigWindow *window);

extern RigScorer *rig_scorer_create(RigArena *arena, const RigModel *model);

/*
 * Scores count rows of the model's features (NaN = missing) in time order, and moves the
 * window past them. times may be NULL when the model's rows have no time, and states when
 * nobody knows what the machine was doing. The windowed detectors run for every stride-th
 * reading, from 1; 0 = never. With scores NULL the rows are only replayed into the window.
 */
extern void rig_score_rows(RigScorer *scorer, RigWindow *window, const float *values, const int64_t *times,
						   const int16_t *states, int64_t count, int32_t stride, RigScore *scores);

/* The largest surprise of the detectors by PCA; NaN without any. */
extern float rig_score_pca(const RigScore *score);

/* Short name of a detector, as the method of an explanation. */
extern const char *rig_detector_name(RigDetector detector);

/* The reason in words, for people. */
extern const char *rig_score_reason_text(RigScoreReason reason);

/*
 * Takes one reading into the window without scoring it; rig_score_rows() does so itself.
 * filled receives its values with what is missing filled in, z the score of RIG_DETECTOR_Z.
 * Returns the share of missing features; above RIG_SCORING_MOST_MISSING the reading stays out
 * of the window and z is not set.
 */
extern float rig_window_take(RigWindow *window, const float *values, int64_t time, float *filled, float *z);

/*
 * Surprise of a raw score of one detector in a regime, or in none (NULL). That of a largest
 * deviation is bounded by what it would be among so many normal features: a tail that training
 * saw too little of shall not make two deviations an alarm.
 */
extern float rig_score_surprise(const RigModel *model, const RigRegime *regime, RigDetector detector, float raw);

/*
 * Notes the state of the next reading. Returns it once the machine has settled in it, else 0:
 * while pumps start and levels come up it does what belongs to neither state.
 */
extern int16_t rig_window_settle(RigWindow *window, int16_t state);

/* Combines the raw scores of up to RIG_SCORING_BLOCK readings into surprises and risk, as rig_score_rows() does. */
extern void rig_score_combine(const RigModel *model, RigScore *const *scores, int count);

#endif
