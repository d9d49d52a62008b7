/*
 * One walk over the parts of a model serves all directions: it measures, writes or reads,
 * depending on the stream, so that the three cannot disagree.
 */
#include "model_codec.h"

#include <math.h>
#include <string.h>

#include "json_scan.h"
#include "persistence.h"

#define MAGIC "RIGMODEL"
#define HEADER_SIZE 48
#define CRC_OFFSET 20
#define ALIGNMENT 64
#define SECTION_HEADER 16

/* Tags are four letters, for people who look at a dump. */
#define TAG(a, b, c, d) ((uint32_t) (a) | (uint32_t) (b) << 8 | (uint32_t) (c) << 16 | (uint32_t) (d) << 24)

typedef enum Direction
{
	MEASURE,
	WRITE,
	READ
} Direction;

typedef struct Stream
{
	Direction	direction;
	RigArena   *arena;			/* for what is read */
	uint8_t    *out;
	const uint8_t *in;
	size_t		place;
	size_t		end;			/* of the section that is read, or of everything */
	const char *problem;		/* the first one */
	RigStatus	status;
} Stream;

static void
fail(Stream *stream, const char *problem)
{
	if (stream->status != RIG_OK)
		return;
	stream->status = RIG_INVALID_ARGUMENT;
	stream->problem = problem;
}

/* Moves on by size bytes; false when they are not there. */
static bool
claim(Stream *stream, size_t size)
{
	if (stream->status != RIG_OK)
		return false;
	if (stream->direction == READ && size > stream->end - stream->place)
	{
		fail(stream, "it ends too early");
		return false;
	}
	stream->place += size;
	return true;
}

static void
put_integer(Stream *stream, uint64_t value, int bytes)
{
	uint8_t    *target = stream->out + stream->place - bytes;

	for (int i = 0; i < bytes; i++)
		target[i] = (uint8_t) (value >> (8 * i));
}

static uint64_t
get_integer(const Stream *stream, int bytes)
{
	const uint8_t *source = stream->in + stream->place - bytes;
	uint64_t	value = 0;

	for (int i = 0; i < bytes; i++)
		value |= (uint64_t) source[i] << (8 * i);
	return value;
}

/* One integer of so many bytes in either direction. */
static void
walk_integer(Stream *stream, uint64_t *value, int bytes)
{
	if (!claim(stream, (size_t) bytes))
		return;
	if (stream->direction == WRITE)
		put_integer(stream, *value, bytes);
	else if (stream->direction == READ)
		*value = get_integer(stream, bytes);
}

/* A count between limits. */
static void
walk_count(Stream *stream, int32_t *count, int32_t least, int32_t most)
{
	uint64_t	value = (uint64_t) (uint32_t) *count;

	walk_integer(stream, &value, 4);
	if (stream->direction != READ || stream->status != RIG_OK)
		return;
	if (value > INT32_MAX || (int32_t) value < least || (int32_t) value > most)
		fail(stream, "a size is out of range");
	else
		*count = (int32_t) value;
}

static void
walk_double(Stream *stream, double *value)
{
	uint64_t	bits;

	memcpy(&bits, value, sizeof(bits));
	walk_integer(stream, &bits, 8);
	memcpy(value, &bits, sizeof(bits));
}

/* An integer or a float of 2 or 4 bytes in memory, as its bits. */
static uint64_t
load_element(const uint8_t *element, int bytes)
{
	uint32_t	word;
	uint16_t	half;

	if (bytes == 2)
	{
		memcpy(&half, element, 2);
		return half;
	}
	memcpy(&word, element, 4);
	return word;
}

static void
store_element(uint8_t *element, uint64_t value, int bytes)
{
	uint32_t	word = (uint32_t) value;
	uint16_t	half = (uint16_t) value;

	memcpy(element, bytes == 4 ? (void *) &word : (void *) &half, (size_t) bytes);
}

/* Makes room for what will be read, when as much is there; false otherwise. */
static bool
allocate_array(Stream *stream, void **array, size_t count, size_t bytes)
{
	if (count > (stream->end - stream->place) / bytes)
	{
		fail(stream, "it ends too early");
		return false;
	}
	if (*array == NULL)
		*array = rig_arena_allocate(stream->arena, count * bytes);
	if (*array == NULL)
		stream->status = RIG_OUT_OF_MEMORY;
	return *array != NULL;
}

/*
 * count elements of 2 or 4 bytes each, which are integers or floats. What is read is allocated
 * here unless there is an array already.
 */
