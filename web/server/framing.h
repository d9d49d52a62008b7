/*
 * Whether a request header means the same to every reader. A proxy in front of us and the HTTP library may disagree
 * about the end of a line or of a body, and then one request becomes two, the second with the rights of somebody else.
 * The library is forgiving, so what it took a header apart into is compared with the bytes it came from.
 */
#ifndef RIG_FRAMING_H
#define RIG_FRAMING_H

#include <stdbool.h>
#include <stddef.h>

typedef struct RigFraming
{
	const char *start;			/* of the request line */
	const char *end;			/* of what was looked at so far */
	const char *fault;			/* the first that was found, NULL = none */
	unsigned int seen;			/* headers that may come once */
	bool		modern;			/* HTTP/1.1, which demands Host and knows chunks */
} RigFraming;

/*
 * The parts of the request line where they stand in memory. target_length is that of the raw target when it
 * arrived: the library shortens it in place later.
 */
extern void rig_framing_begin(RigFraming *framing, const char *method, const char *target, size_t target_length,
							  const char *version);

/* The headers, in their order. */
extern void rig_framing_header(RigFraming *framing, const char *name, size_t name_length,
							   const char *value, size_t value_length);

/* What is wrong, or NULL. size counts the whole header, from the request line to the empty line. */
extern const char *rig_framing_end(RigFraming *framing, size_t size);

#endif
