#include "consumer.h"

#include "pgstat.h"
#include "process.h"
#include "utils/memutils.h"

#define REPORT_INTERVAL_US INT64CONST(1000000)

typedef struct Status
{
	const char *state;
	const char *error;			/* NULL = none */
} Status;

static struct
{
	const char *state;			/* last state reported, and its error */
	char		error[RIG_FAILURE_TEXT];
	int64		report_us;		/* next report */
	int64		mirrored;		/* messages stored when positions were last mirrored */
}			last;

static const char *
text_or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

static Status
find_status(const RigConsumer *consumer)
{
	const char *note = text_or_null(consumer->note);

	if (consumer->source->paused)
		return (Status) {"paused", NULL};
	if (consumer->delivery.failure.sqlstate[0] != '\0')
		return (Status) {"error", consumer->delivery.failure.message};
	if (consumer->failing)
		return (Status) {"error", note};
	if (consumer->kafka != NULL && !rig_kafka_connected(consumer->kafka))
		return (Status) {"disconnected", text_or_null(rig_kafka_last_error(consumer->kafka))};
	if (consumer->phase == RIG_PHASE_RUN)
		return (Status) {"running", NULL};
	return (Status) {note == NULL ? "starting" : "waiting", note};
}

static void
log_change(const RigConsumer *consumer, Status status)
{
	const char *name = consumer->source->name;
	int			level = strcmp(status.state, "error") == 0 ? WARNING : LOG;

	if (status.error == NULL)
		ereport(level, (errmsg("rigalpha source \"%s\" worker %d: %s", name, consumer->slot.slot, status.state)));
	else
		ereport(level, (errmsg("rigalpha source \"%s\" worker %d: %s: %s", name, consumer->slot.slot, status.state, status.error)));
}

/* Collect the ends of the partitions as far as the client knows them. */
static int
collect_watermarks(const RigConsumer *consumer, RigKafkaPosition *watermarks)
{
	int			count = 0;

	if (consumer->kafka == NULL)
		return 0;
	for (int i = 0; i < consumer->lease.count; i++)
	{
		int32		partition = consumer->lease.positions[i].partition;
		int64		high = rig_kafka_high_watermark(consumer->kafka, partition);

		if (high >= 0)
			watermarks[count++] = (RigKafkaPosition) {partition, high};
	}
	return count;
}

static bool
report(const RigConsumer *consumer, Status status, RigFailure *failure)
{
	RigKafkaPosition *watermarks = palloc((consumer->lease.count + 1) * sizeof(RigKafkaPosition));
	int			count = collect_watermarks(consumer, watermarks);

	return rig_sql_report(&consumer->slot, status.state, status.error, watermarks, count, failure);
}

static void
mirror_positions(const RigConsumer *consumer)
{
	RigKafkaPosition *positions = palloc((consumer->lease.count + 1) * sizeof(RigKafkaPosition));
	int			count = 0;

	for (int i = 0; i < consumer->lease.count; i++)
	{
		if (consumer->lease.positions[i].offset >= 0)
			positions[count++] = consumer->lease.positions[i];
	}
	if (count > 0)
		rig_kafka_mirror(consumer->kafka, positions, count);
	last.mirrored = consumer->delivery.total;
}

static void
show_activity(const RigConsumer *consumer, Status status)
{
	char		text[160];
	int64		commits = 0;
	int64		failed = 0;

	if (consumer->kafka != NULL)
		rig_kafka_mirror_counts(consumer->kafka, &commits, &failed);
	snprintf(text, sizeof(text), "%s: %lld messages stored, offsets committed to the broker %lld times, %lld failed",
			 status.state, (long long) consumer->delivery.total, (long long) commits, (long long) failed);
	pgstat_report_activity(STATE_IDLE, text);
}

void
rig_status_init(RigConsumer *consumer)
{
	char		name[NAMEDATALEN * 2];

	snprintf(name, sizeof(name), "rigalpha %s/%d", consumer->source->name, consumer->slot.slot);
	pgstat_report_appname(name);
	last.state = "starting";
	last.error[0] = '\0';
}

void
rig_status_tend(RigConsumer *consumer, int64 now_us)
{
	Status		status = find_status(consumer);
	const char *error = status.error == NULL ? "" : status.error;
	bool		changed = strcmp(status.state, last.state) != 0;
	RigFailure	failure;

	if (changed && strcmp(status.state, "starting") != 0)
		log_change(consumer, status);
	if (!changed && now_us < last.report_us)
		return;
	/* The error belongs to the moment it came, or the status would renew its time. */
	if (!changed && strcmp(error, last.error) == 0)
		status.error = NULL;
	last.state = status.state;
	strlcpy(last.error, error, sizeof(last.error));
	last.report_us = now_us + REPORT_INTERVAL_US;
	show_activity(consumer, status);
	(void) report(consumer, status, &failure);
	if (consumer->phase == RIG_PHASE_RUN && consumer->delivery.total != last.mirrored)
		mirror_positions(consumer);
}

void
rig_status_stopped(RigConsumer *consumer)
{
	RigFailure	failure;

	rig_process_leave();
	(void) report(consumer, (Status) {"stopped", NULL}, &failure);
}