static void
walk_array(Stream *stream, void **array, size_t count, int bytes)
{
	uint8_t    *elements;

	if (stream->status != RIG_OK)
		return;
	if (stream->direction == READ && !allocate_array(stream, array, count, (size_t) bytes))
		return;
	elements = *array;
	for (size_t i = 0; i < count; i++, elements += bytes)
	{
		uint64_t	value = stream->direction == WRITE ? load_element(elements, bytes) : 0;

		walk_integer(stream, &value, bytes);
		if (stream->direction == READ)
			store_element(elements, value, bytes);
	}
}

/* Floats that must be finite, or may be something else. */
static void
walk_floats(Stream *stream, float **array, size_t count, bool finite)
{
	walk_array(stream, (void **) array, count, 4);
	if (stream->direction != READ || stream->status != RIG_OK)
		return;
	for (size_t i = 0; finite && i < count; i++)
		if (!isfinite((*array)[i]))
		{
			fail(stream, "a number is not finite");
			return;
		}
}

/* As walk_floats, for weights and spreads. */
static void
walk_not_negative(Stream *stream, float **array, size_t count)
{
	walk_floats(stream, array, count, true);
	for (size_t i = 0; stream->direction == READ && stream->status == RIG_OK && i < count; i++)
		if ((*array)[i] < 0)
			fail(stream, "a deviation is negative");
}

static void
walk_names(Stream *stream, RigModel *model)
{
	char	  **names = NULL;

	if (stream->direction == READ && stream->status == RIG_OK)
	{
		/* Every name takes a byte at least. */
		if ((size_t) model->features > stream->end - stream->place)
			fail(stream, "it ends too early");
		else if ((names = rig_arena_allocate(stream->arena, (size_t) model->features * sizeof(char *))) == NULL)
			stream->status = RIG_OUT_OF_MEMORY;
		model->names = (const char *const *) names;
	}
	for (int32_t f = 0; stream->status == RIG_OK && f < model->features; f++)
	{
		uint64_t	length = stream->direction == READ ? 0 : strlen(model->names[f]);

		walk_integer(stream, &length, 1);
		if (length == 0 || length > RIG_MODEL_MAX_NAME)
			fail(stream, "a name is empty or too long");
		if (!claim(stream, length))
			return;
		if (stream->direction == WRITE)
			memcpy(stream->out + stream->place - length, model->names[f], length);
		if (stream->direction != READ)
			continue;
		names[f] = rig_arena_allocate(stream->arena, length + 1);
		if (names[f] == NULL)
		{
			stream->status = RIG_OUT_OF_MEMORY;
			return;
		}
		memcpy(names[f], stream->in + stream->place - length, length);
		names[f][length] = '\0';
		if (strlen(names[f]) != length || !rig_is_utf8(names[f], length))
			fail(stream, "a name is not text in UTF-8");
	}
}

static int32_t
count_zeros(const float *numbers, size_t count)
{
	int32_t		zeros = 0;

	for (size_t i = 0; i < count; i++)
		zeros += numbers[i] == 0;
	return zeros;
}

static void
walk_scale(Stream *stream, RigModel *model)
{
	size_t		features = (size_t) model->features;

	model->scale.features = model->features;
	walk_count(stream, &model->scale.masked, 0, model->features);
	walk_floats(stream, &model->scale.center, features, true);
	walk_not_negative(stream, &model->scale.spread, features);
	if (stream->status == RIG_OK && stream->direction == READ
		&& model->scale.masked != count_zeros(model->scale.spread, features))
		fail(stream, "the number of masked features is wrong");
	walk_not_negative(stream, &model->z_weight, features);
	walk_floats(stream, &model->rests, features * RIG_MODEL_RESTS, false);
}

static void
walk_pca(Stream *stream, RigPca *pca, int32_t dimensions)
{
	pca->dimensions = dimensions;
	walk_count(stream, &pca->components, 1, RIG_PCA_MAX_COMPONENTS);
	if (pca->components > dimensions)
		fail(stream, "a PCA has more components than dimensions");
	walk_double(stream, &pca->total_variance);
	if (stream->direction == READ && !(pca->total_variance >= 0 && isfinite(pca->total_variance)))
		fail(stream, "a variance is negative or not finite");
	walk_floats(stream, &pca->mean, (size_t) dimensions, true);
	walk_floats(stream, &pca->loadings, (size_t) pca->components * (size_t) dimensions, true);
	walk_floats(stream, &pca->variances, (size_t) pca->components, true);
	for (int32_t k = 0; stream->direction == READ && stream->status == RIG_OK && k < pca->components; k++)
		if (!(pca->variances[k] > 0))
			fail(stream, "a variance is not positive");
}

