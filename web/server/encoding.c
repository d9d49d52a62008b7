#include "encoding.h"

#include <stdint.h>
#include <string.h>

typedef struct Alphabet
{
	const char *digits;
	int			bits;			/* of one digit */
	size_t		group;			/* digits after which padding ends, 0 = no padding */
} Alphabet;

static const Alphabet ALPHABETS[] = {
	[RIG_BASE64] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 6, 4},
	[RIG_BASE64_BARE] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 6, 0},
	[RIG_BASE64_URL] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6, 0},
	[RIG_BASE32] = {"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5, 0},
};

size_t
rig_encode(RigEncoding encoding, const void *bytes, size_t size, char *text)
{
	const Alphabet *alphabet = &ALPHABETS[encoding];
	const uint8_t *in = bytes;
	unsigned	mask = (1u << alphabet->bits) - 1;
	unsigned	held = 0;
	int			held_bits = 0;
	size_t		length = 0;

	for (size_t i = 0; i < size; i++)
	{
		held = ((held & mask) << 8) | in[i];
		held_bits += 8;
		while (held_bits >= alphabet->bits)
		{
			held_bits -= alphabet->bits;
			text[length++] = alphabet->digits[(held >> held_bits) & mask];
		}
	}
	if (held_bits > 0)
		text[length++] = alphabet->digits[(held << (alphabet->bits - held_bits)) & mask];
	while (alphabet->group != 0 && length % alphabet->group != 0)
		text[length++] = '=';
	text[length] = '\0';
	return length;
}

/* Takes the padding off; false when there is not exactly as much as there should be. */
static bool
strip_padding(const Alphabet *alphabet, const char *text, size_t *length)
{
	size_t		padding = 0;

	if (alphabet->group == 0)
		return true;
	if (*length % alphabet->group != 0)
		return false;
	while (padding < *length && padding < 2 && text[*length - 1 - padding] == '=')
		padding++;
	*length -= padding;
	return true;
}

bool
rig_decode(RigEncoding encoding, const char *text, size_t length, void *bytes, size_t capacity, size_t *size)
{
	const Alphabet *alphabet = &ALPHABETS[encoding];
	uint8_t    *out = bytes;
	unsigned	held = 0;
	int			held_bits = 0;

	*size = 0;
	if (!strip_padding(alphabet, text, &length))
		return false;
	for (size_t i = 0; i < length; i++)
	{
		const char *digit = memchr(alphabet->digits, text[i], (size_t) 1 << alphabet->bits);

		if (digit == NULL)
			return false;
		held = ((held & 0xFF) << alphabet->bits) | (unsigned) (digit - alphabet->digits);
		held_bits += alphabet->bits;
		if (held_bits < 8)
			continue;
		held_bits -= 8;
		if (out != NULL)
		{
			if (*size == capacity)
				return false;
			out[*size] = (uint8_t) (held >> held_bits);
		}
		(*size)++;
	}
	/* A last digit that adds no byte, or bits that belong to none, would be a second spelling. */
	return held_bits < alphabet->bits && (held & ((1u << held_bits) - 1)) == 0;
}
