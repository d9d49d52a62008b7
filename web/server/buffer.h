/*
 * Growable byte buffer, and the one place where text is written as JSON.
 * Running out of memory ends the program: nothing useful can be answered then.
 */
#ifndef RIG_BUFFER_H
#define RIG_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct RigBuffer
{
	char	   *data;			/* NULL while empty; NUL-terminated after each append */
	size_t		length;
	size_t		capacity;
} RigBuffer;

extern void *rig_allocate(size_t size);
extern char *rig_copy_text(const char *text, size_t length);

/* Grows to hold at least size more bytes; false when the system refuses. */
extern bool rig_buffer_reserve(RigBuffer *buffer, size_t size);

extern void rig_buffer_append(RigBuffer *buffer, const void *bytes, size_t length);
extern void rig_buffer_text(RigBuffer *buffer, const char *text);
extern void rig_buffer_format(RigBuffer *buffer, const char *format, ...)
			__attribute__((format(printf, 2, 3)));

/* Length of the UTF-8 sequence at text, of which at least one byte is available; 0 when the bytes are not one. */
extern size_t rig_utf8_length(const unsigned char *text, size_t available);

/* Appends text as a JSON string, cut to max_bytes; bytes that are not UTF-8 become U+FFFD, controls are escaped. */
extern void rig_buffer_json(RigBuffer *buffer, const char *text, size_t max_bytes);

/* Appends a 32 bit integer in network order. */
extern void rig_buffer_int32(RigBuffer *buffer, int32_t value);

/* Hands the bytes to the caller, who frees them; the buffer is empty afterwards. */
extern char *rig_buffer_take(RigBuffer *buffer, size_t *length);

extern void rig_buffer_release(RigBuffer *buffer);

#endif