static void
walk_row_pca(Stream *stream, RigModel *model)
{
	walk_pca(stream, &model->row_pca, model->features);
	walk_not_negative(stream, &model->residual_weight, (size_t) model->features);
}

static void
walk_window_pca(Stream *stream, RigModel *model)
{
	int32_t		cells = model->features * RIG_MODEL_WINDOW;

	if (cells > RIG_PCA_MAX_DIMENSIONS)
		fail(stream, "a window has too many values");
	walk_pca(stream, &model->window_pca, cells);
	walk_not_negative(stream, &model->window_weight, (size_t) cells);
}

static void
walk_forest(Stream *stream, RigModel *model)
{
	RigForest  *forest = &model->forest;
	size_t		nodes;
	size_t		leaves;

	forest->features = model->features;
	walk_count(stream, &forest->trees, RIG_FOREST_MIN_TREES, RIG_FOREST_MAX_TREES);
	walk_count(stream, &forest->sample, RIG_FOREST_MIN_SAMPLE, RIG_FOREST_MAX_SAMPLE);
	if (stream->status != RIG_OK)
		return;
	forest->depth = rig_forest_depth(forest->sample);
	nodes = (size_t) forest->trees * (size_t) rig_forest_nodes(forest);
	leaves = (size_t) forest->trees * (size_t) rig_forest_leaves(forest);
	if (stream->direction == READ && 10 * nodes + 4 * leaves > stream->end - stream->place)
		fail(stream, "it ends too early");
	if (stream->direction == READ && stream->status == RIG_OK)
		stream->status = rig_forest_allocate(forest, stream->arena, model->features, forest->trees, forest->sample);
	walk_array(stream, (void **) &forest->thresholds, nodes, 4);
	walk_array(stream, (void **) &forest->split_features, nodes, 2);
	walk_array(stream, (void **) &forest->leaves, leaves, 4);
	walk_array(stream, (void **) &forest->expectations, nodes, 4);
	if (stream->direction == READ && stream->status == RIG_OK && !rig_forest_check(forest))
		fail(stream, "the isolation forest is damaged");
}

static void
walk_autoencoder(Stream *stream, RigModel *model)
{
	RigAutoencoder *autoencoder = &model->autoencoder;
	size_t		parameters;

	autoencoder->features = model->features;
	walk_count(stream, &autoencoder->hidden, 1, RIG_AUTOENCODER_MAX_HIDDEN);
	walk_count(stream, &autoencoder->steps, RIG_MODEL_WINDOW, RIG_MODEL_WINDOW);
	walk_count(stream, &autoencoder->score_steps, 1, RIG_MODEL_WINDOW);
	if (stream->status != RIG_OK)
		return;
	parameters = rig_autoencoder_parameter_count(model->features, autoencoder->hidden);
	if (stream->direction == READ && parameters > (stream->end - stream->place) / 4)
		fail(stream, "it ends too early");
	if (stream->direction == READ && stream->status == RIG_OK)
		stream->status = rig_autoencoder_create(autoencoder, stream->arena, model->features, autoencoder->hidden,
												autoencoder->steps, autoencoder->score_steps);
	walk_floats(stream, &autoencoder->parameters, parameters, true);
	walk_not_negative(stream, &autoencoder->error_scale, (size_t) model->features);
	if (stream->direction == READ && stream->status == RIG_OK && !rig_autoencoder_check(autoencoder))
		fail(stream, "the autoencoder is damaged");
}

/* One number of a calibration. */
static void
walk_float(Stream *stream, float *value)
{
	uint32_t	word;
	uint64_t	bits;

	memcpy(&word, value, sizeof(word));
	bits = word;
	walk_integer(stream, &bits, 4);
	word = (uint32_t) bits;
	memcpy(value, &word, sizeof(word));
	if (stream->direction == READ && stream->status == RIG_OK && !isfinite(*value))
		fail(stream, "a number is not finite");
}

