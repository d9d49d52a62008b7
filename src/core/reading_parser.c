#include "reading_parser.h"

#include <string.h>

#include "array.h"
#include "json_scan.h"
#include "known_keys.h"
#include "timestamp.h"

_Static_assert(RIG_PARSER_MAX_DEPTH <= RIG_JSON_MAX_DEPTH, "deeper than ignored values can be followed");

/* Space, quote, key with its quote, colon and space: what read_expected_members() looks at before a number. */
#define EXPECTED_REACH (RIG_KEY_HEAD + 4)

struct RigReadingParser
{
	RigArena   *arena;
	RigKnownKeys known;
	RigJson		json;
	RigReading *readings;
	RigValue   *values;
	int32_t		reading_count;
	int32_t		reading_capacity;
	int32_t		value_count;
	int32_t		value_capacity;

	const RigParseOptions *options;
	size_t		payload_length;
	char	   *unescaped;		/* texts that had escapes, without them */
	size_t		unescaped_size;
	size_t		unescaped_used;
	bool		out_of_memory;

	/* State of the reading that is being parsed. */
	uint64_t	reading_number;	/* of all this parser has seen, from 1 */
	int32_t		key_count;
	int32_t		last_key;
	unsigned int roles_seen;	/* bit per RigKeyRole */
	int			depth;			/* containers that are open */
};

/* A key and where it stands, for the record of a refusal. */
typedef struct Key
{
	int32_t		id;				/* RIG_NAMES_NONE if the reading has too many */
	const char *text;
	size_t		length;
} Key;

RigReadingParser *
rig_reading_parser_create(RigArena *arena, RigNames *names)
{
	RigReadingParser *parser = rig_arena_allocate(arena, sizeof(RigReadingParser));

	if (parser == NULL)
		return NULL;
	memset(parser, 0, sizeof(*parser));
	parser->arena = arena;
	return rig_known_keys_init(&parser->known, arena, names) ? parser : NULL;
}

static const char *
run_out_of_memory(RigReadingParser *parser)
{
	parser->out_of_memory = true;
	return NULL;
}

static RigReading *
current_reading(RigReadingParser *parser)
{
	return &parser->readings[parser->reading_count - 1];
}

/* Refuses the reading unless it already is; parsing goes on for the sake of the others. */
static void
refuse_reading(RigReadingParser *parser, RigReason reason, const Key *key)
{
	RigReading *reading = current_reading(parser);

	if (reading->reason != RIG_REASON_NONE)
		return;
	reading->reason = reason;
	if (key != NULL)
	{
		reading->field = key->text;
		reading->field_length = (int32_t) key->length;
	}
}

/* Makes room for every text of a payload without escapes, so that none moves during its parse. */
static bool
reserve_unescaped(RigReadingParser *parser)
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

/* Reads a string, behind its opening quote, into its plain bytes. */
static const char *
read_text(RigReadingParser *parser, const char *at, RigJsonText *text)
{
	char	   *copy;

	at = rig_json_scan_string(&parser->json, at, text);
	if (at == NULL || !text->escaped)
		return at;
	if (!reserve_unescaped(parser))
		return run_out_of_memory(parser);
	copy = parser->unescaped + parser->unescaped_used;
	text->length = rig_json_unescape(text, copy);
	text->start = copy;
	parser->unescaped_used += text->length;
	return at;
}

/* Reads a key that is not the predicted one, behind its opening quote. */
static const char *
read_unpredicted_key(RigReadingParser *parser, const char *at, Key *key)
{
	RigJsonText text;
	const char *behind = read_text(parser, at, &text);

	if (behind == NULL)
		return NULL;
	key->text = at;
	key->length = (size_t) (behind - 1 - at);
	if (parser->key_count > RIG_PARSER_MAX_KEYS)
	{
		refuse_reading(parser, RIG_REASON_TOO_MANY_KEYS, key);
		key->id = RIG_NAMES_NONE;
		return behind;
	}
	key->id = rig_known_keys_add(&parser->known, text.start, (int32_t) text.length);
	if (key->id == RIG_NAMES_NONE)
		return run_out_of_memory(parser);
	parser->known.keys[parser->last_key].next = key->id;
	return behind;
}

