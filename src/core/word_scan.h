/*
 * Eight bytes of text as one integer, for scanning without a branch per byte.
 * The first byte of the text is the lowest byte of the word on every machine.
 */
#ifndef RIG_WORD_SCAN_H
#define RIG_WORD_SCAN_H

#include <stdint.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* A predicted branch does not wait for the byte it looks at, as an added condition would. */
#define RIG_UNLIKELY(condition) __builtin_expect((condition), 0)
#define RIG_ALWAYS_INLINE static inline __attribute__((always_inline))

#define RIG_WORD_SIZE 8
#define RIG_WORD_WIDE 16		/* bytes of rig_word_other_than_digits */
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

/* Value of the digits that fill the top of the word, zero bytes below: pairs, then fours, then all eight at once. */
static inline uint64_t
rig_word_top_digits(uint64_t word)
{
	word &= RIG_WORD_ALL(0x0f);
	word = (word * 10 + (word >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
	word = (word * 100 + (word >> 16)) & UINT64_C(0x0000ffff0000ffff);
	return (word * 10000 + (word >> 32)) & UINT64_C(0xffffffff);
}

/* Value of the first count digits, 1..8. */
static inline uint64_t
rig_word_digits(uint64_t word, int count)
{
	return rig_word_top_digits(word << (64 - 8 * count));
}

/*
 * Marks what is no decimal digit among the 16 bytes at text, all of which must be
 * readable: bit n for byte n. One step, because a number must be found to end before
 * anything behind it can be read.
 */
static inline uint32_t
rig_word_other_than_digits(const char *text)
{
#ifdef __SSE2__
	__m128i		digits = _mm_sub_epi8(_mm_loadu_si128((const __m128i *) text), _mm_set1_epi8('0'));
	__m128i		excess = _mm_subs_epu8(digits, _mm_set1_epi8(9));

	return (uint32_t) _mm_movemask_epi8(_mm_cmpeq_epi8(excess, _mm_setzero_si128())) ^ 0xffff;
#else
	uint32_t	marks = 0;

	for (int half = 1; half >= 0; half--)
	{
		uint64_t	word = rig_word_load(text + half * RIG_WORD_SIZE);
		uint64_t	from_zero = (word | RIG_WORD_ALL(0x80)) - RIG_WORD_ALL('0');
		uint64_t	above_nine = (word & RIG_WORD_ALL(0x7f)) + RIG_WORD_ALL(0x7f - '9');
		uint64_t	others = (~from_zero | above_nine | word) & RIG_WORD_ALL(0x80);

		/* The product gathers the eight top bits in the highest byte. */
		marks = marks << RIG_WORD_SIZE | (uint32_t) ((others >> 7) * UINT64_C(0x0102040810204080) >> 56);
	}
	return marks;
#endif
}

static inline int
rig_word_digit_count(uint64_t word)
{
	uint64_t	others = (word + RIG_WORD_ALL(0x7f - '9')) | (word - RIG_WORD_ALL('0'));

	return rig_word_first(others & RIG_WORD_ALL(0x80));
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