static void
walk_calibration(Stream *stream, RigCalibration *calibration)
{
	uint64_t	count = (uint64_t) calibration->count;

	walk_integer(stream, &count, 8);
	if (count > INT64_MAX)
		fail(stream, "a size is out of range");
	calibration->count = (int64_t) count;
	for (int i = 0; i < RIG_CALIBRATION_POINTS; i++)
	{
		walk_float(stream, &calibration->scores[i]);
		walk_float(stream, &calibration->surprise[i]);
	}
	walk_float(stream, &calibration->threshold);
	walk_float(stream, &calibration->scale);
	walk_float(stream, &calibration->shape);
	walk_float(stream, &calibration->share);
	walk_float(stream, &calibration->limit);
	walk_float(stream, &calibration->beyond);
	if (stream->direction == READ && stream->status == RIG_OK && !rig_calibration_check(calibration))
		fail(stream, "a calibration is damaged");
}

static void
walk_optional_calibration(Stream *stream, RigCalibration *calibration)
{
	int32_t		there = calibration->count > 0;

	walk_count(stream, &there, 0, 1);
	if (there)
		walk_calibration(stream, calibration);
}

static void
walk_calibrations(Stream *stream, RigCalibrations *calibrations)
{
	for (int k = 0; k < RIG_DETECTORS; k++)
		walk_optional_calibration(stream, &calibrations->detectors[k]);
	for (int c = 0; c < RIG_COMBINATIONS; c++)
		walk_optional_calibration(stream, &calibrations->combined[c]);
}

static void
walk_combination(Stream *stream, RigModel *model)
{
	for (int k = 0; k < RIG_DETECTORS; k++)
	{
		walk_float(stream, &model->weights[k]);
		if (!(model->weights[k] >= 0))
			fail(stream, "a weight is negative");
	}
	walk_calibrations(stream, &model->calibrations);
	for (int k = 0; stream->direction == READ && k < RIG_DETECTORS; k++)
		if (model->has[k] && model->calibrations.detectors[k].count == 0)
			fail(stream, "a detector is not calibrated");
}

/* What has no section of its own. */
static void
walk_general(Stream *stream, RigModel *model)
{
	uint64_t	period = (uint64_t) model->period;
	uint64_t	detectors = 0;

	for (int k = 0; k < RIG_DETECTORS; k++)
		detectors |= (uint64_t) model->has[k] << k;
	walk_integer(stream, &period, 8);
	walk_double(stream, &model->alarm_surprise);
	walk_integer(stream, &detectors, 4);
	walk_float(stream, &model->cusum_limit);
	walk_count(stream, &model->regime_count, 0, RIG_MODEL_MAX_REGIMES);
	if (stream->direction != READ || stream->status != RIG_OK)
		return;
	/* A day between readings leaves room for sums of periods. */
	if (period > UINT64_C(86400000000) * 366)
		fail(stream, "the period is out of range");
	if (!(model->alarm_surprise > 0 && model->alarm_surprise <= 15))
		fail(stream, "the rate of false alarms is out of range");
	if (!(model->cusum_limit >= RIG_CUSUM_LIMIT))
		fail(stream, "the limit of sums is out of range");
	if (detectors == 0 || detectors >> RIG_DETECTORS != 0)
		fail(stream, "it has no detector, or an unknown one");
	model->period = (int64_t) period;
	for (int k = 0; k < RIG_DETECTORS; k++)
		model->has[k] = detectors >> k & 1;
	if (model->has[RIG_DETECTOR_T2] != model->has[RIG_DETECTOR_RESIDUAL])
		fail(stream, "it has half of a detector");
}

/* One regime; its scale masks no more than that of the whole. */
static void
walk_regime(Stream *stream, RigModel *model, RigRegime *regime)
{
	size_t		features = (size_t) model->features;
	int32_t		state = regime->state;
	int32_t		has_pca = regime->has_pca;

	walk_count(stream, &state, 1, RIG_MODEL_MAX_STATE);
	walk_count(stream, &has_pca, 0, 1);
	regime->state = (int16_t) state;
	regime->has_pca = has_pca;
	regime->scale.features = model->features;
	regime->scale.masked = model->scale.masked;
	walk_floats(stream, &regime->scale.center, features, true);
	walk_not_negative(stream, &regime->scale.spread, features);
	walk_not_negative(stream, &regime->z_weight, features);
	walk_calibrations(stream, &regime->calibrations);
	if (!has_pca)
		return;
	walk_pca(stream, &regime->row_pca, model->features);
	walk_not_negative(stream, &regime->residual_weight, features);
}

