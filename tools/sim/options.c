#include "options.h"

#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "faults.h"
#include "options_help.h"
#include "timestamp.h"

#define DEFAULT_BROKERS "127.0.0.1:19092"
#define DEFAULT_TOPIC "rigalpha.readings"
#define DEFAULT_SEED 1
#define MAX_HOURS (24 * 366 * 10)
#define MAX_SECONDS 1e9

enum
{
	OPTION_KAFKA = 256,
	OPTION_TOPIC,
	OPTION_HTTP,
	OPTION_STDOUT,
	OPTION_TOKEN_FILE,
	OPTION_IDEMPOTENT,
	OPTION_LINGER,
	OPTION_BATCH,
	OPTION_MACHINES,
	OPTION_SENSORS,
	OPTION_RATE,
	OPTION_STEP,
	OPTION_THROTTLE,
	OPTION_SEED,
	OPTION_DROPOUTS,
	OPTION_TRUTH,
	OPTION_FAULT,
	OPTION_SEQUENCE,
	OPTION_HOURS,
	OPTION_BACKFILL,
	OPTION_START_TIME,
	OPTION_DURATION,
	OPTION_LIMIT,
	OPTION_MACHINE,
	OPTION_TIME_COLUMN,
	OPTION_STATE_COLUMN,
	OPTION_TIMEZONE,
	OPTION_COLUMNS,
	OPTION_LOOP,
	OPTION_CONTROL
};

static const struct option option_names[] = {
	{"kafka", required_argument, NULL, OPTION_KAFKA},
	{"topic", required_argument, NULL, OPTION_TOPIC},
	{"http", required_argument, NULL, OPTION_HTTP},
	{"stdout", no_argument, NULL, OPTION_STDOUT},
	{"token-file", required_argument, NULL, OPTION_TOKEN_FILE},
	{"idempotent", no_argument, NULL, OPTION_IDEMPOTENT},
	{"linger", required_argument, NULL, OPTION_LINGER},
	{"batch", required_argument, NULL, OPTION_BATCH},
	{"machines", required_argument, NULL, OPTION_MACHINES},
	{"sensors", required_argument, NULL, OPTION_SENSORS},
	{"rate", required_argument, NULL, OPTION_RATE},
	{"step", required_argument, NULL, OPTION_STEP},
	{"throttle", required_argument, NULL, OPTION_THROTTLE},
	{"seed", required_argument, NULL, OPTION_SEED},
	{"dropouts", required_argument, NULL, OPTION_DROPOUTS},
	{"truth", required_argument, NULL, OPTION_TRUTH},
	{"fault", required_argument, NULL, OPTION_FAULT},
	{"sequence", required_argument, NULL, OPTION_SEQUENCE},
	{"hours", required_argument, NULL, OPTION_HOURS},
	{"backfill", required_argument, NULL, OPTION_BACKFILL},
	{"start-time", required_argument, NULL, OPTION_START_TIME},
	{"duration", required_argument, NULL, OPTION_DURATION},
	{"limit", required_argument, NULL, OPTION_LIMIT},
	{"machine", required_argument, NULL, OPTION_MACHINE},
	{"time-column", required_argument, NULL, OPTION_TIME_COLUMN},
	{"state-column", required_argument, NULL, OPTION_STATE_COLUMN},
	{"timezone", required_argument, NULL, OPTION_TIMEZONE},
	{"columns", required_argument, NULL, OPTION_COLUMNS},
	{"loop", required_argument, NULL, OPTION_LOOP},
	{"control", required_argument, NULL, OPTION_CONTROL},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{0}};

