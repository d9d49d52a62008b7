#include "line_protocol.h"

#include <string.h>

#include "array.h"
#include "json_scan.h"
#include "known_keys.h"

/* Where a word ends, unless a backslash stands before; a line's end always ends it. */
#define ENDS_MEASUREMENT ", "
#define ENDS_KEY "=, "
#define ENDS_VALUE "=, "

/* What a backslash takes its meaning from, outside texts and in them. */
#define ESCAPED ",= "
#define ESCAPED_IN_TEXT "\"\\"

struct RigLineParser
{
	RigArena   *arena;
	RigKnownKeys known;
	const RigParseOptions *options;
	const char *end;			/* of the payload */
	RigReading *readings;
	RigValue   *values;
	int32_t		reading_count;
	int32_t		reading_capacity;
	int32_t		value_count;
	int32_t		value_capacity;

	size_t		payload_length;
	char	   *unescaped;		/* words that had escapes, without them */
	size_t		unescaped_size;
	size_t		unescaped_used;
	bool		out_of_memory;

	/* State of the line that is being parsed. */
	uint64_t	reading_number; /* of all this parser has seen, from 1 */
	int32_t		key_count;
	int32_t		line;
};

/* A word as it stands in the line, and its plain text. */
typedef struct Word
{
	const char *start;
	size_t		length;
	RigJsonText text;
} Word;

RigLineParser *
rig_line_parser_create(RigArena *arena, RigNames *names)
{
	RigLineParser *parser = rig_arena_allocate(arena, sizeof(RigLineParser));

	if (parser == NULL)
		return NULL;
	memset(parser, 0, sizeof(*parser));
	parser->arena = arena;
	return rig_known_keys_init(&parser->known, arena, names) ? parser : NULL;
}

static const char *
run_out_of_memory(RigLineParser *parser)
{
	parser->out_of_memory = true;
	return NULL;
}

static RigReading *
current_reading(RigLineParser *parser)
{
	return &parser->readings[parser->reading_count - 1];
}

/* Refuses the line, unless it already is, for a word or for none. */
static void
refuse(RigLineParser *parser, RigReason reason, const Word *word)
{
	RigReading *reading = current_reading(parser);

	if (reading->reason != RIG_REASON_NONE)
		return;
	reading->reason = reason;
	if (word != NULL && word->length > 0)
	{
		reading->field = word->start;
		reading->field_length = (int32_t) word->length;
	}
}

/* The same where nothing that follows can be read. */
static const char *
refuse_rest(RigLineParser *parser, RigReason reason, const Word *word)
{
	refuse(parser, reason, word);
	return NULL;
}

/* Whether a line ends here, with what Windows writes before the newline. */
static bool
is_line_end(const RigLineParser *parser, const char *at)
{
	if (at < parser->end && *at == '\r')
		at++;
	return at == parser->end || *at == '\n';
}

static const char *
skip_spaces(const RigLineParser *parser, const char *at)
{
	while (at < parser->end && *at == ' ')
		at++;
	return at;
}

/*
 * Makes room for every word of a payload without escapes, so that none moves during its parse. It is enough
 * because no byte of the payload stands in two copies that are kept.
 */
static bool
reserve_unescaped(RigLineParser *parser)
{
	size_t		size = parser->unescaped_size * 2;

	if (parser->unescaped_size >= parser->payload_length)
		return true;
	if (size < parser->payload_length)
		size = parser->payload_length;
	parser->unescaped_size = 0;
	parser->unescaped = rig_arena_allocate(parser->arena, size);
	if (parser->unescaped == NULL)
		return false;
	parser->unescaped_size = size;
	return true;
}

/* Takes the backslashes out of a text; one before any other character stays. */
static bool
unescape(RigLineParser *parser, RigJsonText *text, const char *escapable)
{
	const char *end = text->start + text->length;
	char	   *copy;
	size_t		length = 0;

	if (!text->escaped)
		return true;
	if (!reserve_unescaped(parser))
		return false;
	copy = parser->unescaped + parser->unescaped_used;
	for (const char *at = text->start; at < end; at++)
	{
		if (*at == '\\' && end - at > 1 && strchr(escapable, at[1]) != NULL)
			at++;
		copy[length++] = *at;
	}
	parser->unescaped_used += length;
	text->start = copy;
	text->length = length;
	return true;
}

