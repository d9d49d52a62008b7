#include "json_scan.h"

#include <stdint.h>
#include <string.h>

#include "word_scan.h"

#define UNICODE_ESCAPE_LENGTH 4 /* hexadecimal digits */

typedef enum Utf8Result
{
	UTF8_VALID,
	UTF8_INVALID,
	UTF8_CUT_OFF				/* right so far, but the input ends inside the sequence */
} Utf8Result;

/* Checks one multi-byte sequence (RFC 3629) and moves *at behind it when valid. */
static Utf8Result
check_utf8(const char **at, const char *end)
{
	const unsigned char *bytes = (const unsigned char *) *at;
	unsigned char lead = bytes[0];
	unsigned char low = 0x80;	/* range of the second byte */
	unsigned char high = 0xbf;
	int			length;

	if (lead >= 0xc2 && lead <= 0xdf)
		length = 2;
	else if (lead >= 0xe0 && lead <= 0xef)
		length = 3;
	else if (lead >= 0xf0 && lead <= 0xf4)
		length = 4;
	else
		return UTF8_INVALID;
	if (lead == 0xe0)
		low = 0xa0;				/* shorter forms exist */
	else if (lead == 0xed)
		high = 0x9f;			/* surrogates */
	else if (lead == 0xf0)
		low = 0x90;				/* shorter forms exist */
	else if (lead == 0xf4)
		high = 0x8f;			/* beyond U+10FFFF */

	for (int i = 1; i < length; i++)
	{
		if (*at + i >= end)
			return UTF8_CUT_OFF;
		if (bytes[i] < low || bytes[i] > high)
			return UTF8_INVALID;
		low = 0x80;
		high = 0xbf;
	}
	*at += length;
	return UTF8_VALID;
}

bool
rig_is_utf8(const char *bytes, size_t length)
{
	const char *end = bytes + length;

	while (bytes < end)
	{
		if ((unsigned char) *bytes < 0x80)
			bytes++;
		else if (check_utf8(&bytes, end) != UTF8_VALID)
			return false;
	}
	return true;
}

const char *
rig_json_refuse(RigJson *json, const char *at, RigReason reason)
{
	json->reason = reason;
	json->error = at;
	return NULL;
}

const char *
rig_json_fail(RigJson *json, const char *at)
{
	const char *sequence = at;

	if (at >= json->end)
		return rig_json_refuse(json, at, RIG_REASON_TRUNCATED);
	if ((unsigned char) *at >= 0x80)
	{
		Utf8Result	result = check_utf8(&sequence, json->end);

		if (result == UTF8_CUT_OFF)
			return rig_json_refuse(json, at, RIG_REASON_TRUNCATED);
		if (result == UTF8_INVALID)
			return rig_json_refuse(json, at, RIG_REASON_INVALID_UTF8);
	}
	return rig_json_refuse(json, at, RIG_REASON_NOT_JSON);
}

static bool
is_letter(char byte)
{
	return (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';
}

/* True when the letters at `at` are exactly the word, in any case. */
static bool
is_word(const char *at, const char *end, const char *word)
{
	size_t		length = strlen(word);

	if ((size_t) (end - at) < length)
		return false;
	for (size_t i = 0; i < length; i++)
	{
		if ((at[i] | 0x20) != word[i])
			return false;
	}
	return at + length == end || !is_letter(at[length]);
}

/* True when everything up to the end could be the beginning of the word. */
static bool
is_word_cut_off(const char *at, const char *end, const char *word)
{
	for (; at < end; at++, word++)
	{
		if (*word == '\0' || (*at | 0x20) != *word)
			return false;
	}
	return true;
}

const char *
rig_json_fail_value(RigJson *json, const char *at)
{
	static const char *const words[] = {"nan", "infinity", "inf"};
	bool		is_signed = rig_json_is(json, at, '-') || rig_json_is(json, at, '+');
	const char *word = at + is_signed;

	if (word < json->end && is_letter(*word))
	{
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		{
			if (is_word(word, json->end, words[i]))
				return rig_json_refuse(json, at, RIG_REASON_NONFINITE_NUMBER);
			if (is_word_cut_off(word, json->end, words[i]))
				return rig_json_fail(json, json->end);
		}
	}
	return rig_json_fail(json, rig_json_is(json, at, '-') ? word : at);
}

/* Value of a hexadecimal digit, or -1. */
static int
hex_value(char byte)
{
	if (byte >= '0' && byte <= '9')
		return byte - '0';
	if ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'f')
		return (byte | 0x20) - 'a' + 10;
	return -1;
}

