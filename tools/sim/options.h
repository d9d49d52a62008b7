/*
 * Command line of rigalpha-sim.
 */
#ifndef RIG_OPTIONS_H
#define RIG_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#define RIG_EXIT_UNACKNOWLEDGED 1
#define RIG_EXIT_BUSY 2
#define RIG_EXIT_USAGE 64

#define RIG_OPTIONS_MAX_FAULTS 64
#define RIG_OPTIONS_MAX_KAFKA 32
#define RIG_OPTIONS_MAX_MACHINES 100000
#define RIG_OPTIONS_MAX_SENSORS 5000

typedef enum RigCommand
{
	RIG_COMMAND_RUN,
	RIG_COMMAND_BACKFILL,
	RIG_COMMAND_REPLAY
} RigCommand;

/* A fault asked for on the command line. */
typedef struct RigFaultRequest
{
	int kind;
	const char *machine; /* NULL: the first one */
	double after_s; /* from the first message, in device time */
	double duration_s;
} RigFaultRequest;

typedef struct RigOptions
{
	RigCommand command;

	/* destination: exactly one of kafka, http, to_stdout is used */
	const char *kafka; /* brokers */
	const char *topic;
	const char *http; /* URL without /api/v1/ingest */
	bool to_stdout;
	const char *token_file;
	bool idempotent;
	int linger_ms; /* -1: the destination's default */
	int batch; /* readings per HTTP request */
	struct
	{
		const char *name;
		const char *value;
	} kafka_options[RIG_OPTIONS_MAX_KAFKA];
	int kafka_option_count;

	/* what is simulated */
	const char **machines;
	int machine_count;
	int sensors;
	double rate; /* per machine, or of the replay; INFINITY = as fast as possible */
	bool rate_given;
	double step_s; /* device time between messages of a machine; 0 = from the rate */
	double throttle; /* messages per second in all, for the past; 0 = none */
	uint64_t seed;
	double dropouts;
	const char *truth; /* file */
	RigFaultRequest faults[RIG_OPTIONS_MAX_FAULTS];
	int fault_count;
	const char *sequence; /* sensor that counts messages */
	double backfill_hours;
	bool start_given;
	int64_t start_us;
	double duration_s; /* 0 = without end */
	uint64_t limit; /* messages; 0 = without end */

	/* replay */
	const char *file;
	const char *replay_machine;
	const char *time_column;
	const char *state_column;
	const char *time_zone;
	const char *columns;
	int loop; /* 0 = without end */

	/* surroundings */
	const char *control; /* row of the control table */
	bool verbose;
} RigOptions;

/* Reads the command line; prints a message and exits when it is wrong. */
extern void rig_options_parse(RigOptions *options, int argc, char **argv);

/* Text that names the destination, for messages and locks; buffer of the caller. */
extern const char *rig_options_target(const RigOptions *options, char *buffer, int size);

#endif