/* Reads a word up to one of the characters that end it; NULL when out of memory. */
static const char *
read_word(RigLineParser *parser, const char *at, const char *ends, Word *word)
{
	word->start = at;
	word->text.start = at;
	word->text.escaped = false;
	while (!is_line_end(parser, at) && strchr(ends, *at) == NULL)
	{
		if (*at == '\\' && parser->end - at > 1 && strchr(ESCAPED, at[1]) != NULL)
		{
			word->text.escaped = true;
			at++;
		}
		at++;
	}
	word->length = word->text.length = (size_t) (at - word->start);
	return unescape(parser, &word->text, ESCAPED) ? at : run_out_of_memory(parser);
}

/* Reads a key and its equals sign; NULL when it is refused, or out of memory. */
static const char *
read_key(RigLineParser *parser, const char *at, Word *key)
{
	at = read_word(parser, at, ENDS_KEY, key);
	if (at == NULL)
		return NULL;
	if (key->length == 0 || at == parser->end || *at != '=')
		return refuse_rest(parser, RIG_REASON_BAD_LINE, key);
	return at + 1;
}

static void
take_machine(RigLineParser *parser, const Word *name, const Word *refused)
{
	RigReading *reading = current_reading(parser);

	if (reading->machine != NULL)
		refuse(parser, RIG_REASON_DUPLICATE_KEY, refused);
	else if (!rig_is_valid_name(name->text.start, name->text.length))
		refuse(parser, RIG_REASON_BAD_MACHINE_NAME, refused);
	else
	{
		reading->machine = name->text.start;
		reading->machine_length = (int32_t) name->text.length;
	}
}

static bool
is_text(const Word *word, const char *text)
{
	return word->text.length == strlen(text) && memcmp(word->text.start, text, word->text.length) == 0;
}

/* Reads the tags from their first comma up to the space behind them. */
static const char *
read_tags(RigLineParser *parser, const char *at)
{
	while (at < parser->end && *at == ',')
	{
		Word		key;
		Word		value;

		at = read_key(parser, at + 1, &key);
		if (at == NULL)
			return NULL;
		at = read_word(parser, at, ENDS_VALUE, &value);
		if (at == NULL)
			return NULL;
		if (value.length == 0 || (at < parser->end && *at == '='))
			return refuse_rest(parser, RIG_REASON_BAD_LINE, &key);
		if (is_text(&key, "machine") || is_text(&key, "machine_id"))
			take_machine(parser, &value, &key);
	}
	return at;
}

/* Reads measurement and tags. */
static const char *
read_series(RigLineParser *parser, const char *at)
{
	RigReading *reading = current_reading(parser);
	Word		measurement;

	at = read_word(parser, at, ENDS_MEASUREMENT, &measurement);
	if (at == NULL)
		return NULL;
	if (measurement.length == 0)
		return refuse_rest(parser, RIG_REASON_BAD_LINE, NULL);
	at = read_tags(parser, at);
	if (at == NULL || reading->machine != NULL || reading->reason != RIG_REASON_NONE)
		return at;
	if (parser->options->machine != NULL)
	{
		reading->machine = parser->options->machine;
		reading->machine_length = parser->options->machine_length;
	}
	else
		take_machine(parser, &measurement, &measurement);
	return at;
}

/* Reads a text behind its opening quote; newlines may stand in it. */
static const char *
read_quoted(RigLineParser *parser, const char *at, const Word *key, RigJsonText *text)
{
	text->start = at;
	text->escaped = false;
	for (;; at++)
	{
		if (at == parser->end)
			return refuse_rest(parser, RIG_REASON_TRUNCATED, key);
		if (*at == '"')
			break;
		if (*at == '\\' && parser->end - at > 1 && strchr(ESCAPED_IN_TEXT, at[1]) != NULL)
		{
			text->escaped = true;
			at++;
		}
	}
	text->length = (size_t) (at - text->start);
	for (const char *byte = text->start; byte < at; byte++)
		parser->line += *byte == '\n';
	return unescape(parser, text, ESCAPED_IN_TEXT) ? at + 1 : run_out_of_memory(parser);
}

