#include "kafka_config.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "kafka_client.h"

const RigKafkaSetting RIG_KAFKA_DEFAULTS[] = {
	{"fetch.wait.max.ms", "100"},
	/* Batches wait in the database for as long as it takes; the client must not give up on us. */
	{"max.poll.interval.ms", "86400000"},
	{"reconnect.backoff.max.ms", "5000"},
	{"reconnect.backoff.ms", "100"},
	{"socket.keepalive.enable", "true"},
	{"socket.timeout.ms", "30000"},
	{"topic.metadata.refresh.interval.ms", "10000"},
	{NULL, NULL}
};

const RigKafkaSetting RIG_KAFKA_DEFAULTS_BEFORE_2_2[] = {
	/* More than a second of data, because the fetcher sleeps that long on a full queue. */
	{"queued.max.messages.kbytes", "393216"},
	{"queued.min.messages", "300000"},
	{NULL, NULL}
};

const RigKafkaSetting RIG_KAFKA_DEFAULTS_SINCE_2_2[] = {
	{"fetch.queue.backoff.ms", "10"},
	{"queued.max.messages.kbytes", "65536"},
	{"queued.min.messages", "100000"},
	{NULL, NULL}
};

const RigKafkaSetting RIG_KAFKA_MANDATORY[] = {
	{"auto.offset.reset", "error"},
	{"enable.auto.commit", "false"},
	{"enable.auto.offset.store", "false"},
	{"enable.partition.eof", "false"},
	{"isolation.level", "read_committed"},
	{"log.queue", "true"},
	{NULL, NULL}
};

/*
 * Set by the worker, or able to run a program, load a library or send signals
 * inside the server process. A trailing dot stands for a family.
 */
static const char *const REFUSED[] = {
	"auto.commit.enable",
	"auto.offset.reset",
	"bootstrap.servers",
	"enable.auto.commit",
	"enable.auto.offset.store",
	"enable.partition.eof",
	"internal.termination.signal",
	"isolation.level",
	"log.queue",
	"metadata.broker.list",
	"plugin.library.paths",
	"sasl.kerberos.",
	"ssl.engine.",
	"ssl.providers",
	"test.mock.num.brokers",
};

bool
rig_kafka_property_refused(const char *key)
{
	for (size_t i = 0; i < sizeof(REFUSED) / sizeof(REFUSED[0]); i++)
	{
		size_t		length = strlen(REFUSED[i]);
		bool		family = REFUSED[i][length - 1] == '.';

		/* Compared with its end, unless it stands for a family. */
		if (strncasecmp(key, REFUSED[i], family ? length : length + 1) == 0)
			return true;
	}
	return false;
}