static void
walk_regimes(Stream *stream, RigModel *model)
{
	if (stream->direction == READ && stream->status == RIG_OK)
	{
		model->regimes = rig_arena_allocate(stream->arena, (size_t) model->regime_count * sizeof(RigRegime));
		if (model->regimes == NULL)
			stream->status = RIG_OUT_OF_MEMORY;
		else
			memset(model->regimes, 0, (size_t) model->regime_count * sizeof(RigRegime));
	}
	for (int32_t i = 0; stream->status == RIG_OK && i < model->regime_count; i++)
	{
		walk_regime(stream, model, &model->regimes[i]);
		if (stream->direction == READ && i > 0 && model->regimes[i].state <= model->regimes[i - 1].state)
			fail(stream, "its states are not in order");
	}
}

static bool
has_regimes(const RigModel *model)
{
	return model->regime_count > 0;
}

static bool
always(const RigModel *model)
{
	(void) model;
	return true;
}

static bool
has_row_pca(const RigModel *model)
{
	return model->has[RIG_DETECTOR_RESIDUAL];
}

static bool
has_window_pca(const RigModel *model)
{
	return model->has[RIG_DETECTOR_WINDOW];
}

static bool
has_forest(const RigModel *model)
{
	return model->has[RIG_DETECTOR_FOREST];
}

static bool
has_autoencoder(const RigModel *model)
{
	return model->has[RIG_DETECTOR_LSTM];
}

/* In this order; those that a model lacks are left out. */
static const struct
{
	uint32_t	tag;
	bool		(*present) (const RigModel *model);
	void		(*walk) (Stream *stream, RigModel *model);
}			sections[] = {
	{TAG('G', 'E', 'N', 'L'), always, walk_general},
	{TAG('N', 'A', 'M', 'E'), always, walk_names},
	{TAG('N', 'O', 'R', 'M'), always, walk_scale},
	{TAG('R', 'P', 'C', 'A'), has_row_pca, walk_row_pca},
	{TAG('R', 'E', 'G', 'M'), has_regimes, walk_regimes},
	{TAG('W', 'P', 'C', 'A'), has_window_pca, walk_window_pca},
	{TAG('F', 'R', 'S', 'T'), has_forest, walk_forest},
	{TAG('L', 'S', 'T', 'M'), has_autoencoder, walk_autoencoder},
	{TAG('C', 'A', 'L', 'B'), always, walk_combination},
};

/* Zeros up to the next section. */
static void
walk_padding(Stream *stream)
{
	while (stream->status == RIG_OK && stream->place % ALIGNMENT != 0)
	{
		uint64_t	zero = 0;

		walk_integer(stream, &zero, 1);
		if (zero != 0)
			fail(stream, "it has something between its sections");
	}
}

static void
walk_section(Stream *stream, RigModel *model, size_t number)
{
	size_t		whole = stream->end;
	size_t		start = stream->place;
	uint64_t	tag = sections[number].tag;
	uint64_t	zero = 0;
	uint64_t	length = 0;

	walk_integer(stream, &tag, 4);
	walk_integer(stream, &zero, 4);
	walk_integer(stream, &length, 8);
	if (tag != sections[number].tag || zero != 0)
		fail(stream, "a section is missing or strange");
	if (stream->direction == READ && stream->status == RIG_OK)
	{
		if (length > stream->end - stream->place)
			fail(stream, "it ends too early");
		else
			stream->end = stream->place + (size_t) length;
	}
	sections[number].walk(stream, model);
	if (stream->direction == READ && stream->place != stream->end)
		fail(stream, "a section is longer than its content");
	if (stream->direction == WRITE)
	{
		size_t		end = stream->place;

		stream->place = start + SECTION_HEADER;
		put_integer(stream, end - start - SECTION_HEADER, 8);
		stream->place = end;
	}
	stream->end = whole;
	walk_padding(stream);
}

static void
walk_sections(Stream *stream, RigModel *model)
{
	stream->place = HEADER_SIZE;
	walk_padding(stream);
	for (size_t i = 0; stream->status == RIG_OK && i < sizeof(sections) / sizeof(sections[0]); i++)
		if (sections[i].present(model))
			walk_section(stream, model, i);
}

