#include "message.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"

#define DECIMALS 4
#define DECIMAL_FACTOR 10000
#define MAX_FIXED 1e13 /* beyond, the scaled number would not be exact */
#define NUMBER_SIZE 32

static void
reserve_bytes(RigMessage *message, size_t more)
{
	size_t capacity = message->capacity ? message->capacity : 4096;

	if (message->length + more <= message->capacity)
		return;
	while (capacity < message->length + more)
		capacity *= 2;
	message->bytes = realloc(message->bytes, capacity);
	if (message->bytes == NULL)
	{
		fputs("rigalpha-sim: out of memory\n", stderr);
		exit(EXIT_FAILURE);
	}
	message->capacity = capacity;
}

static void
append_bytes(RigMessage *message, const char *bytes, size_t length)
{
	reserve_bytes(message, length);
	memcpy(message->bytes + message->length, bytes, length);
	message->length += length;
}

static void
append_string(RigMessage *message, const char *text)
{
	append_bytes(message, text, strlen(text));
}

static char *
quote_with_suffix(const char *text, const char *suffix)
{
	RigMessage quoted = {0};

	append_string(&quoted, "\"");
	for (const char *at = text; *at; at++)
	{
		unsigned char c = (unsigned char) *at;
		char escape[8];

		if (c == '"' || c == '\\')
		{
			escape[0] = '\\';
			escape[1] = (char) c;
			append_bytes(&quoted, escape, 2);
		}
		else if (c < 0x20)
		{
			snprintf(escape, sizeof(escape), "\\u%04x", c);
			append_bytes(&quoted, escape, 6);
		}
		else
			append_bytes(&quoted, at, 1);
	}
	append_string(&quoted, "\"");
	append_bytes(&quoted, suffix, strlen(suffix) + 1);
	return quoted.bytes;
}

char *
rig_message_quote(const char *text)
{
	return quote_with_suffix(text, "");
}

char *
rig_message_key(const char *name)
{
	return quote_with_suffix(name, ":");
}

void
rig_message_begin(RigMessage *message, const char *machine, int64_t time_us, bool micros, const char *state)
{
	message->length = 0;
	message->has_values = false;
	append_string(message, "{\"machine_id\":");
	append_string(message, machine);
	append_string(message, ",\"timestamp\":\"");
	reserve_bytes(message, RIG_TIME_TEXT_SIZE);
	message->length += (size_t) rig_clock_format(message->bytes + message->length, time_us, micros);
	append_string(message, "\"");
	if (state != NULL)
	{
		append_string(message, ",\"state\":\"");
		append_string(message, state);
		append_string(message, "\"");
	}
	append_string(message, ",\"sensors\":{");
}

/* Fixed-point text without trailing zeros; out has room for NUMBER_SIZE bytes. */
static int
format_number(char *out, double number)
{
	char digits[NUMBER_SIZE];
	uint64_t scaled;
	int length = 0;
	int count = 0;
	int skip = 0;

	if (fabs(number) >= MAX_FIXED)
		return snprintf(out, NUMBER_SIZE, "%.17g", number);
	scaled = (uint64_t) llrint(fabs(number) * DECIMAL_FACTOR);
	if (number < 0 && scaled != 0)
		out[length++] = '-';
	while (scaled != 0 || count <= DECIMALS)
	{
		digits[count++] = (char) ('0' + scaled % 10);
		scaled /= 10;
	}
	while (skip < DECIMALS && digits[skip] == '0')
		skip++;
	for (int i = count - 1; i >= DECIMALS; i--)
		out[length++] = digits[i];
	if (skip < DECIMALS)
		out[length++] = '.';
	for (int i = DECIMALS - 1; i >= skip; i--)
		out[length++] = digits[i];
	return length;
}

static void
append_key(RigMessage *message, const char *key)
{
	if (message->has_values)
		append_bytes(message, ",", 1);
	message->has_values = true;
	append_string(message, key);
}

void
rig_message_add_number(RigMessage *message, const char *key, double number)
{
	if (isnan(number))
		return;
	append_key(message, key);
	reserve_bytes(message, NUMBER_SIZE);
	message->length += (size_t) format_number(message->bytes + message->length, number);
}

void
rig_message_add_text(RigMessage *message, const char *key, const char *number, size_t length)
{
	append_key(message, key);
	append_bytes(message, number, length);
}

void
rig_message_add_members(RigMessage *message, const char *members, size_t length)
{
	append_key(message, "");
	append_bytes(message, members, length);
}

void
rig_message_end(RigMessage *message)
{
	append_bytes(message, "}}", 2);
}

void
rig_message_free(RigMessage *message)
{
	free(message->bytes);
	*message = (RigMessage){0};
}
