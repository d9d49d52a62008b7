#include <math.h>
#include <string.h>

#include "budget.h"
#include "model_codec.h"
#include "random.h"
#include "sample_model.h"
#include "scoring.h"
#include "tap.h"

#define CRC_OFFSET 20

typedef struct Payload
{
	uint8_t    *bytes;
	size_t		size;
} Payload;

static void
expect(bool condition, const char *what)
{
	if (condition)
		return;
	printf("Bail out! %s\n", what);
	exit(EXIT_FAILURE);
}

/* CRC-32C with a table of its own, to mend payloads that were changed on purpose. */
static uint32_t
crc32c(const uint8_t *bytes, size_t size)
{
	static uint32_t table[256];
	uint32_t	crc = UINT32_MAX;

	for (uint32_t i = 0; table[255] == 0 && i < 256; i++)
	{
		uint32_t	entry = i;

		for (int bit = 0; bit < 8; bit++)
			entry = entry >> 1 ^ (UINT32_C(0x82f63b78) & -(entry & 1));
		table[i] = entry;
	}
	for (size_t i = 0; i < size; i++)
		crc = crc >> 8 ^ table[(crc ^ bytes[i]) & 0xff];
	return ~crc;
}

static void
put_u32(uint8_t *at, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t) (value >> 8 * i);
}

static void
mend(Payload payload)
{
	put_u32(payload.bytes + CRC_OFFSET, 0);
	put_u32(payload.bytes + CRC_OFFSET, crc32c(payload.bytes, payload.size));
}

/* A block of exactly the size, so that the sanitizer sees a byte read too far. */
static Payload
copy_payload(Payload payload, size_t size)
{
	Payload		copy = {malloc(size > 0 ? size : 1), size};

	expect(copy.bytes != NULL, "out of memory");
	memcpy(copy.bytes, payload.bytes, size);
	return copy;
}

static Payload
encode(const RigModel *model, RigArena *arena)
{
	Payload		payload;

	expect(rig_model_encode(model, arena, &payload.bytes, &payload.size) == RIG_OK, "a model cannot be encoded");
	return payload;
}

/*
 * Whether a payload is refused, or is a model whose payload it is. With limit, decoding must
 * not take more memory than that.
 */
static bool
is_refused_or_exact(Payload payload, size_t limit, bool *refused)
{
	Budget		budget = {0, limit};
	RigArena	arena;
	RigArena	again;
	RigModel	model;
	const char *problem = NULL;
	RigStatus	status;
	bool		good;

	init_counted(&arena, &budget);
	rig_arena_init(&again, rig_allocator_malloc(), 0);
	status = rig_model_decode(&model, &arena, payload.bytes, payload.size, &problem);
	*refused = status != RIG_OK;
	if (status == RIG_OK)
	{
		Payload		second = encode(&model, &again);

		good = second.size == payload.size && memcmp(second.bytes, payload.bytes, payload.size) == 0;
	}
	else
		good = status == RIG_INVALID_ARGUMENT && problem != NULL;
	rig_arena_release(&arena);
	rig_arena_release(&again);
	return good;
}

/* Scores of the same rows by two models, bit by bit. */
static bool
is_scored_alike(const RigModel *left, const RigModel *right)
{
	const RigModel *models[2] = {left, right};
	static RigScore scores[2][64];
	RigArena	arena;

	memset(scores, 0, sizeof(scores));
	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	for (int m = 0; m < 2; m++)
	{
		RigScorer  *scorer = rig_scorer_create(&arena, models[m]);
		RigWindow  *window = rig_window_create(&arena, models[m]);
		float		rows[64 * SAMPLE_MODEL_FEATURES];
		int64_t		times[64];

		for (int r = 0; r < 64; r++)
		{
			sample_row(1000 + r, rows + r * SAMPLE_MODEL_FEATURES);
			times[r] = (int64_t) r * 1000000;
		}
		rig_score_rows(scorer, window, rows, times, NULL, 64, 1, scores[m]);
	}
	rig_arena_release(&arena);
	for (int r = 0; r < 64; r++)
	{
		if (memcmp(&scores[0][r].risk, &scores[1][r].risk, sizeof(float)) != 0
			|| memcmp(scores[0][r].raw, scores[1][r].raw, sizeof(scores[0][r].raw)) != 0)
			return false;
	}
	return true;
}