static bool
is_one_of(const Word *word, const char *const *words)
{
	for (; *words != NULL; words++)
		if (is_text(word, *words))
			return true;
	return false;
}

static bool
is_boolean(const Word *word)
{
	static const char *const words[] = {"t", "T", "true", "True", "TRUE", "f", "F", "false", "False", "FALSE", NULL};

	return is_one_of(word, words);
}

static bool
is_nonfinite(const Word *word)
{
	static const char *const words[] = {"NaN", "nan", "NAN", "Inf", "inf", "INF", "+Inf", "+inf", "-Inf", "-inf", "-INF",
	"Infinity", "-Infinity", "infinity", "-infinity", NULL};

	return is_one_of(word, words);
}

static bool
is_digits(const char *at, const char *end)
{
	while (at < end && *at >= '0' && *at <= '9')
		at++;
	return at == end;
}

/* Whether digits are beyond the 64 bits that the letter behind them promises. */
static bool
overflows(const RigDecimal *decimal, char suffix)
{
	uint64_t	most = suffix == 'u' ? UINT64_MAX : (uint64_t) INT64_MAX + (decimal->negative ? 1 : 0);
	uint64_t	whole = 0;

	for (const char *at = decimal->text + decimal->negative; at < decimal->end; at++)
	{
		uint64_t	digit = (uint64_t) (*at - '0');

		if (whole > (most - digit) / 10)
			return true;
		whole = whole * 10 + digit;
	}
	return false;
}

/* Reads a number that fills the word; false when it does not. */
static bool
read_number(const Word *word, RigValueKind *kind, double *number)
{
	const char *end = word->start + word->length;
	const char *digits = word->start + (*word->start == '-');
	char		suffix = word->length > 0 && strchr("iu", end[-1]) != NULL ? end[-1] : '\0';
	RigDecimal	decimal;

	if (suffix != '\0')
		end--;
	/* Leading zeros, which JSON does not know. */
	while (end - digits > 1 && *digits == '0' && digits[1] >= '0' && digits[1] <= '9')
		digits++;
	if (rig_decimal_scan(digits, end, &decimal) != end || decimal.negative)
		return false;
	decimal.negative = *word->start == '-';
	if (decimal.negative)
		decimal.text--;
	if (suffix != '\0' && (!is_digits(digits, end) || (suffix == 'u' && decimal.negative)))
		return false;
	*kind = RIG_VALUE_OUT_OF_RANGE;
	*number = 0;
	if ((suffix == '\0' || !overflows(&decimal, suffix)) && rig_decimal_to_double(&decimal, number))
		*kind = RIG_VALUE_NUMBER;
	return true;
}

/* Reads a value that is no text. */
static const char *
read_plain_value(RigLineParser *parser, const char *at, const Word *key, RigValueKind *kind, double *number)
{
	Word		word;

	at = read_word(parser, at, ", ", &word);
	if (at == NULL)
		return NULL;
	*kind = RIG_VALUE_NOT_A_NUMBER;
	*number = 0;
	if (word.length > 0 && (is_boolean(&word) || read_number(&word, kind, number)))
		return at;
	return refuse_rest(parser, is_nonfinite(&word) ? RIG_REASON_NONFINITE_NUMBER : RIG_REASON_BAD_LINE, key);
}

static bool
add_value(RigLineParser *parser, int32_t name, RigValueKind kind, double number)
{
	RigValue   *values = rig_array_reserve(parser->arena, parser->values, parser->value_count,
										   &parser->value_capacity, sizeof(RigValue));

	if (values == NULL)
		return false;
	parser->values = values;
	parser->values[parser->value_count++] = (RigValue) {number, name, (int32_t) kind};
	return true;
}

