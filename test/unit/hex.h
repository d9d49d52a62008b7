/* Bytes written as hexadecimal digits, as the reference vectors have them. */
#ifndef TEST_HEX_H
#define TEST_HEX_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads all digits into out, which holds half as many bytes; returns their number. */
static size_t
read_hex(const char *digits, uint8_t *out)
{
	size_t		size = strlen(digits) / 2;

	for (size_t i = 0; i < size; i++)
	{
		unsigned int byte = 0;

		if (sscanf(digits + 2 * i, "%2x", &byte) != 1)
			abort();
		out[i] = (uint8_t) byte;
	}
	return size;
}

#endif
