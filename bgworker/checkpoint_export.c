#include "checkpoint_export.h"

#include "guc.h"
#include "options.h"
#include "sql.h"
#include "utils/memutils.h"

static RigKafkaProducer *producer = NULL;
static char *opened_for = NULL; /* all that the producer was opened with */

/* The checkpoint on its way. */
static int64 sending_size = -1;
static char *sending_note = NULL;

static void
close_producer(void)
{
	if (producer == NULL)
		return;
	rig_kafka_producer_close(producer);
	producer = NULL;
	pfree(opened_for);
	opened_for = NULL;
}

/* An error outside of the database, in the form in which a tick reports one. */
static bool
fail(RigFailure *failure, const char *text)
{
	strlcpy(failure->sqlstate, "58000", sizeof(failure->sqlstate));
	strlcpy(failure->message, text, sizeof(failure->message));
	return false;
}

static RigSource *
find_source(RigFailure *failure)
{
	int			count;
	RigSource  *sources = rig_source_list(&count, failure);

	if (failure->sqlstate[0] != '\0')
		return NULL;
	for (int i = 0; i < count; i++)
	{
		if (strcmp(sources[i].name, rig_guc_checkpoint_source) == 0)
			return &sources[i];
	}
	fail(failure, psprintf("there is no Kafka source \"%s\"", rig_guc_checkpoint_source));
	return NULL;
}

/* Make sure that the producer is the one that the settings and the source ask for. */
static bool
open_producer(RigFailure *failure)
{
	char		error[RIG_KAFKA_TEXT];
	RigSource  *source = find_source(failure);
	char	   *wanted;

	if (source == NULL)
		return false;
	wanted = psprintf("%s %s %s", rig_guc_checkpoint_topic, source->brokers, source->config);
	if (producer != NULL && strcmp(wanted, opened_for) == 0)
		return true;
	close_producer();
	if (!rig_source_read_properties(source, failure))
		return false;
	producer = rig_options_open_producer(source, rig_guc_checkpoint_topic, error, sizeof(error));
	if (producer == NULL)
		return fail(failure, error);
	opened_for = MemoryContextStrdup(TopMemoryContext, wanted);
	return true;
}

static void
forget_sending(void)
{
	if (sending_note != NULL)
		pfree(sending_note);
	sending_note = NULL;
	sending_size = -1;
}

static bool
send_next(RigFailure *failure)
{
	char		error[RIG_KAFKA_TEXT];
	int64		size;
	char	   *note;

	if (!rig_sql_next_checkpoint(&size, &note, failure))
		return false;
	if (size < 0)
		return true;
	if (!open_producer(failure))
		return false;
	if (!rig_kafka_producer_send(producer, psprintf(INT64_FORMAT, size), note, error, sizeof(error)))
		return fail(failure, error);
	sending_size = size;
	sending_note = MemoryContextStrdup(TopMemoryContext, note);
	return true;
}

bool
rig_checkpoint_export_tick(RigFailure *failure)
{
	char		error[RIG_KAFKA_TEXT] = "";
	bool		done = true;

	memset(failure, 0, sizeof(*failure));
	if (*rig_guc_checkpoint_topic == '\0' || *rig_guc_checkpoint_source == '\0')
	{
		forget_sending();
		close_producer();
		return true;
	}
	if (sending_size >= 0)
	{
		switch (rig_kafka_producer_poll(producer, error, sizeof(error)))
		{
			case RIG_KAFKA_SENDING:
				return true;
			case RIG_KAFKA_SENT:
				/* A failure here sends it a second time. */
				done = rig_sql_checkpoint_exported(sending_size, sending_note, failure);
				break;
			case RIG_KAFKA_FAILED:
			case RIG_KAFKA_IDLE:
				done = fail(failure, error);
				break;
		}
		forget_sending();
		if (!done)
			return false;
	}
	return send_next(failure);
}