/* CRC-32C over the bytes, those of the crc itself as zeros. */
static uint32_t
checksum(const uint8_t *bytes, size_t size)
{
	uint32_t	table[256];
	uint32_t	crc = UINT32_MAX;

	for (uint32_t i = 0; i < 256; i++)
	{
		table[i] = i;
		for (int bit = 0; bit < 8; bit++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? UINT32_C(0x82f63b78) : 0);
	}
	for (size_t i = 0; i < size; i++)
	{
		uint8_t		byte = i >= CRC_OFFSET && i < CRC_OFFSET + 4 ? 0 : bytes[i];

		crc = crc >> 8 ^ table[(crc ^ byte) & 0xff];
	}
	return ~crc;
}

uint64_t
rig_model_hash_names(const char *const *names, int32_t count)
{
	uint64_t	hash = UINT64_C(14695981039346656037);

	for (int32_t f = 0; f < count; f++)
		for (size_t i = 0; i <= strlen(names[f]); i++)
			hash = (hash ^ (uint8_t) names[f][i]) * UINT64_C(1099511628211);
	return hash;
}

/* The checksum stays 0 for the time being. */
static void
write_header(Stream *stream, const RigModel *model, size_t size)
{
	const uint64_t fields[][2] = {
		{RIG_MODEL_FORMAT, 2}, {(uint64_t) model->algorithm, 2}, {HEADER_SIZE, 4}, {(uint64_t) model->features, 4},
		{0, 4}, {size, 8}, {rig_model_hash_names(model->names, model->features), 8}, {model->seed, 8}
	};

	memcpy(stream->out, MAGIC, 8);
	stream->place = 8;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
	{
		stream->place += fields[i][1];
		put_integer(stream, fields[i][0], (int) fields[i][1]);
	}
}

RigStatus
rig_model_encode(const RigModel *model, RigArena *arena, uint8_t **bytes, size_t *size)
{
	RigModel	copy = *model;
	Stream		measuring = {.direction = MEASURE};
	Stream		writing = {.direction = WRITE};

	walk_sections(&measuring, &copy);
	if (measuring.status != RIG_OK)
		return measuring.status;
	*size = measuring.place;
	*bytes = writing.out = rig_arena_allocate(arena, *size);
	if (*bytes == NULL)
		return RIG_OUT_OF_MEMORY;
	memset(*bytes, 0, *size);
	write_header(&writing, model, *size);
	walk_sections(&writing, &copy);
	writing.place = CRC_OFFSET + 4;
	put_integer(&writing, checksum(*bytes, *size), 4);
	return writing.status;
}

/* Reads one field of the header. */
static uint64_t
read_field(Stream *stream, int bytes)
{
	uint64_t	value = 0;

	walk_integer(stream, &value, bytes);
	return value;
}

RigStatus
rig_model_decode(RigModel *model, RigArena *arena, const uint8_t *bytes, size_t size, const char **problem)
{
	Stream		stream = {.direction = READ, .arena = arena, .in = bytes, .end = size, .place = 8};
	uint64_t	algorithm;
	uint64_t	features;
	uint64_t	hash;

	*model = (RigModel) {0};
	if (size < HEADER_SIZE || memcmp(bytes, MAGIC, 8) != 0)
		fail(&stream, "it does not begin like one");
	if (read_field(&stream, 2) != RIG_MODEL_FORMAT)
		fail(&stream, "its format is not known to this version");
	algorithm = read_field(&stream, 2);
	if (read_field(&stream, 4) != HEADER_SIZE)
		fail(&stream, "its header has another length");
	features = read_field(&stream, 4);
	if (stream.status == RIG_OK && read_field(&stream, 4) != checksum(bytes, size))
		fail(&stream, "its checksum is wrong");
	if (read_field(&stream, 8) != size)
		fail(&stream, "its length is wrong");
	hash = read_field(&stream, 8);
	model->seed = read_field(&stream, 8);
	if (algorithm < RIG_ALGORITHM_FOREST || algorithm > RIG_ALGORITHM_HYBRID)
		fail(&stream, "its algorithm is not known to this version");
	if (features < 1 || features > RIG_MODEL_MAX_FEATURES)
		fail(&stream, "it has no feature, or too many");
	model->algorithm = (RigAlgorithm) algorithm;
	model->features = (int32_t) features;
	if (stream.status == RIG_OK)
		walk_sections(&stream, model);
	if (stream.status == RIG_OK && stream.place != size)
		fail(&stream, "something follows it");
	if (stream.status == RIG_OK && hash != rig_model_hash_names(model->names, model->features))
		fail(&stream, "its names were changed");
	*problem = stream.status == RIG_OUT_OF_MEMORY ? "out of memory" : stream.problem;
	return stream.status;
}
