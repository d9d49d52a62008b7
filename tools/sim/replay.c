#include "replay.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "csv.h"
#include "message.h"
#include "number.h"
#include "stop.h"
#include "zone.h"

#define CHORES_US (RIG_SECOND_US / 10)
#define POLL_EVERY 64

/* One row, ready to be sent in every round. */
typedef struct Row
{
	int64_t time_us;
	size_t members; /* offset of its JSON members in the text of the replay */
	size_t length;
	const char *state; /* JSON-escaped without quotes, or NULL */
} Row;

struct RigReplay
{
	const RigOptions *options;
	RigCsv *csv;
	Row *rows;
	size_t row_count;
	size_t row_capacity;
	RigMessage text; /* members of all rows, one after the other */
	bool micros; /* times finer than milliseconds */
	int64_t shift_us; /* of the first round */
	int64_t round_us; /* what each later round adds */
	long bad_values;
	long empty_rows;
	long unordered_rows;
	char **keys; /* per column: JSON key, or NULL if it is not sent */
	int time_column;
	int state_column;
};

__attribute__((noreturn)) static void
fail_replay(const RigReplay *replay, const char *what, const char *detail)
{
	fprintf(stderr, "rigalpha-sim: \"%s\": %s%s\n", replay->options->file, what, detail);
	exit(RIG_EXIT_USAGE);
}

static void
find_time_column(RigReplay *replay)
{
	static const char *const usual[] = {"datetime", "timestamp", "time", "ts"};
	const char *wanted = replay->options->time_column;

	replay->time_column = -1;
	if (wanted != NULL)
		replay->time_column = rig_csv_find(replay->csv, wanted);
	for (size_t i = 0; wanted == NULL && replay->time_column < 0 && i < sizeof(usual) / sizeof(usual[0]); i++)
		replay->time_column = rig_csv_find(replay->csv, usual[i]);
	if (replay->time_column < 0)
		fail_replay(replay, wanted ? "no column named " : "no column named datetime, timestamp, time or ts",
					wanted ? wanted : "; name it with --time-column");
	replay->state_column = -1;
	if (replay->options->state_column != NULL &&
		(replay->state_column = rig_csv_find(replay->csv, replay->options->state_column)) < 0)
		fail_replay(replay, "no column named ", replay->options->state_column);
}

static void
add_column(RigReplay *replay, int column)
{
	if (column != replay->time_column && column != replay->state_column && replay->csv->columns[column][0] != '\0')
		replay->keys[column] = rig_message_key(replay->csv->columns[column]);
}

static void
choose_columns(RigReplay *replay)
{
	char *list;
	char *state;

	replay->keys = calloc(RIG_CSV_MAX_COLUMNS, sizeof(char *));
	list = replay->options->columns ? strdup(replay->options->columns) : NULL;
	if (replay->keys == NULL || (list == NULL && replay->options->columns != NULL))
		fail_replay(replay, "out of memory", "");
	for (int i = 0; list == NULL && i < replay->csv->column_count; i++)
		add_column(replay, i);
	for (char *name = list ? strtok_r(list, ",", &state) : NULL; name; name = strtok_r(NULL, ",", &state))
	{
		int column = rig_csv_find(replay->csv, name);

		if (column < 0)
			fail_replay(replay, "no column named ", name);
		add_column(replay, column);
	}
	free(list);
}

/*
 * The text of a number that JSON allows goes through as it is; other notations, such as
 * "+5" or ".5", are written anew with all their digits. False: not a finite number.
 */
static bool
add_value(RigReplay *replay, const char *key, const char *text)
{
	const char *end = text + strlen(text);
	RigDecimal decimal;
	double number;
	char digits[40];
	char *rest;

	if (*text == '\0')
		return false;
	if (rig_decimal_scan(text, end, &decimal) == end)
	{
		if (!rig_decimal_to_double(&decimal, &number))
			return false;
		rig_message_add_text(&replay->text, key, text, (size_t) (end - text));
		return true;
	}
	number = strtod(text, &rest);
	if (*rest != '\0' || !isfinite(number))
		return false;
	rig_message_add_text(&replay->text, key, digits, (size_t) snprintf(digits, sizeof(digits), "%.17g", number));
	return true;
}

