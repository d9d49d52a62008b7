/*
 * A second reader of JSON, naive and recursive, written from RFC 8259 and RFC 3629
 * alone: what it accepts, the fast one must accept, and nothing else.
 */
#ifndef TEST_REFERENCE_JSON_H
#define TEST_REFERENCE_JSON_H

#include <stdbool.h>
#include <stddef.h>

/* True when the bytes are one JSON text with at most max_depth nested containers. */
extern bool reference_is_json(const char *bytes, size_t length, int max_depth);

#endif
