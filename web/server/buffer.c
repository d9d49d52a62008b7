#include "buffer.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_CAPACITY 256

static void
die_out_of_memory(void)
{
	static const char message[] = "{\"level\":\"error\",\"event\":\"out of memory\"}\n";

	fputs(message, stderr);
	abort();
}

void *
rig_allocate(size_t size)
{
	void	   *memory = calloc(1, size);

	if (memory == NULL)
		die_out_of_memory();
	return memory;
}

char *
rig_copy_text(const char *text, size_t length)
{
	char	   *copy = rig_allocate(length + 1);

	if (length > 0)
		memcpy(copy, text, length);
	return copy;
}

bool
rig_buffer_reserve(RigBuffer *buffer, size_t size)
{
	size_t		wanted = buffer->length + size + 1;
	size_t		capacity = buffer->capacity;
	char	   *grown;

	if (wanted < size)
		return false;
	if (wanted <= capacity)
		return true;
	if (capacity < SMALLEST_CAPACITY)
		capacity = SMALLEST_CAPACITY;
	while (capacity < wanted)
		capacity = (capacity > SIZE_MAX / 2) ? wanted : capacity * 2;
	grown = realloc(buffer->data, capacity);
	if (grown == NULL)
		return false;
	buffer->data = grown;
	buffer->capacity = capacity;
	return true;
}

void
rig_buffer_append(RigBuffer *buffer, const void *bytes, size_t length)
{
	if (!rig_buffer_reserve(buffer, length))
		die_out_of_memory();
	if (length > 0)
		memcpy(buffer->data + buffer->length, bytes, length);
	buffer->length += length;
	buffer->data[buffer->length] = '\0';
}

void
rig_buffer_text(RigBuffer *buffer, const char *text)
{
	rig_buffer_append(buffer, text, strlen(text));
}

void
rig_buffer_format(RigBuffer *buffer, const char *format, ...)
{
	va_list		arguments;
	int			length;

	va_start(arguments, format);
	length = vsnprintf(NULL, 0, format, arguments);
	va_end(arguments);
	if (length < 0 || !rig_buffer_reserve(buffer, (size_t) length))
		die_out_of_memory();
	va_start(arguments, format);
	vsnprintf(buffer->data + buffer->length, (size_t) length + 1, format, arguments);
	va_end(arguments);
	buffer->length += (size_t) length;
}

size_t
rig_utf8_length(const unsigned char *text, size_t available)
{
	size_t		length;
	uint32_t	code;

	if (text[0] < 0x80)
		return 1;
	if (text[0] >= 0xC2 && text[0] <= 0xDF)
		length = 2;
	else if ((text[0] & 0xF0) == 0xE0)
		length = 3;
	else if (text[0] >= 0xF0 && text[0] <= 0xF4)
		length = 4;
	else
		return 0;
	if (length > available)
		return 0;
	code = text[0] & (0x7Fu >> length);
	for (size_t i = 1; i < length; i++)
	{
		if ((text[i] & 0xC0) != 0x80)
			return 0;
		code = (code << 6) | (text[i] & 0x3Fu);
	}
	if ((length == 3 && (code < 0x800 || (code >= 0xD800 && code <= 0xDFFF))) ||
		(length == 4 && (code < 0x10000 || code > 0x10FFFF)))
		return 0;
	return length;
}

/* The code point of a sequence of two or three bytes. */
static unsigned int
decode_short(const unsigned char *text, size_t length)
{
	if (length == 2)
		return (text[0] & 0x1Fu) << 6 | (text[1] & 0x3Fu);
	return (text[0] & 0x0Fu) << 12 | (text[1] & 0x3Fu) << 6 | (text[2] & 0x3Fu);
}

/* Characters that change how the rest of a line is shown: C1 controls, line ends and directions of Unicode. */
static bool
steers_display(const unsigned char *text, size_t length)
{
	unsigned int code = length == 2 || length == 3 ? decode_short(text, length) : 0;

	return (code >= 0x80 && code <= 0x9F) || (code >= 0x200E && code <= 0x200F) ||
		(code >= 0x2028 && code <= 0x202E) || (code >= 0x2066 && code <= 0x2069);
}

void
rig_buffer_json(RigBuffer *buffer, const char *text, size_t max_bytes)
{
	const unsigned char *bytes = (const unsigned char *) text;
	size_t		available = strnlen(text, max_bytes);

	rig_buffer_append(buffer, "\"", 1);
	for (size_t i = 0; i < available;)
	{
		unsigned char byte = bytes[i];
		size_t		length = rig_utf8_length(bytes + i, available - i);

		if (length == 0)
			rig_buffer_text(buffer, "\\ufffd");
		else if (byte == '"' || byte == '\\')
			rig_buffer_format(buffer, "\\%c", byte);
		else if (byte < 0x20 || byte == 0x7F)
			rig_buffer_format(buffer, "\\u%04x", byte);
		else if (steers_display(bytes + i, length))
			rig_buffer_format(buffer, "\\u%04x", decode_short(bytes + i, length));
		else
			rig_buffer_append(buffer, text + i, length);
		i += length == 0 ? 1 : length;
	}
	rig_buffer_append(buffer, "\"", 1);
}

void
rig_buffer_int32(RigBuffer *buffer, int32_t value)
{
	uint32_t	ordered = htonl((uint32_t) value);

	rig_buffer_append(buffer, &ordered, sizeof(ordered));
}

char *
rig_buffer_take(RigBuffer *buffer, size_t *length)
{
	char	   *data = buffer->data;

	*length = buffer->length;
	*buffer = (RigBuffer) {0};
	return data;
}

void
rig_buffer_release(RigBuffer *buffer)
{
	free(buffer->data);
	*buffer = (RigBuffer) {0};
}
