#include "json_body.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "json_scan.h"
#include "problem.h"

bool
rig_has_media_type(const RigRequest *request, const char *media_type)
{
	const char *header = rig_request_header(request, "Content-Type");
	size_t		length = strlen(media_type);

	return header != NULL && strncasecmp(header, media_type, length) == 0 &&
		strchr("; \t", header[length]) != NULL;
}

void
rig_check_json(RigRequest *request)
{
	const char *encoding = rig_request_header(request, "Content-Encoding");

	if (encoding != NULL && strcasecmp(encoding, "identity") != 0)
		rig_problem_answer(request, RIG_PROBLEM_MEDIA_TYPE, "Send the body without Content-Encoding.");
	else if (!rig_has_media_type(request, "application/json"))
		rig_problem_answer(request, RIG_PROBLEM_MEDIA_TYPE, "Send application/json.");
	else if (request->body_declared > RIG_JSON_BODY_MAX)
		rig_problem_answer(request, RIG_PROBLEM_TOO_LARGE, NULL);
}

static bool
refuse(RigRequest *request, const char *detail)
{
	rig_problem_answer(request, RIG_PROBLEM_BAD_BODY, detail);
	return false;
}

static bool
refuse_member(RigRequest *request, const char *name, const char *what)
{
	char		detail[160];

	snprintf(detail, sizeof(detail), "member \"%s\" %s", name, what);
	return refuse(request, detail);
}

/* The field of a key, or NULL; a key of ours has no escapes, and another spelling of it is unknown. */
static RigJsonField *
find_field(RigJsonField *fields, int count, const RigJsonText *key)
{
	for (int i = 0; i < count; i++)
	{
		if (strlen(fields[i].name) == key->length && memcmp(fields[i].name, key->start, key->length) == 0)
			return &fields[i];
	}
	return NULL;
}

static const char *
take_word(const RigJson *json, const char *at, const char *word)
{
	size_t		length = strlen(word);

	return (size_t) (json->end - at) >= length && memcmp(at, word, length) == 0 ? at + length : NULL;
}

/*
 * Reads a value into its field; NULL when it is not of its kind. The closing quote makes room for the
 * terminating NUL, since unescaped text is never longer.
 */
static const char *
read_value(RigJson *json, const char *at, RigJsonField *field)
{
	RigJsonText text;
	const char *after = take_word(json, at, "null");

	if (after != NULL)
		return field->required ? NULL : after;
	if (field->kind == RIG_JSON_BOOLEAN)
	{
		after = take_word(json, at, "true");
		field->value = after != NULL;
		return after != NULL ? after : take_word(json, at, "false");
	}
	if (!rig_json_is(json, at, '"'))
		return NULL;
	after = rig_json_scan_string(json, at + 1, &text);
	if (after == NULL)
		return NULL;
	field->text = (char *) text.start;
	field->length = rig_json_unescape(&text, field->text);
	field->text[field->length] = '\0';
	if (field->kind == RIG_JSON_TEXT && memchr(field->text, '\0', field->length) != NULL)
		return NULL;
	return after;
}

/* Reads one member, at its key; NULL after answering when it is not as it should be. */
static const char *
read_member(RigRequest *request, RigJson *json, const char *at, RigJsonField *fields, int count)
{
	RigJsonText key;
	RigJsonField *field;

	at = rig_json_is(json, at, '"') ? rig_json_scan_string(json, at + 1, &key) : NULL;
	at = at != NULL ? rig_json_skip_space(json, at) : NULL;
	if (at == NULL || !rig_json_is(json, at, ':'))
	{
		refuse(request, "it is not JSON");
		return NULL;
	}
	field = find_field(fields, count, &key);
	if (field == NULL || field->given)
	{
		if (field == NULL)
			refuse(request, "it has a member that is not known");
		else
			refuse_member(request, field->name, "stands there twice");
		return NULL;
	}
	field->given = true;
	at = read_value(json, rig_json_skip_space(json, at + 1), field);
	if (at == NULL)
		refuse_member(request, field->name, "is not valid");
	return at != NULL ? rig_json_skip_space(json, at) : NULL;
}

static bool
read_object(RigRequest *request, RigJson *json, const char *at, RigJsonField *fields, int count)
{
	at = rig_json_skip_space(json, at);
	if (!rig_json_is(json, at, '{'))
		return refuse(request, "it is not a JSON object");
	at = rig_json_skip_space(json, at + 1);
	while (!rig_json_is(json, at, '}'))
	{
		at = read_member(request, json, at, fields, count);
		if (at == NULL)
			return false;
		if (rig_json_is(json, at, '}'))
			break;
		if (!rig_json_is(json, at, ','))
			return refuse(request, "it is not JSON");
		at = rig_json_skip_space(json, at + 1);
		if (rig_json_is(json, at, '}'))
			return refuse(request, "it is not JSON");
	}
	if (rig_json_skip_space(json, at + 1) != json->end)
		return refuse(request, "something follows the JSON object");
	return true;
}

bool
rig_json_body(RigRequest *request, RigJsonField *fields, int count)
{
	RigJson		json = {.end = request->body.data + request->body.length};

	if (request->body.length == 0)
	{
		rig_problem_answer(request, RIG_PROBLEM_EMPTY_BODY, NULL);
		return false;
	}
	if (request->body.length > RIG_JSON_BODY_MAX)
	{
		rig_problem_answer(request, RIG_PROBLEM_TOO_LARGE, NULL);
		return false;
	}
	if (!read_object(request, &json, request->body.data, fields, count))
		return false;
	for (int i = 0; i < count; i++)
	{
		if (fields[i].required && !fields[i].given)
			return refuse_member(request, fields[i].name, "is missing");
	}
	return true;
}
