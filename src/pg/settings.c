#include "postgres.h"

#include <limits.h>

#include "datatype/timestamp.h"
#include "settings.h"
#include "utils/guc.h"

int			rig_alarm_lateness;
bool		rig_auto_train;
int			rig_auto_train_readings;
double		rig_false_alarms_per_day;
int			rig_clock_tolerance;
int			rig_future_tolerance;
int			rig_lstm_stride;
int			rig_machine_quota;
int			rig_max_new_partitions;
int			rig_max_payload;
int			rig_model_cache_size;
int			rig_partitions_ahead;
int			rig_retention_days;
int			rig_retrain_interval;
int			rig_sensor_quota;
int			rig_session_idle_timeout;
int			rig_session_lifetime;
int			rig_silent_after;
int			rig_train_mem;
int			rig_training_workers;

static void
define_training_settings(void)
{
	DefineCustomBoolVariable("rigalpha.auto_train",
							 "Whether every machine gets a model without being asked for.",
							 "The background worker trains it when the machine has sent enough readings, and again as it sends more.",
							 &rig_auto_train, true, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.auto_train_readings",
							"Readings of a machine from which its first automatic training is made.",
							NULL,
							&rig_auto_train_readings, 2000, 200, INT_MAX, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomRealVariable("rigalpha.false_alarms_per_day",
							 "False alarms per machine and day that models are trained to keep to.",
							 "The option false_alarm_rate of a training overrides it.",
							 &rig_false_alarms_per_day, 0.2, 0.0001, 10000, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.retrain_interval",
							"Age from which the automatic model of a machine is trained anew.",
							"Earlier, while the machine is new, its model is trained anew whenever its readings have doubled. Zero turns this off.",
							&rig_retrain_interval, 7 * SECS_PER_DAY, 0, INT_MAX, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.train_mem",
							"Most memory of one training.",
							"A training that needs more is an error, before the server runs out of memory.",
							&rig_train_mem, 1024 * 1024, 16 * 1024, INT_MAX, PGC_SUSET, GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.training_workers",
							"Most automatic trainings at a time.",
							"Each is a process that keeps one core busy.",
							&rig_training_workers, 1, 0, 64, PGC_SUSET, 0,
							NULL, NULL, NULL);
}

static void
define_account_settings(void)
{
	DefineCustomIntVariable("rigalpha.session_idle_timeout",
							"Time without a request after which a session of the sidecar ends.",
							"Use is noted once a minute, so a session may end up to a minute earlier.",
							&rig_session_idle_timeout, 30 * SECS_PER_MINUTE,
							2 * SECS_PER_MINUTE, 30 * SECS_PER_DAY, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.session_lifetime",
							"Time after which a session of the sidecar ends, however much it is used.",
							NULL,
							&rig_session_lifetime, 12 * SECS_PER_HOUR,
							2 * SECS_PER_MINUTE, 365 * SECS_PER_DAY, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
}

static void
define_scoring_settings(void)
{
	DefineCustomIntVariable("rigalpha.alarm_lateness",
							"How late by the device clock a reading may be and still change limit alarms.",
							"It is taken where it belongs, and what no longer holds is retracted. An older one is stored and changes no alarm.",
							&rig_alarm_lateness, 5000, 0, 600000, PGC_SUSET, GUC_UNIT_MS,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.clock_tolerance",
							"How far ahead of the server clock a device clock may be before that is an incident.",
							NULL,
							&rig_clock_tolerance, 5, 1, INT_MAX / 1000, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.lstm_stride",
							"Every how many readings of a machine the windowed detectors run while it keeps up.",
							"These are the LSTM autoencoder and the PCA of windows. A worker that falls behind runs them less often by itself; "
							"machine_state.window_stride shows how often. Zero turns them off on ingest.",
							&rig_lstm_stride, 1, 0, 256, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.model_cache_size",
							"Most memory that a connection keeps models in.",
							"The model that was used least recently goes first, and is read again when it is needed.",
							&rig_model_cache_size, 256 * 1024, 1024, INT_MAX, PGC_SUSET, GUC_UNIT_KB,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.silent_after",
							"Time without a reading after which a machine is reported as silent.",
							NULL,
							&rig_silent_after, 30, 1, INT_MAX / 1000, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
}

/*
 * All are for superusers: ingest runs with the rights of its owner, so a client must not be
 * able to widen its own limits.
 */
void
rig_define_settings(void)
{
	DefineCustomIntVariable("rigalpha.future_tolerance",
							"How far ahead of the server clock a reading may be.",
							"A reading further ahead becomes a dead letter: it would pin the latest state and make partitions for days to come. "
							"Raise it only while device clocks are known to be wrong.",
							&rig_future_tolerance, 300, 0, INT_MAX / 1000, PGC_SUSET, GUC_UNIT_S,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.machine_quota",
							"Most machines that appear by themselves.",
							"A reading of one more machine becomes a dead letter, which can be replayed after the quota is raised.",
							&rig_machine_quota, 10000, 0, INT_MAX, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.max_new_partitions",
							"Most days for which one transaction makes partitions.",
							"Each takes locks. A batch that needs more is refused as a whole and must be split; "
							"a single payload that needs more has its surplus readings refused.",
							&rig_max_new_partitions, 8, 1, 366, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.max_payload",
							"Largest payload that is parsed.",
							"Of a larger one the dead letter keeps the SHA-256 and the first 4 KiB.",
							&rig_max_payload, 1024 * 1024, 1024, 64 * 1024 * 1024, PGC_SUSET, GUC_UNIT_BYTE,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.partitions_ahead",
							"Days for which partitions are made ahead.",
							"The clock of the background worker makes them; ingest makes a missing one itself.",
							&rig_partitions_ahead, 7, 0, 366, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.retention_days",
							"Days that readings are kept.",
							"An older reading becomes a dead letter when it arrives.",
							&rig_retention_days, 400, 1, 36500, PGC_SUSET, 0,
							NULL, NULL, NULL);
	DefineCustomIntVariable("rigalpha.sensor_quota",
							"Most sensors that a machine gets by sending new names.",
							"Values under further names are not stored, and the message is kept as a dead letter. "
							"machines.sensor_quota overrides it for one machine.",
							&rig_sensor_quota, 512, 1, 1600, PGC_SUSET, 0,
							NULL, NULL, NULL);
	define_account_settings();
	define_training_settings();
	define_scoring_settings();
	MarkGUCPrefixReserved("rigalpha");
}