static void
test_round_trip(RigAlgorithm algorithm, const char *name)
{
	RigArena	arena;
	RigModel	model;
	RigModel	decoded;
	Payload		payload;
	Payload		again;
	const char *problem = NULL;
	bool		same;

	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	sample_model(&model, &arena, algorithm);
	payload = encode(&model, &arena);
	tap_ok(memcmp(payload.bytes, "RIGMODEL", 8) == 0 && payload.size % 64 == 0, "%s: %zu bytes", name, payload.size);
	tap_ok(rig_model_decode(&decoded, &arena, payload.bytes, payload.size, &problem) == RIG_OK,
		   "%s: decoded%s%s", name, problem != NULL ? ": " : "", problem != NULL ? problem : "");
	same = decoded.algorithm == algorithm && decoded.seed == 7 && decoded.features == SAMPLE_MODEL_FEATURES
		&& decoded.period == model.period && memcmp(decoded.has, model.has, sizeof(model.has)) == 0;
	for (int f = 0; same && f < decoded.features; f++)
		same = strcmp(decoded.names[f], model.names[f]) == 0;
	tap_ok(same, "%s: it is the same kind of model", name);
	tap_ok(is_scored_alike(&model, &decoded), "%s: it gives the same scores", name);
	again = encode(&decoded, &arena);
	tap_ok(again.size == payload.size && memcmp(again.bytes, payload.bytes, payload.size) == 0,
		   "%s: it has the same payload", name);
	rig_arena_release(&arena);
}

static void
test_damage(Payload payload)
{
	bool		good = true;
	bool		refused;

	for (size_t size = 0; size < payload.size; size++)
	{
		Payload		cut = copy_payload(payload, size);

		good = good && is_refused_or_exact(cut, SIZE_MAX, &refused) && refused;
		free(cut.bytes);
	}
	tap_ok(good, "a payload that was cut off is refused, wherever");

	for (size_t bit = 0; bit < payload.size * 8; bit++)
	{
		payload.bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
		good = good && is_refused_or_exact(payload, SIZE_MAX, &refused) && refused;
		payload.bytes[bit / 8] ^= (uint8_t) (1 << bit % 8);
	}
	tap_ok(good, "a payload with one wrong bit is refused, whichever");

	payload = copy_payload(payload, payload.size);
	payload.bytes = realloc(payload.bytes, payload.size + 64);
	expect(payload.bytes != NULL, "out of memory");
	memset(payload.bytes + payload.size, 0, 64);
	payload.size += 64;
	mend(payload);
	tap_ok(is_refused_or_exact(payload, SIZE_MAX, &refused) && refused, "a payload with something behind it is refused");
	free(payload.bytes);
}

/* Changes behind which the checksum was set right: what somebody who wants to do harm sends. */
static void
test_crafted(Payload payload, RigRandom *random)
{
	static const uint32_t counts[] = {0, 1, 2, 0x7f, 0xff, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff};
	size_t		limit = 64 * payload.size + 65536;
	size_t		models = 0;
	size_t		tried = 0;
	bool		good = true;
	bool		refused;

	for (size_t at = 0; at + 4 <= payload.size; at += 4)
	{
		uint8_t		before[4];

		if (at == CRC_OFFSET)
			continue;
		memcpy(before, payload.bytes + at, 4);
		for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]) + 3; i++)
		{
			if (i < sizeof(counts) / sizeof(counts[0]))
				put_u32(payload.bytes + at, counts[i]);
			else
				payload.bytes[at + rig_random_below(random, 4)] ^= (uint8_t) (1 << rig_random_below(random, 8));
			mend(payload);
			good = good && is_refused_or_exact(payload, limit, &refused);
			models += !refused;
			tried++;
			memcpy(payload.bytes + at, before, 4);
		}
	}
	mend(payload);
	tap_ok(good, "a changed payload with the right checksum is refused or a model, in bounded memory: %zu of %zu are models",
		   models, tried);
	tap_ok(is_refused_or_exact(payload, limit, &refused) && !refused, "the payload itself is a model still");
}

/* Puts the sizes of a header on what is left of a payload. */
static void
test_cut_and_mended(Payload payload)
{
	bool		good = true;
	bool		refused;

	for (size_t size = 48; size < payload.size; size++)
	{
		Payload		cut = copy_payload(payload, size);

		put_u32(cut.bytes + 24, (uint32_t) size);
		mend(cut);
		good = good && is_refused_or_exact(cut, SIZE_MAX, &refused) && refused;
		free(cut.bytes);
	}
	tap_ok(good, "a payload that was cut off is refused, also when its header says so");
}