static bool
take_value(RigLineParser *parser, const Word *key, RigValueKind kind, double number)
{
	int32_t		id = rig_known_keys_add(&parser->known, key->text.start, (int32_t) key->text.length);
	RigKnownKey *known;

	if (id == RIG_NAMES_NONE)
		return false;
	known = &parser->known.keys[id];
	if (known->reading == parser->reading_number)
		refuse(parser, RIG_REASON_DUPLICATE_KEY, key);
	known->reading = parser->reading_number;
	if (known->name == RIG_KEY_NAME_GOOD)
		return add_value(parser, id, kind, number);
	/* Such a name cannot be a known sensor: without a number it is just ignored. */
	if (kind != RIG_VALUE_NOT_A_NUMBER)
		refuse(parser, RIG_REASON_BAD_SENSOR_NAME, key);
	return true;
}

static const char *
read_state(RigLineParser *parser, const char *at, const Word *key)
{
	RigReading *reading = current_reading(parser);
	RigJsonText text;

	at = read_quoted(parser, at, key, &text);
	if (at == NULL)
		return NULL;
	if (reading->state != NULL)
		refuse(parser, RIG_REASON_DUPLICATE_KEY, key);
	reading->state = text.start;
	reading->state_length = (int32_t) text.length;
	return at;
}

static const char *
read_field(RigLineParser *parser, const char *at)
{
	RigValueKind kind = RIG_VALUE_NOT_A_NUMBER;
	double		number = 0;
	bool		quoted;
	Word		key;

	at = read_key(parser, at, &key);
	if (at == NULL)
		return NULL;
	if (++parser->key_count > RIG_PARSER_MAX_KEYS)
		return refuse_rest(parser, RIG_REASON_TOO_MANY_KEYS, &key);
	quoted = at < parser->end && *at == '"';
	if (quoted && is_text(&key, "state"))
		return read_state(parser, at + 1, &key);
	if (quoted)
	{
		RigJsonText text;

		at = read_quoted(parser, at + 1, &key, &text);
	}
	else
		at = read_plain_value(parser, at, &key, &kind, &number);
	if (at == NULL)
		return NULL;
	return take_value(parser, &key, kind, number) ? at : run_out_of_memory(parser);
}

/* Reads all fields up to the space or the line's end behind them. */
static const char *
read_fields(RigLineParser *parser, const char *at)
{
	for (;;)
	{
		at = read_field(parser, at);
		if (at == NULL || at == parser->end || *at != ',')
			return at;
		at++;
	}
}

/* Reads the time, if there is one, and the line's end. */
static const char *
read_time(RigLineParser *parser, const char *at)
{
	RigReading *reading = current_reading(parser);
	const char *end;
	RigDecimal	decimal;
	Word		word;

	if (!is_line_end(parser, at) && *at != ' ')
		return refuse_rest(parser, RIG_REASON_BAD_LINE, NULL);
	at = skip_spaces(parser, at);
	if (is_line_end(parser, at))
		return at;
	at = read_word(parser, at, " ", &word);
	if (at == NULL)
		return NULL;
	at = skip_spaces(parser, at);
	if (!is_line_end(parser, at))
		return refuse_rest(parser, RIG_REASON_BAD_LINE, NULL);
	end = word.start + word.length;
	if (!is_digits(word.start + (*word.start == '-'), end) || rig_decimal_scan(word.start, end, &decimal) != end)
		refuse(parser, RIG_REASON_BAD_TIME, &word);
	else if (rig_timestamp_from_unix_in(parser->options->format.unit, &decimal, &reading->time_us) != RIG_TIMESTAMP_OK)
		refuse(parser, RIG_REASON_BAD_TIME, &word);
	else
		reading->has_time = true;
	return at;
}

static bool
begin_reading(RigLineParser *parser)
{
	RigReading *readings = rig_array_reserve(parser->arena, parser->readings, parser->reading_count,
											 &parser->reading_capacity, sizeof(RigReading));

	if (readings == NULL)
		return false;
	parser->readings = readings;
	memset(&parser->readings[parser->reading_count++], 0, sizeof(RigReading));
	current_reading(parser)->first_value = parser->value_count;
	current_reading(parser)->line = parser->line;
	parser->reading_number++;
	parser->key_count = 0;
	return true;
}