/* Reads a key from its opening quote, and its colon, up to where the value should begin. */
static inline const char *
read_key(RigReadingParser *parser, const char *at, Key *key)
{
	int32_t		predicted = parser->known.keys[parser->last_key].next;
	const RigKnownKey *known = &parser->known.keys[predicted];

	if (!rig_json_is(&parser->json, at, '"'))
	{
		rig_json_fail(&parser->json, at);
		return NULL;
	}
	at++;
	parser->key_count++;
	if (rig_known_key_matches(known, at, parser->json.end - at) && parser->key_count <= RIG_PARSER_MAX_KEYS)
	{
		key->id = predicted;
		key->text = at;
		key->length = (size_t) known->length;
		at += known->length + 1;
	}
	else if ((at = read_unpredicted_key(parser, at, key)) == NULL)
		return NULL;
	if (key->id != RIG_NAMES_NONE)
		parser->last_key = key->id;

	at = rig_json_skip_space(&parser->json, at);
	if (!rig_json_is(&parser->json, at, ':'))
	{
		rig_json_fail(&parser->json, at);
		return NULL;
	}
	return rig_json_skip_space(&parser->json, at + 1);
}

/* Goes to the next member of an object; *more is false behind its closing brace. */
static inline const char *
end_member(RigReadingParser *parser, const char *at, bool *more)
{
	at = rig_json_skip_space(&parser->json, at);
	*more = rig_json_is(&parser->json, at, ',');
	if (*more)
		return rig_json_skip_space(&parser->json, at + 1);
	return rig_json_is(&parser->json, at, '}') ? at + 1 : rig_json_fail(&parser->json, at);
}

/* Goes to the first member of an object, from its opening brace. */
static inline const char *
begin_members(RigReadingParser *parser, const char *at, bool *more)
{
	at = rig_json_skip_space(&parser->json, at + 1);
	*more = !rig_json_is(&parser->json, at, '}');
	return *more ? at : at + 1;
}

static const char *
skip_value(RigReadingParser *parser, const char *at)
{
	return rig_json_skip_value(&parser->json, at, RIG_PARSER_MAX_DEPTH - parser->depth);
}

static bool
add_value(RigReadingParser *parser, int32_t name, RigValueKind kind, double number)
{
	RigValue   *values = rig_array_reserve(parser->arena, parser->values, parser->value_count,
										   &parser->value_capacity, sizeof(RigValue));

	if (values == NULL)
		return false;
	parser->values = values;
	parser->values[parser->value_count++] = (RigValue) {number, name, (int32_t) kind};
	return true;
}

/* Marks the key as seen in this reading, which is refused if it already was. */
static inline void
mark_sensor_key(RigReadingParser *parser, RigKnownKey *known, const Key *key)
{
	if (known->reading == parser->reading_number)
		refuse_reading(parser, RIG_REASON_DUPLICATE_KEY, key);
	known->reading = parser->reading_number;
}

static bool
begins_number(const RigReadingParser *parser, const char *at)
{
	return at < parser->json.end && (*at == '-' || (*at >= '0' && *at <= '9'));
}

/* Reads the value of a key that may be a sensor, in any form it can have. */
static const char *
read_any_value(RigReadingParser *parser, const char *at, RigValueKind *kind, double *number)
{
	RigDecimal	decimal;

	*kind = RIG_VALUE_NOT_A_NUMBER;
	*number = 0;
	if (!begins_number(parser, at))
		return skip_value(parser, at);
	at = rig_json_scan_number(&parser->json, at, &decimal);
	if (at != NULL)
		*kind = rig_decimal_to_double(&decimal, number) ? RIG_VALUE_NUMBER : RIG_VALUE_OUT_OF_RANGE;
	return at;
}