__attribute__((noreturn, format(printf, 1, 2))) static void
fail_usage(const char *format, ...)
{
	va_list arguments;

	fputs("rigalpha-sim: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputs("; see --help\n", stderr);
	exit(RIG_EXIT_USAGE);
}

static double
parse_number(const char *option, const char *text, double low, double high)
{
	char *end;
	double number = strtod(text, &end);

	if (*text == '\0' || *end != '\0' || !(number >= low && number <= high))
		fail_usage("--%s must be a number from %g to %g, not \"%s\"", option, low, high, text);
	return number;
}

static uint64_t
parse_count(const char *option, const char *text, uint64_t low, uint64_t high)
{
	char *end;
	unsigned long long number = strtoull(text, &end, 10);

	if (*text < '0' || *text > '9' || *end != '\0' || number < low || number > high)
		fail_usage("--%s must be a whole number from %llu to %llu, not \"%s\"", option, (unsigned long long) low,
				   (unsigned long long) high, text);
	return number;
}

static double
parse_rate(const char *text)
{
	return strcmp(text, "max") == 0 ? INFINITY : parse_number("rate", text, 0, 1e9);
}

static int64_t
parse_time(const char *text)
{
	int64_t time_us;

	if (strcmp(text, "now") == 0)
		return rig_clock_now();
	if (rig_timestamp_parse(text, strlen(text), &time_us) != RIG_TIMESTAMP_OK)
		fail_usage("--start-time must be RFC 3339 with an offset, such as 2026-01-05T12:00:00Z, not \"%s\"", text);
	return time_us;
}

static void *
allocate(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (memory == NULL)
	{
		fputs("rigalpha-sim: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	return memory;
}

/* A to Z, then M027 and so on. */
static void
name_machines(RigOptions *options, int count)
{
	options->machines = allocate((size_t) count, sizeof(char *));
	options->machine_count = count;
	for (int i = 0; i < count; i++)
	{
		char *name = allocate(16, 1);

		if (i < 26)
			name[0] = (char) ('A' + i);
		else
			snprintf(name, 16, "M%03d", i + 1);
		options->machines[i] = name;
	}
}

/* A count, or names separated by commas. */
static void
parse_machines(RigOptions *options, char *text)
{
	char *state;
	int count = 1;

	if (strspn(text, "0123456789") == strlen(text))
	{
		name_machines(options, (int) parse_count("machines", text, 1, RIG_OPTIONS_MAX_MACHINES));
		return;
	}
	for (const char *at = text; *at; at++)
		count += *at == ',';
	options->machines = allocate((size_t) count, sizeof(char *));
	options->machine_count = 0;
	for (char *name = strtok_r(text, ",", &state); name; name = strtok_r(NULL, ",", &state))
	{
		for (int i = 0; i < options->machine_count; i++)
			if (strcmp(options->machines[i], name) == 0)
				fail_usage("--machines names \"%s\" twice", name);
		options->machines[options->machine_count++] = name;
	}
	if (options->machine_count == 0)
		fail_usage("--machines names no machine");
}

/* KIND[@machine[:after_seconds[:duration]]] */
static void
parse_fault(RigOptions *options, char *text)
{
	char *machine = strchr(text, '@');
	char *after = machine ? strchr(machine, ':') : strchr(text, ':');
	char *duration = after ? strchr(after + 1, ':') : NULL;
	RigFaultRequest *request = &options->faults[options->fault_count];

	if (options->fault_count == RIG_OPTIONS_MAX_FAULTS)
		fail_usage("more than %d faults", RIG_OPTIONS_MAX_FAULTS);
	if (machine != NULL)
		*machine++ = '\0';
	if (after != NULL)
		*after++ = '\0';
	if (duration != NULL)
		*duration++ = '\0';
	request->kind = rig_fault_find(text, (int) strlen(text));
	if (request->kind == RIG_FAULT_NONE)
		fail_usage("unknown fault \"%s\" (known: %s)", text, rig_fault_list());
	request->machine = machine && *machine ? machine : NULL;
	request->after_s = after && *after ? parse_number("fault: seconds", after, 0, MAX_SECONDS) : 60;
	request->duration_s = duration && *duration ? parse_number("fault: duration", duration, 0.001, MAX_SECONDS) :
												  rig_fault_default_duration(request->kind);
	options->fault_count++;
}

static void
parse_kafka_option(RigOptions *options, char *text)
{
	char *value = strchr(text, '=');

	if (value == NULL || options->kafka_option_count == RIG_OPTIONS_MAX_KAFKA)
		fail_usage("-X must be NAME=VALUE, at most %d times, not \"%s\"", RIG_OPTIONS_MAX_KAFKA, text);
	*value++ = '\0';
	options->kafka_options[options->kafka_option_count].name = text;
	options->kafka_options[options->kafka_option_count].value = value;
	options->kafka_option_count++;
}

/* Options on the destination; false if it is none of them. */
static bool
set_target_option(RigOptions *options, int option, char *value)
{
	if (option == OPTION_KAFKA)
		options->kafka = value;
	else if (option == OPTION_TOPIC)
		options->topic = value;
	else if (option == OPTION_HTTP)
		options->http = value;
	else if (option == OPTION_STDOUT)
		options->to_stdout = true;
	else if (option == OPTION_TOKEN_FILE)
		options->token_file = value;
	else if (option == OPTION_IDEMPOTENT)
		options->idempotent = true;
	else if (option == OPTION_LINGER)
		options->linger_ms = (int) parse_count("linger", value, 0, 60000);
	else if (option == OPTION_BATCH)
		options->batch = (int) parse_count("batch", value, 1, 10000);
	else if (option == OPTION_CONTROL)
		options->control = value;
	else if (option == 'X')
		parse_kafka_option(options, value);
	else
		return false;
	return true;
}

static bool
set_replay_option(RigOptions *options, int option, char *value)
{
	if (option == OPTION_MACHINE)
		options->replay_machine = value;
	else if (option == OPTION_TIME_COLUMN)
		options->time_column = value;
	else if (option == OPTION_STATE_COLUMN)
		options->state_column = value;
	else if (option == OPTION_TIMEZONE)
		options->time_zone = value;
	else if (option == OPTION_COLUMNS)
		options->columns = value;
	else if (option == OPTION_LOOP)
		options->loop = (int) parse_count("loop", value, 0, 1000000000);
	else
		return false;
	return true;
}

static void
set_stream_option(RigOptions *options, int option, char *value)
{
	if (option == OPTION_MACHINES)
		parse_machines(options, value);
	else if (option == OPTION_SENSORS)
		options->sensors = (int) parse_count("sensors", value, 1, RIG_OPTIONS_MAX_SENSORS);
	else if (option == OPTION_RATE)
	{
		options->rate = parse_rate(value);
		options->rate_given = true;
	}
	else if (option == OPTION_STEP)
		options->step_s = parse_number("step", value, 0.000001, 86400);
	else if (option == OPTION_THROTTLE)
		options->throttle = parse_number("throttle", value, 0, 1e9);
	else if (option == OPTION_SEED)
		options->seed = parse_count("seed", value, 0, UINT64_MAX);
	else if (option == OPTION_DROPOUTS)
		options->dropouts = parse_number("dropouts", value, 0, 1);
	else if (option == OPTION_TRUTH)
		options->truth = value;
	else if (option == OPTION_FAULT)
		parse_fault(options, value);
	else if (option == OPTION_SEQUENCE)
		options->sequence = value;
	else if (option == OPTION_HOURS || option == OPTION_BACKFILL)
		options->backfill_hours = parse_number("hours", value, 0, MAX_HOURS);
	else if (option == OPTION_START_TIME)
	{
		options->start_us = parse_time(value);
		options->start_given = true;
	}
	else if (option == OPTION_DURATION)
		options->duration_s = parse_number("duration", value, 0, MAX_SECONDS);
	else if (option == OPTION_LIMIT)
		options->limit = parse_count("limit", value, 0, UINT64_MAX);
}

static void
set_option(RigOptions *options, int option, char *value)
{
	if (option == 'h')
	{
		fputs(rig_options_help, stdout);
		exit(EXIT_SUCCESS);
	}
	if (option == '?')
		exit(RIG_EXIT_USAGE);
	if (option == 'v')
		options->verbose = true;
	else if (!set_target_option(options, option, value) && !set_replay_option(options, option, value))
		set_stream_option(options, option, value);
}

/* The first word may name a subcommand; options may stand before and behind it. */
static void
parse_words(RigOptions *options, int count, char **words)
{
	int used = 0;

	if (count > 0 && strcmp(words[0], "run") == 0)
		used = 1;
	else if (count > 0 && strcmp(words[0], "backfill") == 0)
	{
		options->command = RIG_COMMAND_BACKFILL;
		used = 1;
	}
	else if (count > 0 && strcmp(words[0], "replay") == 0)
	{
		options->command = RIG_COMMAND_REPLAY;
		if (count < 2)
			fail_usage("replay needs a file");
		options->file = words[1];
		used = 2;
	}
	if (used < count)
		fail_usage("unexpected argument \"%s\"", words[used]);
}

static void
check_options(const RigOptions *options)
{
	if ((options->http != NULL) + options->to_stdout > 1)
		fail_usage("--http and --stdout exclude each other");
	if (options->command == RIG_COMMAND_BACKFILL && options->backfill_hours <= 0)
		fail_usage("backfill needs --hours");
	if (options->command == RIG_COMMAND_REPLAY)
	{
		if (options->fault_count > 0 || options->truth != NULL)
			fail_usage("a replay has no faults: what the file holds is what is sent");
		if (options->loop == 0 && options->limit == 0 && options->duration_s <= 0)
			fprintf(stderr, "rigalpha-sim: replaying without end\n");
		return;
	}
	if (isinf(options->rate) && options->backfill_hours > 0 && options->step_s <= 0)
		fail_usage("the past needs a time between messages: give --rate a number, or --step");
	if (options->rate <= 0)
		fail_usage("--rate must be above 0");
	for (int i = 0; i < options->fault_count; i++)
	{
		bool known = options->faults[i].machine == NULL;

		for (int j = 0; !known && j < options->machine_count; j++)
			known = strcmp(options->faults[i].machine, options->machines[j]) == 0;
		if (!known)
			fail_usage("--fault names machine \"%s\", which is not simulated", options->faults[i].machine);
	}
}

void
rig_options_parse(RigOptions *options, int argc, char **argv)
{
	const char *brokers = getenv("KAFKA_BROKERS");
	int option;

	*options = (RigOptions){
		.kafka = brokers && *brokers ? brokers : DEFAULT_BROKERS,
		.topic = DEFAULT_TOPIC,
		.linger_ms = -1,
		.batch = 200,
		.sensors = 60,
		.rate = 1,
		.seed = DEFAULT_SEED,
		.dropouts = 0.01,
		.loop = 1,
		.replay_machine = "replay",
		.control = "default",
	};
	while ((option = getopt_long(argc, argv, "hvX:", option_names, NULL)) != -1)
		set_option(options, option, optarg);
	parse_words(options, argc - optind, argv + optind);
	if (options->machines == NULL)
		name_machines(options, 3);
	/* A replay runs as fast as possible unless told otherwise; 0 says the same. */
	if (options->command == RIG_COMMAND_REPLAY && (!options->rate_given || options->rate <= 0))
		options->rate = INFINITY;
	check_options(options);
}

const char *
rig_options_target(const RigOptions *options, char *buffer, int size)
{
	if (options->to_stdout)
		snprintf(buffer, (size_t) size, "standard output");
	else if (options->http != NULL)
		snprintf(buffer, (size_t) size, "%s", options->http);
	else
		snprintf(buffer, (size_t) size, "topic %s at %s", options->topic, options->kafka);
	return buffer;
}
