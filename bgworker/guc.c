#include "postgres.h"

#include <limits.h>

#include "guc.h"
#include "utils/guc.h"
#include "utils/varlena.h"

#define BATCH_BYTES_DEFAULT (4 * 1024 * 1024)
#define BATCH_BYTES_MIN (64 * 1024)
#define BATCH_BYTES_MAX (256 * 1024 * 1024)
#define BATCH_MESSAGES_DEFAULT 1000
#define BATCH_MESSAGES_MAX 100000
#define LINGER_DEFAULT_MS 10
#define LINGER_MAX_MS 1000
#define LOCK_TIMEOUT_DEFAULT_MS 5000
#define LOCK_TIMEOUT_MIN_MS 100

/*
 * Most payload bytes stored by one transaction. A single larger message still
 * makes a transaction of its own.
 */
int			rig_guc_batch_bytes = BATCH_BYTES_DEFAULT;

/*
 * Most messages stored by one transaction. Larger batches cost fewer commits
 * and hold more memory; above a few thousand nothing is gained.
 */
int			rig_guc_batch_messages = BATCH_MESSAGES_DEFAULT;

/*
 * Topic that signed checkpoints of the audit log are sent to, so that they leave
 * this machine; empty = none. Nobody who can write here should be able to write
 * or delete there, so give the topic rights of its own.
 */
char	   *rig_guc_checkpoint_topic = NULL;

/* Kafka source whose brokers and properties are used for that topic. */
char	   *rig_guc_checkpoint_source = NULL;

/*
 * Databases to serve, a list of names as in search_path. Each gets one
 * supervisor, also before the extension exists in it. A database must be taken
 * off the list, or dropped WITH (FORCE), before DROP DATABASE.
 */
char	   *rig_guc_databases = NULL;

/* How long the first message of a batch waits for company. */
int			rig_guc_linger = LINGER_DEFAULT_MS;

/*
 * lock_timeout of the worker's sessions: a batch that meets a longer lock is
 * rolled back and tried again, so that the worker never holds up a lock queue.
 */
int			rig_guc_lock_timeout = LOCK_TIMEOUT_DEFAULT_MS;

/*
 * Folder that holds the files named by *_file properties of sources. When set,
 * files elsewhere are refused; when empty, any absolute path is allowed.
 */
char	   *rig_guc_secrets_directory = NULL;

static bool
check_databases(char **newval, void **extra, GucSource source)
{
	char	   *copy = pstrdup(*newval);
	List	   *names;
	bool		valid = SplitIdentifierString(copy, ',', &names);

	if (!valid)
		GUC_check_errdetail("List syntax is invalid.");
	list_free(names);
	pfree(copy);
	return valid;
}

static bool
check_secrets_directory(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || is_absolute_path(*newval))
		return true;
	GUC_check_errdetail("The path must be absolute.");
	return false;
}

static void
define_integer(const char *name, const char *description, int *variable, int boot, int min, int max, int unit)
{
	DefineCustomIntVariable(name, description, NULL, variable, boot, min, max, PGC_SIGHUP, unit, NULL, NULL, NULL);
}

void
rig_guc_define(void)
{
	define_integer("rigalpha_worker.batch_bytes", "Most payload bytes stored by one transaction.",
				   &rig_guc_batch_bytes, BATCH_BYTES_DEFAULT, BATCH_BYTES_MIN, BATCH_BYTES_MAX, GUC_UNIT_BYTE);
	define_integer("rigalpha_worker.batch_messages", "Most messages stored by one transaction.",
				   &rig_guc_batch_messages, BATCH_MESSAGES_DEFAULT, 1, BATCH_MESSAGES_MAX, 0);
	DefineCustomStringVariable("rigalpha_worker.checkpoint_source", "Kafka source whose brokers take the checkpoints.", NULL,
							   &rig_guc_checkpoint_source, "", PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("rigalpha_worker.checkpoint_topic", "Topic that checkpoints of the audit log are sent to.", NULL,
							   &rig_guc_checkpoint_topic, "", PGC_SIGHUP, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("rigalpha_worker.databases", "Databases whose Kafka sources are consumed.", NULL,
							   &rig_guc_databases, "", PGC_SIGHUP, GUC_LIST_INPUT, check_databases, NULL, NULL);
	define_integer("rigalpha_worker.linger", "How long the first message of a batch waits for more.",
				   &rig_guc_linger, LINGER_DEFAULT_MS, 0, LINGER_MAX_MS, GUC_UNIT_MS);
	define_integer("rigalpha_worker.lock_timeout", "How long a batch waits for a lock before it is rolled back and tried again.",
				   &rig_guc_lock_timeout, LOCK_TIMEOUT_DEFAULT_MS, LOCK_TIMEOUT_MIN_MS, INT_MAX, GUC_UNIT_MS);
	DefineCustomStringVariable("rigalpha_worker.secrets_directory", "Folder of the files that *_file properties of sources name.", NULL,
							   &rig_guc_secrets_directory, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY, check_secrets_directory, NULL, NULL);
	MarkGUCPrefixReserved(RIG_GUC_PREFIX);
}