/* Reads the value of a key that may be a sensor. */
static inline const char *
read_sensor(RigReadingParser *parser, const char *at, const Key *key)
{
	RigKnownKey *known = &parser->known.keys[key->id];
	RigValueKind kind = RIG_VALUE_NUMBER;
	double		number;
	const char *behind = rig_number_read_short(at, parser->json.end, &number, &known->layout);

	mark_sensor_key(parser, known, key);
	if (behind == NULL)
	{
		behind = read_any_value(parser, at, &kind, &number);
		if (behind == NULL)
			return NULL;
	}
	if (known->name != RIG_KEY_NAME_GOOD)
	{
		/* Such a name cannot be a known sensor: without a number it is just ignored. */
		if (known->name == RIG_KEY_NAME_WITH_NUL || kind != RIG_VALUE_NOT_A_NUMBER)
			refuse_reading(parser, RIG_REASON_BAD_SENSOR_NAME, key);
		return behind;
	}
	return add_value(parser, key->id, kind, number) ? behind : run_out_of_memory(parser);
}

static const char *
read_machine(RigReadingParser *parser, const char *at, const Key *key)
{
	RigReading *reading = current_reading(parser);
	RigJsonText text;

	if (!rig_json_is(&parser->json, at, '"'))
	{
		/* It names a machine, though not one that can be read; null names none. */
		if (!rig_json_is(&parser->json, at, 'n'))
			refuse_reading(parser, RIG_REASON_MISSING_MACHINE, NULL);
		return skip_value(parser, at);
	}
	at = read_text(parser, at + 1, &text);
	if (at == NULL)
		return NULL;
	if (!rig_is_valid_name(text.start, text.length))
	{
		refuse_reading(parser, RIG_REASON_BAD_MACHINE_NAME, key);
		return at;
	}
	reading->machine = text.start;
	reading->machine_length = (int32_t) text.length;
	return at;
}

static const char *
read_state(RigReadingParser *parser, const char *at)
{
	RigReading *reading = current_reading(parser);
	RigJsonText text;

	if (!rig_json_is(&parser->json, at, '"'))
		return skip_value(parser, at);
	at = read_text(parser, at + 1, &text);
	if (at == NULL)
		return NULL;
	if (memchr(text.start, '\0', text.length) == NULL)
	{
		reading->state = text.start;
		reading->state_length = (int32_t) text.length;
	}
	return at;
}

/* Reads a time as number or, where its unit is not given, as text, too; null counts as absent. */
static const char *
read_timestamp(RigReadingParser *parser, const char *at, const Key *key, RigTimeUnit unit)
{
	RigReading *reading = current_reading(parser);
	RigTimestampResult result = RIG_TIMESTAMP_INVALID;

	if (rig_json_is(&parser->json, at, '"') && unit == RIG_TIME_BY_MAGNITUDE)
	{
		RigJsonText text;

		at = read_text(parser, at + 1, &text);
		if (at != NULL)
			result = rig_timestamp_parse(text.start, text.length, &reading->time_us);
	}
	else if (begins_number(parser, at))
	{
		RigDecimal	decimal;

		at = rig_json_scan_number(&parser->json, at, &decimal);
		if (at != NULL)
			result = rig_timestamp_from_unix_in(unit, &decimal, &reading->time_us);
	}
	else
	{
		bool		is_null = rig_json_is(&parser->json, at, 'n');

		at = skip_value(parser, at);
		if (is_null)
			return at;
	}
	reading->has_time = result == RIG_TIMESTAMP_OK;
	if (result != RIG_TIMESTAMP_OK)
		refuse_reading(parser, result == RIG_TIMESTAMP_WITHOUT_OFFSET ? RIG_REASON_TIME_WITHOUT_OFFSET
					   : RIG_REASON_BAD_TIME, key);
	return at;
}

static const char *read_members(RigReadingParser *parser, const char *at, bool nested);