static int64_t
parse_row_time(RigReplay *replay, const char *text)
{
	char where[300];
	int64_t previous = replay->row_count > 0 ? replay->rows[replay->row_count - 1].time_us : INT64_MIN;
	int64_t time_us;
	RigZoneResult result = rig_zone_parse(text, previous, &time_us);

	snprintf(where, sizeof(where), "line %ld: \"%.80s\"%s", replay->csv->line, text,
			 result == RIG_ZONE_NO_ZONE ? " has no offset; give --timezone, such as UTC or Europe/Oslo" :
										  " is not a time");
	if (result != RIG_ZONE_OK)
		fail_replay(replay, where, "");
	if (previous != INT64_MIN && time_us <= previous)
		replay->unordered_rows++;
	return time_us;
}

/* State words stand inside quotes in the message. */
static const char *
escape_state(const char *text)
{
	char *quoted;

	if (*text == '\0')
		return NULL;
	quoted = rig_message_quote(text);
	quoted[strlen(quoted) - 1] = '\0';
	return quoted + 1;
}

static void
add_row(RigReplay *replay)
{
	const RigCsv *csv = replay->csv;
	Row row = {.members = replay->text.length};
	int state = replay->state_column;

	if (replay->time_column >= csv->field_count)
		fail_replay(replay, "a row is too short for its time column", "");
	replay->text.has_values = false;
	for (int i = 0; i < csv->field_count && i < csv->column_count; i++)
		if (replay->keys[i] != NULL && !add_value(replay, replay->keys[i], csv->fields[i]))
			replay->bad_values++;
	row.length = replay->text.length - row.members;
	if (row.length == 0)
	{
		replay->empty_rows++;
		return;
	}
	row.time_us = parse_row_time(replay, csv->fields[replay->time_column]);
	if (row.time_us % 1000 != 0)
		replay->micros = true;
	if (state >= 0 && state < csv->field_count)
		row.state = escape_state(csv->fields[state]);
	if (replay->row_count == replay->row_capacity)
	{
		replay->row_capacity = replay->row_capacity ? replay->row_capacity * 2 : 1024;
		replay->rows = realloc(replay->rows, replay->row_capacity * sizeof(Row));
		if (replay->rows == NULL)
			fail_replay(replay, "out of memory", "");
	}
	replay->rows[replay->row_count++] = row;
}

/* A round begins one average interval after the last time of the one before, in whole milliseconds. */
static void
plan_times(RigReplay *replay)
{
	int64_t first = replay->rows[0].time_us;
	int64_t low = first;
	int64_t high = first;
	int64_t interval;

	for (size_t i = 1; i < replay->row_count; i++)
	{
		low = replay->rows[i].time_us < low ? replay->rows[i].time_us : low;
		high = replay->rows[i].time_us > high ? replay->rows[i].time_us : high;
	}
	interval = replay->row_count > 1 ? (high - low) / (int64_t) (replay->row_count - 1) : RIG_SECOND_US;
	if (interval < 1000)
		interval = 1000;
	replay->round_us = high - low + interval / 1000 * 1000;
	replay->shift_us = replay->options->start_given ? replay->options->start_us - first : 0;
	if (replay->shift_us % 1000 != 0)
		replay->micros = true;
}

