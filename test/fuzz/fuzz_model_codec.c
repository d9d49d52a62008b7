/*
 * libFuzzer target: whatever arrives as a model is refused, or has exactly this payload and
 * scores readings without a fault.
 *
 * The first byte says what the others are: 0 a payload; else edits of the payload of one of the
 * sample models, of four bytes each: what to do, where (two bytes), and with which value. Length
 * and checksum of the header are set right in both cases, or nothing would get further.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model_codec.h"
#include "sample_model.h"
#include "scoring.h"

#define CRC_OFFSET 20
#define LENGTH_OFFSET 24
#define HEADER_SIZE 48
#define SAMPLES 4
#define EDIT_SIZE 4
#define ROWS 40

typedef enum Edit
{
	EDIT_SET,					/* the byte becomes the value */
	EDIT_FLIP,					/* its bits of the value are turned over */
	EDIT_WORD,					/* the four bytes from there on become the value, extended by its sign */
	EDIT_CUT,					/* the payload ends 16 x value bytes earlier */
	EDIT_REMOVE,				/* 4 x value bytes are taken out */
	EDITS
} Edit;

typedef struct Payload
{
	uint8_t    *bytes;
	size_t		size;
} Payload;

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
expect(bool condition)
{
	if (!condition)
		abort();
}

static uint32_t
crc32c(const uint8_t *bytes, size_t size)
{
	uint32_t	crc = UINT32_MAX;

	for (size_t i = 0; i < size; i++)
	{
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (UINT32_C(0x82f63b78) & -(crc & 1));
	}
	return ~crc;
}

static void
put_integer(uint8_t *at, uint64_t value, int bytes)
{
	for (int i = 0; i < bytes; i++)
		at[i] = (uint8_t) (value >> 8 * i);
}

static void
mend(Payload payload)
{
	if (payload.size < HEADER_SIZE)
		return;
	put_integer(payload.bytes + LENGTH_OFFSET, payload.size, 8);
	put_integer(payload.bytes + CRC_OFFSET, 0, 4);
	put_integer(payload.bytes + CRC_OFFSET, crc32c(payload.bytes, payload.size), 4);
}

/* The payloads of the sample models, trained once. */
static Payload
sample_payload(int number)
{
	static const RigAlgorithm algorithms[SAMPLES] = {
		RIG_ALGORITHM_FOREST, RIG_ALGORITHM_PCA, RIG_ALGORITHM_LSTM, RIG_ALGORITHM_HYBRID
	};
	static Payload payloads[SAMPLES];
	Payload    *payload = &payloads[number];
	RigArena	arena;
	RigModel	model;
	uint8_t    *bytes;

	if (payload->bytes != NULL)
		return *payload;
	rig_arena_init(&arena, rig_allocator_malloc(), 0);
	sample_model(&model, &arena, algorithms[number]);
	expect(rig_model_encode(&model, &arena, &bytes, &payload->size) == RIG_OK);
	payload->bytes = malloc(payload->size);
	memcpy(payload->bytes, bytes, payload->size);
	rig_arena_release(&arena);
	return *payload;
}

static void
apply_edit(Payload *payload, const uint8_t *edit)
{
	size_t		at = payload->size > 0 ? (size_t) (edit[1] | edit[2] << 8) % payload->size : 0;
	size_t		left = payload->size - at;
	size_t		length;

	switch ((Edit) (edit[0] % EDITS))
	{
		case EDIT_SET:
			if (left > 0)
				payload->bytes[at] = edit[3];
			break;
		case EDIT_FLIP:
			if (left > 0)
				payload->bytes[at] ^= edit[3];
			break;
		case EDIT_WORD:
			if (left >= 4)
				put_integer(payload->bytes + at, (uint64_t) (int64_t) (int8_t) edit[3], 4);
			break;
		case EDIT_CUT:
			length = 16 * (size_t) edit[3];
			payload->size -= length < payload->size ? length : payload->size;
			break;
		case EDIT_REMOVE:
			length = 4 * (size_t) edit[3] < left ? 4 * (size_t) edit[3] : left;
			memmove(payload->bytes + at, payload->bytes + at + length, left - length);
			payload->size -= length;
			break;
		case EDITS:
			break;
	}
}

/* A block of exactly the payload's size, which the sanitizer guards. */
static Payload
make_payload(const uint8_t *data, size_t size)
{
	Payload		payload = {NULL, 0};
	Payload		source = {(uint8_t *) data + 1, size - 1};

	if (data[0] != 0)
		source = sample_payload((data[0] - 1) % SAMPLES);
	payload.size = source.size;
	payload.bytes = malloc(payload.size + 1);
	memcpy(payload.bytes, source.bytes, payload.size);
	for (size_t i = 1; data[0] != 0 && i + EDIT_SIZE <= size; i += EDIT_SIZE)
		apply_edit(&payload, data + i);
	payload.bytes = realloc(payload.bytes, payload.size > 0 ? payload.size : 1);
	mend(payload);
	return payload;
}

static void
use_model(const RigModel *model)
{
	RigArena	arena;
	RigScorer  *scorer;
	RigWindow  *window;
	size_t		features = (size_t) model->features;
	float	   *rows = calloc(ROWS * features, sizeof(float));
	int64_t		times[ROWS];
	RigScore	scores[ROWS];

	rig_arena_init(&arena, rig_allocator_malloc(), 1);
	scorer = rig_scorer_create(&arena, model);
	window = rig_window_create(&arena, model);
	expect(rows != NULL && scorer != NULL && window != NULL);
	scorer->explain_from = 0;
	scorer->explanations = &arena;
	for (int r = 0; r < ROWS; r++)
	{
		float		row[SAMPLE_MODEL_FEATURES];

		sample_row(r, row);
		for (size_t f = 0; f < features; f++)
			rows[r * features + f] = row[f % SAMPLE_MODEL_FEATURES] * (r == ROWS - 1 ? 1e30f : 1);
		times[r] = r * INT64_C(1000000);
	}
	rig_score_rows(scorer, window, rows, times, NULL, ROWS, 1, scores);
	for (int r = 0; r < ROWS; r++)
		expect(isnan(scores[r].risk) || (scores[r].risk >= 0 && scores[r].risk <= 1));
	rig_arena_release(&arena);
	free(rows);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Payload		payload;
	RigArena	arena;
	RigModel	model;
	const char *problem = NULL;

	if (size == 0)
		return 0;
	payload = make_payload(data, size);

	/* Chunks of one byte: every block is a chunk, which the sanitizer guards. */
	rig_arena_init(&arena, rig_allocator_malloc(), 1);
	if (rig_model_decode(&model, &arena, payload.bytes, payload.size, &problem) == RIG_OK)
	{
		uint8_t    *again;
		size_t		again_size;

		expect(rig_model_encode(&model, &arena, &again, &again_size) == RIG_OK);
		expect(again_size == payload.size && memcmp(again, payload.bytes, payload.size) == 0);
		use_model(&model);
	}
	else
		expect(problem != NULL);
	rig_arena_release(&arena);
	free(payload.bytes);
	return 0;
}
