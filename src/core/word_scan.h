/*
 * Eight bytes of text as one integer, for scanning without a branch per byte.
 * The first byte of the text is the lowest byte of the word on every machine.
 */
#ifndef RIG_WORD_SCAN_H
#define RIG_WORD_SCAN_H

#include <stdint.h>
#include <string.h>

#define RIG_WORD_SIZE 8
#define RIG_WORD_ALL(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The 8 bytes at text, all of which must be readable. */
static inline uint64_t
rig_word_load(const char *text)
{
	uint64_t	word;

	memcpy(&word, text, sizeof(word));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

/* Position 0..7 of the first byte marked by its top bit, 8 if none is. */
static inline int
rig_word_first(uint64_t marks)
{
	return marks != 0 ? __builtin_ctzll(marks) / 8 : RIG_WORD_SIZE;
}

/* Number of decimal digits that the word begins with. */
static inline int
rig_word_digit_count(uint64_t word)
{
	/* A digit neither overflows into the top bit here nor borrows there. */
	uint64_t	others = (word + RIG_WORD_ALL(0x7f - '9')) | (word - RIG_WORD_ALL('0'));

	return rig_word_first(others & RIG_WORD_ALL(0x80));
}

/* Value of the first count digits, 1..8: pairs, then fours, then all eight at once. */
static inline uint64_t
rig_word_digits(uint64_t word, int count)
{
	word = (word & RIG_WORD_ALL(0x0f)) << (64 - 8 * count);
	word = (word * 10 + (word >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
	word = (word * 100 + (word >> 16)) & UINT64_C(0x0000ffff0000ffff);
	return (word * 10000 + (word >> 32)) & UINT64_C(0xffffffff);
}

/* Marks the bytes of a JSON string that need attention: quote, backslash, control, non-ASCII. */
static inline uint64_t
rig_word_string_marks(uint64_t word)
{
	uint64_t	quote = word ^ RIG_WORD_ALL('"');
	uint64_t	backslash = word ^ RIG_WORD_ALL('\\');

	/* The first mark is exact; a borrow can only spoil bytes behind it. */
	return ((quote - RIG_WORD_ALL(1)) | (backslash - RIG_WORD_ALL(1)) | (word - RIG_WORD_ALL(0x20)) | word)
		& RIG_WORD_ALL(0x80);
}

#endif
