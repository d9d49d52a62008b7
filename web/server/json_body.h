/*
 * Small JSON bodies with known members, read in place: strings, booleans and nulls. Bodies without
 * secrets go to the database as they are; what is here is for those that hold a password or a code.
 */
#ifndef RIG_JSON_BODY_H
#define RIG_JSON_BODY_H

#include <stdbool.h>
#include <stddef.h>

#include "request.h"

#define RIG_JSON_BODY_MAX 65536

typedef enum RigJsonKind
{
	RIG_JSON_TEXT,				/* a string without NUL: may become a parameter of a statement */
	RIG_JSON_BYTES,				/* a string of any characters */
	RIG_JSON_BOOLEAN
} RigJsonKind;

typedef struct RigJsonField
{
	const char *name;
	RigJsonKind kind;
	bool		required;		/* must be there and not null */

	char	   *text;			/* NUL-terminated, points into the body; NULL when absent or null */
	size_t		length;
	bool		given;			/* the member is there, be it null */
	bool		value;			/* of a boolean */
} RigJsonField;

/* A route's check for bodies of application/json that are not larger than RIG_JSON_BODY_MAX. */
extern void rig_check_json(RigRequest *request);

/*
 * Reads the whole body, an object with these members only and each once; unescapes its strings in place.
 * False when it is not that; the request is answered then.
 */
extern bool rig_json_body(RigRequest *request, RigJsonField *fields, int count);

/* Whether Content-Type names the media type; parameters such as charset do not matter. */
extern bool rig_has_media_type(const RigRequest *request, const char *media_type);

#endif
