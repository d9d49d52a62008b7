/*
 * Training in its three steps, so that a job can run each by itself: reading needs a
 * transaction of the role that asks, computing needs none, storing a short one.
 */
#ifndef RIG_TRAINING_H
#define RIG_TRAINING_H

#include "fmgr.h"

#include "model_options.h"
#include "model_source.h"

/* What train() and train_async() are asked for. */
typedef struct RigTrainingRequest
{
	char	   *model;
	char	   *source;
	char	   *machine;		/* NULL = a fleet */
	char	   *options_text;	/* as given, JSON */
	RigModelOptions options;
	int64		seed;
	bool		deploy;
} RigTrainingRequest;

typedef struct RigTraining
{
	const RigTrainingRequest *request;
	MemoryContext context;		/* of everything; at most rigalpha.train_mem */
	Size		used;			/* bytes of core memory */
	Size		limit;
	RigSource  *source;
	RigModelOptions options;	/* with the rate filled in */
	RigTrainingMetrics metrics;
	bytea	   *payload;
	char	   *metrics_text;	/* JSON */
	int32		version;
	char	   *status;
	int64		begun;			/* when, in microseconds */
} RigTraining;

/*
 * Checks the arguments of train() or train_async(), in their order; the request belongs to the
 * current context.
 */
extern RigTrainingRequest *rig_training_request(FunctionCallInfo fcinfo);

/* Memory in a context below parent, which the caller deletes. */
extern RigTraining *rig_training_begin(const RigTrainingRequest *request, MemoryContext parent);

/* Reads the source with the rights of the caller; needs a transaction and a snapshot. */
extern void rig_training_read(RigTraining *training);

/* Trains; needs no transaction. progress is told the fraction, and may raise errors. */
extern void rig_training_compute(RigTraining *training, const RigProgress *progress);

/* Stores the version as the owner, deploys it if asked to, and says so; needs a transaction and a snapshot. */
extern void rig_training_store(RigTraining *training);

/* Milliseconds since rig_training_begin(). */
extern double rig_training_elapsed(const RigTraining *training);

#endif
