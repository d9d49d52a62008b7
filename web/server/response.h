/*
 * What a handler answers. Status, type and body are plain data; giving them to the HTTP
 * library, with the security headers that every answer carries, happens in one place.
 */
#ifndef RIG_RESPONSE_H
#define RIG_RESPONSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

#define RIG_RESPONSE_MAX_HEADERS 8

struct RigRequest;

typedef struct RigHeader
{
	const char *name;
	char		value[160];
} RigHeader;

typedef struct RigResponse
{
	int			status;			/* 0 until there is an answer */
	const char *content_type;	/* NULL: no body */
	RigBuffer	body;
	const char *static_bytes;	/* borrowed body that outlives the request, instead of body */
	size_t		static_length;
	bool		has_file;		/* the body is a file instead, which the response owns */
	int			file;
	uint64_t	file_length;
	const char *cache_control;	/* NULL: no-store */
	bool		close_connection;
	int			header_count;
	RigHeader	headers[RIG_RESPONSE_MAX_HEADERS];
} RigResponse;

extern void rig_response_header(RigResponse *response, const char *name, const char *format, ...)
			__attribute__((format(printf, 3, 4)));

/* Closes the file, if there is one. */
extern void rig_response_drop_file(RigResponse *response);

/* Forgets everything set so far, so that another answer can be built. */
extern void rig_response_reset(RigResponse *response);

/* Gives the answer of the request to the HTTP library; false when the connection must end. */
extern bool rig_response_send(struct RigRequest *request);

#endif