static void
test_names(const RigModel *model, RigArena *arena)
{
	static const char *const bad[] = {"\xff", "\xc3", "a\xe2\x82", "\xed\xa0\x80", "\xc0\xaf", "\xf4\x90\x80\x80"};
	static const char *const good[] = {"ä", "€", "\xf0\x9f\x98\x80", "\xf4\x8f\xbf\xbf", " ", "\"'\\"};
	static const char longest[] = "0123456789012345678901234567890123456789012345678901234567890123";
	const char *names[SAMPLE_MODEL_FEATURES] = {"a", "b", "c"};
	RigModel	named = *model;
	Payload		payload;
	bool		refused;
	bool		all = true;

	named.names = names;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		names[2] = bad[i];
		all = all && is_refused_or_exact(encode(&named, arena), SIZE_MAX, &refused) && refused;
	}
	tap_ok(all, "names that are not UTF-8 are refused");
	all = true;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		names[2] = good[i];
		all = all && is_refused_or_exact(encode(&named, arena), SIZE_MAX, &refused) && !refused;
	}
	names[2] = longest + 1;
	all = all && is_refused_or_exact(encode(&named, arena), SIZE_MAX, &refused) && !refused;
	tap_ok(all, "names of any language and of 63 bytes are kept");
	names[1] = longest;
	tap_ok(rig_model_encode(&named, arena, &payload.bytes, &payload.size) == RIG_INVALID_ARGUMENT,
		   "a name of 64 bytes is refused");
	names[1] = "";
	tap_ok(rig_model_encode(&named, arena, &payload.bytes, &payload.size) == RIG_INVALID_ARGUMENT,
		   "an empty name is refused");
	names[1] = "b";
	names[2] = "ab";
	tap_ok(rig_model_hash_names(names, 3) != rig_model_hash_names((const char *const[]) {"ab", "b", "a"}, 3)
		   && rig_model_hash_names((const char *const[]) {"ab", "c"}, 2)
		   != rig_model_hash_names((const char *const[]) {"a", "bc"}, 2), "the hash depends on the order and on where names end");
}

/* Numbers that no training gives. */
static void
test_numbers(const RigModel *model, RigArena *arena)
{
	static const double totals[] = {NAN, INFINITY, -1};
	RigModel	changed = *model;
	bool		refused;
	bool		all = true;

	for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++)
	{
		changed.row_pca.total_variance = totals[i];
		all = all && is_refused_or_exact(encode(&changed, arena), SIZE_MAX, &refused) && refused;
	}
	tap_ok(all, "a total variance that is none is refused");
	changed = *model;
	changed.scale.masked++;
	tap_ok(is_refused_or_exact(encode(&changed, arena), SIZE_MAX, &refused) && refused,
		   "a wrong number of masked features is refused");
	changed = *model;
	changed.has[RIG_DETECTOR_T2] = false;
	tap_ok(is_refused_or_exact(encode(&changed, arena), SIZE_MAX, &refused) && refused, "half of a detector is refused");
	changed = *model;
	changed.alarm_surprise = NAN;
	tap_ok(is_refused_or_exact(encode(&changed, arena), SIZE_MAX, &refused) && refused,
		   "a rate of false alarms that is no number is refused");
}

/* Whatever can be had, the outcome is a model or the lack of memory. */
static void
test_out_of_memory(const RigModel *model, Payload payload)
{
	bool		good = true;
	size_t		needed = 0;

	for (size_t limit = 0; good && needed == 0; limit += 64)
	{
		Budget		budget = {0, limit};
		RigArena	arena;
		RigModel	decoded;
		const char *problem = NULL;
		RigStatus	status;

		init_counted(&arena, &budget);
		status = rig_model_decode(&decoded, &arena, payload.bytes, payload.size, &problem);
		good = status == RIG_OK || (status == RIG_OUT_OF_MEMORY && problem != NULL);
		needed = status == RIG_OK ? budget.used : 0;
		rig_arena_release(&arena);
	}
	tap_ok(good && needed < 2 * payload.size, "memory may end anywhere; %zu bytes take %zu", payload.size, needed);
	{
		Budget		budget = {0, payload.size / 2};
		RigArena	arena;
		Payload		refused;

		init_counted(&arena, &budget);
		tap_ok(rig_model_encode(model, &arena, &refused.bytes, &refused.size) == RIG_OUT_OF_MEMORY,
			   "also when encoding");
		rig_arena_release(&arena);
	}
}

int
main(void)
{
	RigRandom	random;
	RigArena	arena;
	RigModel	forest;
	RigModel	hybrid;

	rig_random_seed(&random, tap_seed());
	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	test_round_trip(RIG_ALGORITHM_FOREST, "forest");
	test_round_trip(RIG_ALGORITHM_PCA, "PCA");
	test_round_trip(RIG_ALGORITHM_LSTM, "autoencoder");
	test_round_trip(RIG_ALGORITHM_HYBRID, "hybrid");
	sample_model(&forest, &arena, RIG_ALGORITHM_FOREST);
	sample_model(&hybrid, &arena, RIG_ALGORITHM_HYBRID);
	tap_ok(crc32c((const uint8_t *) "123456789", 9) == UINT32_C(0xe3069283), "the checksum is CRC-32C");
	test_damage(encode(&forest, &arena));
	test_crafted(encode(&forest, &arena), &random);
	test_cut_and_mended(encode(&forest, &arena));
	test_names(&forest, &arena);
	test_numbers(&hybrid, &arena);
	test_out_of_memory(&forest, encode(&forest, &arena));
	rig_arena_release(&arena);
	return tap_done();
}