/* Reads what stands under "sensors", or "values". */
static const char *
read_sensors(RigReadingParser *parser, const char *at, const Key *key)
{
	if (rig_json_is(&parser->json, at, '{'))
	{
		parser->depth++;
		at = read_members(parser, at, true);
		parser->depth--;
		return at;
	}
	at = skip_value(parser, at);
	if (at != NULL && !add_value(parser, key->id, RIG_VALUE_NOT_A_NUMBER, 0))
		return run_out_of_memory(parser);
	return at;
}

/* What a key means in the format of the payload, in a reading or among the sensors nested in it. */
static RigKeyRole
role_of(const RigReadingParser *parser, const char *value, const Key *key, bool nested)
{
	RigKeyRole	role = (RigKeyRole) parser->known.keys[key->id].role;
	bool		thingsboard = parser->options->format.kind == RIG_FORMAT_THINGSBOARD;

	switch (role)
	{
		case RIG_KEY_TIMESTAMP:
		case RIG_KEY_SENSORS:
			return nested || thingsboard ? RIG_KEY_SENSOR : role;
		case RIG_KEY_TS:
		case RIG_KEY_VALUES:
			return nested || !thingsboard ? RIG_KEY_SENSOR : role;
		case RIG_KEY_STATE:
			/* The values are all that a device of ThingsBoard can send. */
			if (nested && thingsboard && rig_json_is(&parser->json, value, '"'))
				return role;
			break;
		default:
			break;
	}
	return nested ? RIG_KEY_SENSOR : role;
}

/* Reads the value of a key that has a role in the reading. */
static const char *
read_role(RigReadingParser *parser, const char *at, const Key *key, RigKeyRole role)
{
	/* Apart from sensors: "sensors" may well contain one that is called "state". */
	if ((parser->roles_seen & 1U << role) != 0)
		refuse_reading(parser, RIG_REASON_DUPLICATE_KEY, key);
	parser->roles_seen |= 1U << role;
	switch (role)
	{
		case RIG_KEY_MACHINE:
			return read_machine(parser, at, key);
		case RIG_KEY_TIMESTAMP:
			return read_timestamp(parser, at, key, RIG_TIME_BY_MAGNITUDE);
		case RIG_KEY_TS:
			return read_timestamp(parser, at, key, RIG_TIME_MILLISECONDS);
		case RIG_KEY_STATE:
			return read_state(parser, at);
		default:
			return read_sensors(parser, at, key);
	}
}

/*
 * Reads a finite number with a comma behind it that is not laid out as expected, and
 * expects more of its kind; NULL if there is none.
 */
static __attribute__((noinline)) const char *
read_unexpected_number(RigNumberLayout *layout, const char *at, const char *end, double *number)
{
	const char *behind = rig_number_read_short(at, end, number, layout);
	RigDecimal	decimal;

	if (behind == NULL)
	{
		behind = rig_decimal_scan(at, end, &decimal);
		if (behind == NULL || !rig_decimal_to_double(&decimal, number))
			return NULL;
	}
	return behind < end && *behind == ',' ? behind : NULL;
}

/*
 * Reads members as long as each is what a steady stream has: the key that came next the
 * last time, a short number, and another member behind. Returns where the first other one
 * begins, of which nothing is read. Not inline, so that all its variables have registers.
 */
