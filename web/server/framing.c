#include "framing.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

/* Headers of which a second one would be read by some and not by others. */
static const char *const SINGLE[] = {
	"Host", "Content-Length", "Transfer-Encoding", "Content-Type", "Content-Encoding", "Origin", "Sec-Fetch-Site",
	"Authorization", "Cookie", "Idempotency-Key", "X-Forwarded-For", "Last-Event-ID", "Expect"
};

enum
{
	HOST,						/* places in SINGLE */
	CONTENT_LENGTH,
	TRANSFER_ENCODING
};

#define SINGLE_COUNT (sizeof(SINGLE) / sizeof(SINGLE[0]))

/* Compared as numbers: the distance of pointers into different objects is not defined. */
static bool
follows(const char *later, const char *earlier, size_t distance)
{
	return (uintptr_t) later == (uintptr_t) earlier + distance;
}

static void
note(RigFraming *framing, bool good, const char *fault)
{
	if (!good && framing->fault == NULL)
		framing->fault = fault;
}

static bool
is_token(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		unsigned char byte = (unsigned char) text[i];

		if (byte <= 0x20 || byte >= 0x7F || strchr("\"(),/:;<=>?@[\\]{}", byte) != NULL)
			return false;
	}
	return length > 0;
}

static bool
has_control_character(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		unsigned char byte = (unsigned char) text[i];

		if ((byte < 0x20 && byte != '\t') || byte == 0x7F)
			return true;
	}
	return false;
}

void
rig_framing_begin(RigFraming *framing, const char *method, const char *target, size_t target_length,
				  const char *version)
{
	*framing = (RigFraming) {.start = method, .end = version + strlen(version)};
	framing->modern = strcmp(version, "HTTP/1.0") != 0;
	/* A byte of zero ends the target for the library, but not its line. */
	note(framing, follows(target, method, strlen(method) + 1) && follows(version, target, target_length + 1),
		 "the request line holds more than method, target and version");
}

void
rig_framing_header(RigFraming *framing, const char *name, size_t name_length, const char *value, size_t value_length)
{
	/* Also false for a value that was folded over two lines, which the library puts together elsewhere. */
	note(framing, follows(name, framing->end, 2), "a line of the header does not end with CR LF");
	framing->end = value + value_length;
	note(framing, is_token(name, name_length), "a header name is not a token");
	note(framing, !has_control_character(value, value_length), "a header value holds control characters");
	for (unsigned int i = 0; i < SINGLE_COUNT; i++)
	{
		if (strlen(SINGLE[i]) != name_length || strncasecmp(SINGLE[i], name, name_length) != 0)
			continue;
		note(framing, (framing->seen & (1u << i)) == 0, "a header that may come once comes twice");
		framing->seen |= 1u << i;
		if (i == TRANSFER_ENCODING)
			note(framing, value_length == 7 && strncasecmp(value, "chunked", 7) == 0, "Transfer-Encoding is not chunked");
	}
}

const char *
rig_framing_end(RigFraming *framing, size_t size)
{
	const unsigned int both = 1u << CONTENT_LENGTH | 1u << TRANSFER_ENCODING;

	note(framing, follows(framing->start + size, framing->end, 4), "a line of the header does not end with CR LF");
	note(framing, (framing->seen & both) != both, "Content-Length beside Transfer-Encoding");
	note(framing, (framing->seen & 1u << TRANSFER_ENCODING) == 0 || framing->modern,
		 "HTTP/1.0 knows no Transfer-Encoding");
	note(framing, (framing->seen & 1u << HOST) != 0 || !framing->modern, "a Host header is missing");
	return framing->fault;
}
