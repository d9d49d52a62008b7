/*
 * State of a consumer process: one slot of one source. README.md has the diagram.
 */
#ifndef RIG_CONSUMER_H
#define RIG_CONSUMER_H

#include "delivery.h"
#include "kafka_client.h"
#include "lease.h"
#include "source.h"
#include "sql.h"
#include "worker.h"

/* Each phase names the phases that may follow; any may also end the process. */
typedef enum RigPhase
{
	RIG_PHASE_OPEN,				/* no Kafka client yet: LOCATE, PAUSED */
	RIG_PHASE_LOCATE,			/* topic not seen yet: CLAIM, PAUSED */
	RIG_PHASE_CLAIM,			/* no lease: RUN, LOCATE, PAUSED */
	RIG_PHASE_RUN,				/* consuming: CLAIM, LOCATE, PAUSED */
	RIG_PHASE_PAUSED			/* OPEN, LOCATE, CLAIM */
} RigPhase;

typedef struct RigConsumer
{
	RigSlot		slot;
	RigPhase	phase;
	RigSource  *source;
	MemoryContext source_context;
	RigKafka   *kafka;			/* NULL until opened */
	int			partition_count;	/* of the topic; 0 = not known */
	RigLease	lease;
	MemoryContext lease_context;
	bool		claim_again;	/* once nothing is in flight */
	char		cluster[RIG_KAFKA_TEXT];	/* that the positions belong to; "" = not known */
	bool		restarted;		/* the cluster changed: every position is to be checked */
	RigDelivery delivery;
	RigBackoff	backoff;		/* of opening and claiming */
	int64		retry_us;		/* next attempt to open or claim */
	bool		failing;		/* the last attempt to open, or to call the database, failed */
	char		note[RIG_FAILURE_TEXT]; /* why it waits or fails, "" = it does not */
	int64		ask_us;			/* next question to the broker */
	int64		source_us;		/* next look at the source */
} RigConsumer;

/* consumer.c */

/* Say why the consumer waits or, when failing, what failed. */
extern void rig_consumer_set_note(RigConsumer *consumer, bool failing, const char *text);
extern void rig_consumer_clear_note(RigConsumer *consumer);

/* Fetch nothing; what is in flight will be fetched again. */
extern void rig_consumer_stop_fetching(RigConsumer *consumer);

/* Give up the partitions and claim them again, not before retry_us. */
extern void rig_consumer_enter_claim(RigConsumer *consumer, int64 retry_us);

/* The topic is gone: wait until it is there again. */
extern void rig_consumer_enter_locate(RigConsumer *consumer);

/* Another worker took the slot: wait for it to become free again. */
extern void rig_consumer_step_down(RigConsumer *consumer, int64 now_us);

/* consumer_broker.c */

/* Use an answer of the broker, and ask the next question when its time has come. */
extern void rig_broker_tend(RigConsumer *consumer, int64 now_us);

/* consumer_status.c */
extern void rig_status_init(RigConsumer *consumer);

/* Report state, lag and progress when due; one log line per change of state. */
extern void rig_status_tend(RigConsumer *consumer, int64 now_us);

/* Last report, before the process ends in order. */
extern void rig_status_stopped(RigConsumer *consumer);

#endif