static __attribute__((noinline)) const char *
read_expected_members(RigReadingParser *parser, const char *at, bool nested)
{
	RigKnownKey *keys = parser->known.keys;
	const char *end = parser->json.end;
	uint8_t		barred_roles = nested ? 0 : UINT8_MAX;
	int32_t		last = parser->last_key;
	int32_t		room = parser->value_capacity - parser->value_count;
	RigValue   *first;
	RigValue   *value;

	if (room > RIG_PARSER_MAX_KEYS - parser->key_count)
		room = RIG_PARSER_MAX_KEYS - parser->key_count;
	if (room <= 0)
		return at;
	first = value = parser->values + parser->value_count;
	while (value < first + room && end - at >= EXPECTED_REACH)
	{
		int32_t		id = keys[last].next;
		RigKnownKey *key = &keys[id];
		const char *member = at;
		const char *behind;

		if (RIG_UNLIKELY(*member == ' '))
			member++;
		if (*member != '"' || !key->short_name || !rig_known_key_begins(key, member + 1))
			break;
		if (key->reading == parser->reading_number || (key->role & barred_roles) != 0)
			break;
		member += key->length + 2;
		if (*member++ != ':')
			break;
		if (RIG_UNLIKELY(*member == ' '))
			member++;
		if (end - member < RIG_NUMBER_SHORT_REACH)
			break;
		behind = rig_number_read_expected(&key->layout, member, &value->number);
		if (behind == NULL)
			behind = read_unexpected_number(&key->layout, member, end, &value->number);
		if (behind == NULL)
			break;
		at = behind + 1;
		value->name = last = id;
		value->kind = RIG_VALUE_NUMBER;
		value++;
		key->reading = parser->reading_number;
	}
	parser->last_key = last;
	parser->key_count += (int32_t) (value - first);
	parser->value_count += (int32_t) (value - first);
	return rig_json_skip_space(&parser->json, at);
}

/*
 * Reads an object from its opening brace: the reading, or the sensors nested in it. One
 * function for both, so that its fast path exists once; it calls itself once at most.
 */
static const char *
read_members(RigReadingParser *parser, const char *at, bool nested)
{
	bool		more;

	at = begin_members(parser, at, &more);
	while (more)
	{
		Key			key;
		RigKeyRole	role;

		at = read_key(parser, read_expected_members(parser, at, nested), &key);
		if (at == NULL)
			return NULL;
		if (key.id == RIG_NAMES_NONE)
			at = skip_value(parser, at);
		else if (parser->known.keys[key.id].role != RIG_KEY_SENSOR
				 && (role = role_of(parser, at, &key, nested)) != RIG_KEY_SENSOR)
			at = read_role(parser, at, &key, role);
		else
			at = read_sensor(parser, at, &key);
		if (at == NULL)
			return NULL;
		at = end_member(parser, at, &more);
		if (at == NULL)
			return NULL;
	}
	return at;
}

static bool
begin_reading(RigReadingParser *parser, int depth)
{
	RigReading *readings = rig_array_reserve(parser->arena, parser->readings, parser->reading_count,
											 &parser->reading_capacity, sizeof(RigReading));

	if (readings == NULL)
		return false;
	parser->readings = readings;
	memset(&parser->readings[parser->reading_count++], 0, sizeof(RigReading));
	current_reading(parser)->first_value = parser->value_count;
	parser->reading_number++;
	parser->key_count = 0;
	parser->roles_seen = 0;
	parser->depth = depth;
	return true;
}

/* Decides what only the whole reading can tell. */
static void
end_reading(RigReadingParser *parser)
{
	RigReading *reading = current_reading(parser);

	if (reading->machine == NULL && reading->reason != RIG_REASON_MISSING_MACHINE
		&& reading->reason != RIG_REASON_BAD_MACHINE_NAME)
	{
		reading->machine = parser->options->machine;
		reading->machine_length = parser->options->machine_length;
	}
	if (reading->machine == NULL)
		refuse_reading(parser, RIG_REASON_MISSING_MACHINE, NULL);
	if (parser->value_count == reading->first_value && reading->state == NULL)
		refuse_reading(parser, RIG_REASON_NO_VALUES, NULL);
	if (reading->reason != RIG_REASON_NONE)
		parser->value_count = reading->first_value;
	reading->value_count = parser->value_count - reading->first_value;
}