/* Reads the four digits of \uXXXX. */
static const char *
scan_code_unit(RigJson *json, const char *at, unsigned int *unit)
{
	*unit = 0;
	for (int i = 0; i < UNICODE_ESCAPE_LENGTH; i++, at++)
	{
		int			value = at < json->end ? hex_value(*at) : -1;

		if (value < 0)
			return rig_json_fail(json, at);
		*unit = *unit * 16 + (unsigned int) value;
	}
	return at;
}

static bool
is_high_surrogate(unsigned int unit)
{
	return unit >= 0xd800 && unit <= 0xdbff;
}

static bool
is_low_surrogate(unsigned int unit)
{
	return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Reads \uXXXX, and its partner if it is a surrogate, behind the "\u"; start is the backslash. */
static const char *
scan_unicode_escape(RigJson *json, const char *start, const char *at)
{
	unsigned int unit;

	at = scan_code_unit(json, at, &unit);
	if (at == NULL)
		return NULL;
	if (is_low_surrogate(unit))
		return rig_json_refuse(json, start, RIG_REASON_LONE_SURROGATE);
	if (!is_high_surrogate(unit))
		return at;

	for (const char *expected = "\\u"; *expected != '\0'; expected++, at++)
	{
		if (at == json->end)
			return rig_json_fail(json, at);
		if (*at != *expected)
			return rig_json_refuse(json, start, RIG_REASON_LONE_SURROGATE);
	}
	at = scan_code_unit(json, at, &unit);
	if (at != NULL && !is_low_surrogate(unit))
		return rig_json_refuse(json, start, RIG_REASON_LONE_SURROGATE);
	return at;
}

/* Reads one escape from its backslash on. */
static const char *
scan_escape(RigJson *json, const char *at)
{
	const char *start = at++;

	if (at == json->end)
		return rig_json_fail(json, at);
	switch (*at)
	{
		case '"':
		case '\\':
		case '/':
		case 'b':
		case 'f':
		case 'n':
		case 'r':
		case 't':
			return at + 1;
		case 'u':
			return scan_unicode_escape(json, start, at + 1);
		default:
			return rig_json_fail(json, at);
	}
}

/* Skips bytes that need no attention, eight at a time while they last. */
static inline const char *
skip_plain_bytes(const char *at, const char *end)
{
	while (end - at >= RIG_WORD_SIZE)
	{
		uint64_t	marks = rig_word_string_marks(rig_word_load(at));

		if (marks != 0)
			return at + rig_word_first(marks);
		at += RIG_WORD_SIZE;
	}
	while (at < end && *at != '"' && *at != '\\' && (unsigned char) *at >= 0x20 && (unsigned char) *at < 0x80)
		at++;
	return at;
}

const char *
rig_json_scan_string(RigJson *json, const char *at, RigJsonText *text)
{
	text->start = at;
	text->escaped = false;
	for (;;)
	{
		at = skip_plain_bytes(at, json->end);
		if (at == json->end)
			return rig_json_fail(json, at);
		if (*at == '"')
		{
			text->length = (size_t) (at - text->start);
			return at + 1;
		}
		if (*at == '\\')
		{
			text->escaped = true;
			at = scan_escape(json, at);
			if (at == NULL)
				return NULL;
		}
		else if ((unsigned char) *at < 0x80 || check_utf8(&at, json->end) != UTF8_VALID)
			return rig_json_fail(json, at);
	}
}

static unsigned int
decode_code_unit(const char *at)
{
	unsigned int unit = 0;

	for (int i = 0; i < UNICODE_ESCAPE_LENGTH; i++)
		unit = unit * 16 + (unsigned int) hex_value(at[i]);
	return unit;
}

static char *
write_utf8(char *out, unsigned int code)
{
	if (code < 0x80)
		*out++ = (char) code;
	else if (code < 0x800)
	{
		*out++ = (char) (0xc0 | code >> 6);
		*out++ = (char) (0x80 | (code & 0x3f));
	}
	else if (code < 0x10000)
	{
		*out++ = (char) (0xe0 | code >> 12);
		*out++ = (char) (0x80 | (code >> 6 & 0x3f));
		*out++ = (char) (0x80 | (code & 0x3f));
	}
	else
	{
		*out++ = (char) (0xf0 | code >> 18);
		*out++ = (char) (0x80 | (code >> 12 & 0x3f));
		*out++ = (char) (0x80 | (code >> 6 & 0x3f));
		*out++ = (char) (0x80 | (code & 0x3f));
	}
	return out;
}

static char
simple_escape(char letter)
{
	switch (letter)
	{
		case 'b':
			return '\b';
		case 'f':
			return '\f';
		case 'n':
			return '\n';
		case 'r':
			return '\r';
		case 't':
			return '\t';
		default:
			return letter;
	}
}

size_t
rig_json_unescape(const RigJsonText *text, char *out)
{
	const char *at = text->start;
	const char *end = at + text->length;
	char	   *start = out;

	while (at < end)
	{
		if (*at != '\\')
			*out++ = *at++;
		else if (at[1] != 'u')
		{
			*out++ = simple_escape(at[1]);
			at += 2;
		}
		else
		{
			unsigned int code = decode_code_unit(at + 2);

			at += 2 + UNICODE_ESCAPE_LENGTH;
			if (is_high_surrogate(code))
			{
				code = 0x10000 + ((code - 0xd800) << 10) + (decode_code_unit(at + 2) - 0xdc00);
				at += 2 + UNICODE_ESCAPE_LENGTH;
			}
			out = write_utf8(out, code);
		}
	}
	return (size_t) (out - start);
}

/* Reads true, false or null. */
static const char *
skip_literal(RigJson *json, const char *at, const char *word)
{
	const char *start = at;

	for (; *word != '\0'; word++, at++)
	{
		if (at == json->end)
			return rig_json_fail(json, at);
		if (*at != *word)
			return rig_json_fail_value(json, start);
	}
	return at;
}

const char *
rig_json_scan_number(RigJson *json, const char *at, RigDecimal *number)
{
	const char *behind = rig_decimal_scan(at, json->end, number);

	if (behind != NULL)
		return behind;
	/* -Infinity also begins like a number. */
	return number->end == at + 1 ? rig_json_fail_value(json, at) : rig_json_fail(json, number->end);
}

/* Reads a value that contains no other. */
static const char *
skip_scalar(RigJson *json, const char *at)
{
	RigJsonText text;
	RigDecimal	number;

	switch (*at)
	{
		case '"':
			return rig_json_scan_string(json, at + 1, &text);
		case 't':
			return skip_literal(json, at, "true");
		case 'f':
			return skip_literal(json, at, "false");
		case 'n':
			return skip_literal(json, at, "null");
		case '-':
		case '0':
		case '1':
		case '2':
		case '3':
		case '4':
		case '5':
		case '6':
		case '7':
		case '8':
		case '9':
			return rig_json_scan_number(json, at, &number);
		default:
			return rig_json_fail_value(json, at);
	}
}

/* Reads a key, its colon and the white space round them. */
static const char *
skip_key(RigJson *json, const char *at)
{
	RigJsonText text;

	at = rig_json_skip_space(json, at);
	if (!rig_json_is(json, at, '"'))
		return rig_json_fail(json, at);
	at = rig_json_scan_string(json, at + 1, &text);
	if (at == NULL)
		return NULL;
	at = rig_json_skip_space(json, at);
	return rig_json_is(json, at, ':') ? at + 1 : rig_json_fail(json, at);
}

/* Containers that are open, counted instead of recursed into. */
typedef struct Nesting
{
	uint64_t	objects;		/* bit n: the n-th open container is an object */
	int			open;
	int			limit;
} Nesting;

/* Opens the container at `at`; *ended when it is empty and so closed again. */
static const char *
open_container(RigJson *json, const char *at, Nesting *nesting, bool *ended)
{
	bool		is_object = *at == '{';
	uint64_t	bit;

	if (nesting->open == nesting->limit)
		return rig_json_refuse(json, at, RIG_REASON_TOO_DEEP);
	at = rig_json_skip_space(json, at + 1);
	*ended = rig_json_is(json, at, is_object ? '}' : ']');
	if (*ended)
		return at + 1;

	bit = UINT64_C(1) << nesting->open++;
	nesting->objects = is_object ? nesting->objects | bit : nesting->objects & ~bit;
	return is_object ? skip_key(json, at) : at;
}

/* Goes on behind a member of the innermost container; *ended when that was the last. */
static const char *
end_member(RigJson *json, const char *at, Nesting *nesting, bool *ended)
{
	bool		is_object = (nesting->objects >> (nesting->open - 1) & 1) != 0;

	at = rig_json_skip_space(json, at);
	*ended = rig_json_is(json, at, is_object ? '}' : ']');
	if (*ended)
	{
		nesting->open--;
		return at + 1;
	}
	if (!rig_json_is(json, at, ','))
		return rig_json_fail(json, at);
	return is_object ? skip_key(json, at + 1) : at + 1;
}

const char *
rig_json_skip_value(RigJson *json, const char *at, int depth)
{
	Nesting		nesting = {0, 0, depth < RIG_JSON_MAX_DEPTH ? depth : RIG_JSON_MAX_DEPTH};

	do
	{
		bool		ended = true;

		at = rig_json_skip_space(json, at);
		if (at == json->end)
			return rig_json_fail(json, at);
		if (*at == '{' || *at == '[')
			at = open_container(json, at, &nesting, &ended);
		else
			at = skip_scalar(json, at);
		while (at != NULL && ended && nesting.open > 0)
			at = end_member(json, at, &nesting, &ended);
	}
	while (at != NULL && nesting.open > 0);
	return at;
}