RigReplay *
rig_replay_open(const RigOptions *options)
{
	RigReplay *replay = calloc(1, sizeof(*replay));

	if (replay == NULL)
		return NULL;
	replay->options = options;
	if (options->time_zone != NULL && !rig_zone_set(options->time_zone))
	{
		fprintf(stderr, "rigalpha-sim: unknown time zone \"%s\"\n", options->time_zone);
		exit(RIG_EXIT_USAGE);
	}
	replay->csv = rig_csv_open(options->file);
	find_time_column(replay);
	choose_columns(replay);
	while (rig_csv_next(replay->csv))
		add_row(replay);
	if (replay->row_count == 0)
		fail_replay(replay, "no row with a number", "");
	plan_times(replay);
	if (replay->bad_values + replay->empty_rows + replay->unordered_rows > 0)
		fprintf(stderr, "rigalpha-sim: \"%s\": %ld fields without a finite number left out, %ld rows without any; "
						"%ld rows not later than the one before\n",
				options->file, replay->bad_values, replay->empty_rows,
				replay->unordered_rows);
	return replay;
}

static bool
send_row(RigReplay *replay, RigSink *sink, RigMessage *message, const char *machine, uint64_t number)
{
	const RigOptions *options = replay->options;
	const Row *row = &replay->rows[number % replay->row_count];
	int64_t round = (int64_t) (number / replay->row_count);
	int64_t time_us = row->time_us + replay->shift_us + round * replay->round_us;

	rig_message_begin(message, machine, time_us, replay->micros, row->state);
	rig_message_add_members(message, replay->text.bytes + row->members, row->length);
	if (options->sequence != NULL)
	{
		char counter[24];
		char *key = rig_message_key(options->sequence);

		rig_message_add_text(message, key, counter,
							 (size_t) snprintf(counter, sizeof(counter), "%llu", (unsigned long long) number + 1));
		free(key);
	}
	rig_message_end(message);
	return sink->send(sink, options->replay_machine, strlen(options->replay_machine), message->bytes, message->length);
}

static bool
is_over(const RigReplay *replay, uint64_t sent, int64_t started_us)
{
	const RigOptions *options = replay->options;

	if (options->loop > 0 && sent >= (uint64_t) options->loop * replay->row_count)
		return true;
	if (options->limit > 0 && sent >= options->limit)
		return true;
	return options->duration_s > 0 &&
		(double) (rig_clock_monotonic() - started_us) >= options->duration_s * RIG_SECOND_US;
}

/* Waits until message number sent is due by the rate; false if a stop was requested meanwhile. */
static bool
wait_for_turn(const RigReplay *replay, RigSink *sink, RigProgress *progress, uint64_t sent, int64_t started_us)
{
	int64_t due = started_us;

	if (!isinf(replay->options->rate))
		due += (int64_t) ((double) sent / replay->options->rate * RIG_SECOND_US);
	while (!rig_stop_requested())
	{
		int64_t now = rig_clock_monotonic();

		rig_progress_update(progress, sent, sink, "replay");
		if (now >= due)
			return true;
		sink->poll(sink);
		rig_stop_wait_until(due - now < CHORES_US ? due : now + CHORES_US);
	}
	return false;
}

uint64_t
rig_replay_run(RigReplay *replay, RigSink *sink, RigControl *control, RigProgress *progress)
{
	RigMessage message = {0};
	char *machine = rig_message_quote(replay->options->replay_machine);
	int64_t started_us = rig_clock_monotonic();
	uint64_t sent = 0;

	while (!is_over(replay, sent, started_us) && wait_for_turn(replay, sink, progress, sent, started_us))
	{
		if (!send_row(replay, sink, &message, machine, sent))
			break;
		sent++;
		if (sent % POLL_EVERY == 0)
			sink->poll(sink);
		if (control != NULL && sent % POLL_EVERY == 0 && rig_control_target_busy(control))
			break;
	}
	rig_message_free(&message);
	free(machine);
	return sent;
}

void
rig_replay_close(RigReplay *replay)
{
	for (size_t i = 0; i < replay->row_count; i++)
		if (replay->rows[i].state != NULL)
			free((char *) (uintptr_t) (replay->rows[i].state - 1));
	for (int i = 0; i < replay->csv->column_count; i++)
		free(replay->keys[i]);
	rig_csv_close(replay->csv);
	rig_message_free(&replay->text);
	free(replay->keys);
	free(replay->rows);
	free(replay);
}