static void
end_reading(RigLineParser *parser)
{
	RigReading *reading = current_reading(parser);

	if (parser->value_count == reading->first_value && reading->state == NULL)
		refuse(parser, RIG_REASON_NO_VALUES, NULL);
	if (reading->reason != RIG_REASON_NONE)
		parser->value_count = reading->first_value;
	reading->value_count = parser->value_count - reading->first_value;
}

/* Reads one line that is neither blank nor a comment; the result is where its end is looked for. */
static const char *
read_line(RigLineParser *parser, const char *start)
{
	const char *at;
	size_t		unescaped_series;

	if (!begin_reading(parser))
		return run_out_of_memory(parser);
	at = read_series(parser, start);
	unescaped_series = parser->unescaped_used;
	if (at != NULL)
		at = is_line_end(parser, at) ? refuse_rest(parser, RIG_REASON_BAD_LINE, NULL)
			: read_fields(parser, skip_spaces(parser, at));
	if (at != NULL)
		at = read_time(parser, at);
	if (parser->out_of_memory)
		return NULL;
	end_reading(parser);
	if (at != NULL)
		return at;
	/*
	 * After a fault, a newline in a text is taken for the end of the line: nobody knows better. What was read
	 * beyond it is read again, so its copies are given up; the machine stands before them.
	 */
	parser->unescaped_used = unescaped_series;
	parser->line = current_reading(parser)->line;
	return start;
}

static const char *
find_line_end(const RigLineParser *parser, const char *at)
{
	const char *newline = at < parser->end ? memchr(at, '\n', (size_t) (parser->end - at)) : NULL;

	return newline != NULL ? newline : parser->end;
}

/* Reads all lines; false when there are too many, or out of memory. */
static bool
read_lines(RigLineParser *parser, const char *at)
{
	while (at < parser->end)
	{
		while (at < parser->end && (*at == ' ' || *at == '\t'))
			at++;
		if (!is_line_end(parser, at) && *at != '#')
		{
			if (parser->reading_count == RIG_PARSER_MAX_READINGS)
				return false;
			at = read_line(parser, at);
			if (at == NULL)
				return false;
		}
		at = find_line_end(parser, at);
		at += at < parser->end;
		parser->line++;
	}
	return true;
}

/* Finds bytes that no line may hold; where they are, to the line. */
static RigReason
check_bytes(const char *bytes, size_t length, size_t *offset)
{
	const char *end = bytes + length;
	const char *nul = length > 0 ? memchr(bytes, '\0', length) : NULL;

	if (nul != NULL)
	{
		*offset = (size_t) (nul - bytes);
		return RIG_REASON_NUL_BYTE;
	}
	if (rig_is_utf8(bytes, length))
		return RIG_REASON_NONE;
	for (const char *line = bytes; line < end;)
	{
		const char *newline = memchr(line, '\n', (size_t) (end - line));
		const char *behind = newline != NULL ? newline + 1 : end;

		*offset = (size_t) (line - bytes);
		if (!rig_is_utf8(line, (size_t) (behind - line)))
			break;
		line = behind;
	}
	return RIG_REASON_INVALID_UTF8;
}

RigStatus
rig_line_parser_parse(RigLineParser *parser, const RigParseOptions *options, const char *bytes, size_t length,
					  RigPayload *payload)
{
	memset(payload, 0, sizeof(*payload));
	if (length > INT32_MAX)
	{
		payload->reason = RIG_REASON_TOO_LARGE;
		return RIG_OK;
	}
	payload->reason = check_bytes(bytes, length, &payload->error_offset);
	if (payload->reason != RIG_REASON_NONE)
		return RIG_OK;
	parser->options = options;
	parser->end = bytes + length;
	parser->payload_length = length;
	parser->reading_count = 0;
	parser->value_count = 0;
	parser->unescaped_used = 0;
	parser->out_of_memory = false;
	parser->line = 1;

	if (!read_lines(parser, bytes))
	{
		if (parser->out_of_memory)
			return RIG_OUT_OF_MEMORY;
		payload->reason = RIG_REASON_TOO_MANY_READINGS;
		return RIG_OK;
	}
	payload->readings = parser->readings;
	payload->reading_count = parser->reading_count;
	payload->values = parser->values;
	return RIG_OK;
}
