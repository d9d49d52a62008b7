#include "postgres.h"

#include "common/jsonapi.h"
#include "mb/pg_wchar.h"

#include "server_parser.h"

typedef struct Reader
{
	const RigNames *names;
	double	   *values;
	int32_t		sensor;			/* id of the last key, or RIG_NAMES_NONE */
} Reader;

#if PG_VERSION_NUM >= 160000
#define ACTION_RESULT JsonParseErrorType
#define ACTION_RETURN return JSON_SUCCESS
#else
#define ACTION_RESULT void
#define ACTION_RETURN return
#endif

static ACTION_RESULT
take_key(void *state, char *key, bool isnull)
{
	Reader	   *reader = state;

	reader->sensor = rig_names_find(reader->names, key, (int32_t) strlen(key));
	ACTION_RETURN;
}

static ACTION_RESULT
take_scalar(void *state, char *token, JsonTokenType type)
{
	Reader	   *reader = state;

	if (type == JSON_TOKEN_NUMBER && reader->sensor != RIG_NAMES_NONE)
		reader->values[reader->sensor] = strtod(token, NULL);
	ACTION_RETURN;
}

void
server_parser_read(const RigNames *names, char *bytes, int length, double *values)
{
	Reader		reader = {.names = names, .values = values, .sensor = RIG_NAMES_NONE};
	JsonSemAction actions = {.semstate = &reader, .object_field_start = take_key, .scalar = take_scalar};
	JsonLexContext *lex;

#if PG_VERSION_NUM >= 170000
	lex = makeJsonLexContextCstringLen(NULL, bytes, length, PG_UTF8, true);
#else
	lex = makeJsonLexContextCstringLen(bytes, length, PG_UTF8, true);
#endif
	if (pg_parse_json(lex, &actions) != JSON_SUCCESS)
		elog(ERROR, "message is not JSON");
}