/* Reads one reading, the depth-th open container, from its first byte. */
static const char *
read_reading(RigReadingParser *parser, const char *at, int depth)
{
	if (!begin_reading(parser, depth))
		return run_out_of_memory(parser);
	if (!rig_json_is(&parser->json, at, '{'))
	{
		parser->depth--;
		refuse_reading(parser, RIG_REASON_NOT_A_READING, NULL);
		return skip_value(parser, at);
	}
	at = read_members(parser, at, false);
	if (at != NULL)
		end_reading(parser);
	return at;
}

/* Reads an array of readings from its opening bracket. */
static const char *
read_array(RigReadingParser *parser, const char *at)
{
	at = rig_json_skip_space(&parser->json, at + 1);
	if (rig_json_is(&parser->json, at, ']'))
		return at + 1;
	for (;;)
	{
		if (parser->reading_count == RIG_PARSER_MAX_READINGS)
		{
			rig_json_refuse(&parser->json, at, RIG_REASON_TOO_MANY_READINGS);
			return NULL;
		}
		at = read_reading(parser, at, 2);
		if (at == NULL)
			return NULL;
		at = rig_json_skip_space(&parser->json, at);
		if (rig_json_is(&parser->json, at, ']'))
			return at + 1;
		if (!rig_json_is(&parser->json, at, ','))
			return rig_json_fail(&parser->json, at);
		at = rig_json_skip_space(&parser->json, at + 1);
	}
}

/* Reads the whole payload; the reason of its refusal stands in parser->json. */
static void
read_payload(RigReadingParser *parser, const char *at)
{
	RigJson    *json = &parser->json;
	const char *start;
	bool		has_readings = true;

	start = at = rig_json_skip_space(json, at);
	if (rig_json_is(json, at, '{'))
		at = read_reading(parser, at, 1);
	else if (rig_json_is(json, at, '['))
		at = read_array(parser, at);
	else
	{
		has_readings = false;
		at = rig_json_skip_value(json, at, RIG_PARSER_MAX_DEPTH);
	}
	if (at == NULL)
		return;
	at = rig_json_skip_space(json, at);
	if (at < json->end)
		rig_json_fail(json, at);
	else if (!has_readings)
		rig_json_refuse(json, start, RIG_REASON_NOT_A_READING);
}

/* A raw zero byte is never legal; it is the better explanation wherever it stands. */
static void
prefer_nul_byte(RigJson *json, const char *bytes, size_t length)
{
	const char *nul = length > 0 ? memchr(bytes, '\0', length) : NULL;

	if (nul != NULL)
		rig_json_refuse(json, nul, RIG_REASON_NUL_BYTE);
}

RigStatus
rig_reading_parser_parse_as(RigReadingParser *parser, const RigParseOptions *options, const char *bytes, size_t length,
							RigPayload *payload)
{
	RigJson    *json = &parser->json;

	memset(payload, 0, sizeof(*payload));
	if (length > INT32_MAX)
	{
		payload->reason = RIG_REASON_TOO_LARGE;
		return RIG_OK;
	}
	*json = (RigJson) {bytes + length, bytes, RIG_REASON_NONE};
	parser->options = options;
	parser->payload_length = length;
	parser->reading_count = 0;
	parser->value_count = 0;
	parser->unescaped_used = 0;
	parser->out_of_memory = false;

	read_payload(parser, bytes);
	if (parser->out_of_memory)
		return RIG_OUT_OF_MEMORY;
	if (json->reason != RIG_REASON_NONE)
	{
		prefer_nul_byte(json, bytes, length);
		payload->reason = json->reason;
		payload->error_offset = (size_t) (json->error - bytes);
		return RIG_OK;
	}
	payload->readings = parser->readings;
	payload->reading_count = parser->reading_count;
	payload->values = parser->values;
	return RIG_OK;
}

RigStatus
rig_reading_parser_parse(RigReadingParser *parser, const char *bytes, size_t length, RigPayload *payload)
{
	static const RigParseOptions json = {{RIG_FORMAT_JSON, RIG_TIME_BY_MAGNITUDE}, 0, NULL};

	return rig_reading_parser_parse_as(parser, &json, bytes, length, payload);
}
