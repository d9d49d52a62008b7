#include "postgres.h"

#include <math.h>

#include "miscadmin.h"
#include "utils/memutils.h"

#include "context_arena.h"
#include "model.h"
#include "model_source_rows.h"

#define FIRST_CAPACITY 1024
#define FIRST_STRIDE 64

/* What a row costs beside its values: time, series, and its place in the order. */
#define ROW_OVERHEAD (2 * sizeof(int64) + sizeof(int32) + sizeof(int16))

static void
check_memory(const RigSourceRows *rows, Size size)
{
	Size		limit = rows->request->memory_limit;

	if (limit > 0 && size > limit)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("the rows of the source need more than %zu MB of memory", limit / (1024 * 1024)),
				 errhint("Use fewer rows (option max_rows), or raise rigalpha.train_mem.")));
}

static void *
allocate_cells(RigSourceRows *rows, int64 count, Size size)
{
	return MemoryContextAllocHuge(rows->context, Max(count, 1) * size);
}

RigSourceRows *
rig_source_rows_create(const RigSourceRequest *request)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "rigalpha source", ALLOCSET_DEFAULT_SIZES);
	RigSourceRows *rows = MemoryContextAllocZero(context, sizeof(RigSourceRows));

	rows->context = context;
	rows->request = request;
	rig_arena_init(&rows->arena, rig_context_allocator(context), 0);
	rows->features = rig_names_create(&rows->arena);
	rows->machines = rig_names_create(&rows->arena);
	rig_require_memory(rows->features);
	rig_require_memory(rows->machines);
	rows->feature_ranks = allocate_cells(rows, RIG_MODEL_MAX_FEATURES, sizeof(int32));
	rows->capacity = FIRST_CAPACITY;
	rows->stride = Max(FIRST_STRIDE, request->wanted_count);
	for (int32 i = 0; i < request->wanted_count; i++)
	{
		rows->feature_ranks[i] = i;
		rig_require_memory(
			rig_names_intern(rows->features, request->wanted[i], strlen(request->wanted[i])) == i ? rows : NULL);
	}
	rows->values = allocate_cells(rows, rows->capacity * rows->stride, sizeof(float));
	rows->times = allocate_cells(rows, rows->capacity, sizeof(int64));
	rows->series = allocate_cells(rows, rows->capacity, sizeof(int32));
	rows->states = allocate_cells(rows, rows->capacity, sizeof(int16));
	return rows;
}

/* Makes room for rows of stride cells; a changed stride moves every row. */
static void
resize(RigSourceRows *rows, int64 capacity, int32 stride)
{
	float	   *values = rows->values;

	check_memory(rows, capacity * (stride * sizeof(float) + ROW_OVERHEAD));
	if (stride == rows->stride)
		rows->values = repalloc_huge(values, capacity * stride * sizeof(float));
	else
	{
		rows->values = allocate_cells(rows, capacity * stride, sizeof(float));
		for (int64 row = 0; row < rows->count; row++)
		{
			memcpy(rows->values + row * stride, values + row * rows->stride, rows->stride * sizeof(float));
			for (int32 cell = rows->stride; cell < stride; cell++)
				rows->values[row * stride + cell] = NAN;
		}
		pfree(values);
	}
	rows->times = repalloc_huge(rows->times, capacity * sizeof(int64));
	rows->series = repalloc_huge(rows->series, capacity * sizeof(int32));
	rows->states = repalloc_huge(rows->states, capacity * sizeof(int16));
	rows->capacity = capacity;
	rows->stride = stride;
}

static void
check_feature_name(const char *name, int length)
{
	if (length == 0 || length > RIG_MODEL_MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("sensor name \"%s\" is not usable", pnstrdup(name, length)),
				 errdetail("A sensor name has 1 to %d bytes.", RIG_MODEL_MAX_NAME)));
}

int32
rig_source_rows_feature(RigSourceRows *rows, const char *name, int length, int32 rank)
{
	int32		id = rig_names_find(rows->features, name, length);

	if (id != RIG_NAMES_NONE || rows->request->wanted != NULL)
		return id;
	check_feature_name(name, length);
	if (rig_names_count(rows->features) == RIG_MODEL_MAX_FEATURES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("the source has more than %d sensors", RIG_MODEL_MAX_FEATURES)));
	id = rig_names_intern(rows->features, name, length);
	rig_require_memory(id == RIG_NAMES_NONE ? NULL : rows);
	rows->feature_ranks[id] = rank;
	if (id >= rows->stride)
		resize(rows, rows->capacity, 2 * rows->stride);
	return id;
}

int32
rig_source_rows_machine(RigSourceRows *rows, const char *name, int length)
{
	int32		id = rig_names_intern(rows->machines, name, length);

	rig_require_memory(id == RIG_NAMES_NONE ? NULL : rows);
	return id;
}

/* Number of rows per machine so that those of all machines are at most limit. */
static int64
even_share(const RigSourceRows *rows, int64 limit)
{
	int32		machines = rig_names_count(rows->machines);
	int64	   *counts = palloc0(machines * sizeof(int64));
	int64		low = 1;
	int64		high = limit;

	for (int64 row = 0; row < rows->count; row++)
		counts[rows->series[row]]++;
	while (low < high)
	{
		int64		middle = low + (high - low + 1) / 2;
		int64		total = 0;

		for (int32 machine = 0; machine < machines; machine++)
			total += Min(counts[machine], middle);
		if (total <= limit)
			low = middle;
		else
			high = middle - 1;
	}
	pfree(counts);
	return low;
}

typedef struct RowOrder
{
	const int32 *ranks;			/* of the machines by id; NULL = the ids themselves */
	const RigSourceRows *rows;
} RowOrder;

/* By machine, time, and order of arrival. */
static int
compare_rows(const void *a, const void *b, void *argument)
{
	const RowOrder *order = argument;
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;
	int32		first = order->rows->series[x];
	int32		second = order->rows->series[y];

	if (first != second && order->ranks != NULL)
		return order->ranks[first] < order->ranks[second] ? -1 : 1;
	if (first != second)
		return first < second ? -1 : 1;
	if (order->rows->times[x] != order->rows->times[y])
		return order->rows->times[x] < order->rows->times[y] ? -1 : 1;
	return x < y ? -1 : x > y;
}

static int64 *
sort_rows(RigSourceRows *rows, const int32 *ranks)
{
	RowOrder	order = {ranks, rows};
	int64	   *sorted = allocate_cells(rows, rows->count, sizeof(int64));

	for (int64 row = 0; row < rows->count; row++)
		sorted[row] = row;
	CHECK_FOR_INTERRUPTS();
	qsort_arg(sorted, rows->count, sizeof(int64), compare_rows, &order);
	return sorted;
}

static int
compare_names(const RigNames *names, int32 x, int32 y)
{
	int32		x_length;
	int32		y_length;
	const char *x_name = rig_names_text(names, x, &x_length);
	const char *y_name = rig_names_text(names, y, &y_length);
	int			order = memcmp(x_name, y_name, Min(x_length, y_length));

	return order != 0 ? order : x_length - y_length;
}

static int
compare_machines(const void *a, const void *b, void *argument)
{
	return compare_names(argument, *(const int32 *) a, *(const int32 *) b);
}

/* Ranks of machines by the bytes of their names, so that the order of arrival does not matter. */
static int32 *
rank_machines(const RigSourceRows *rows)
{
	int32		count = rig_names_count(rows->machines);
	int32	   *ranks = palloc(Max(count, 1) * sizeof(int32));
	int32	   *sorted = palloc(Max(count, 1) * sizeof(int32));

	for (int32 machine = 0; machine < count; machine++)
		sorted[machine] = machine;
	qsort_arg(sorted, count, sizeof(int32), compare_machines, rows->machines);
	for (int32 i = 0; i < count; i++)
		ranks[sorted[i]] = i;
	pfree(sorted);
	return ranks;
}

/*
 * Drops all but the newest rows of each machine. The share of a machine only falls as rows come
 * in, so dropping early loses nothing that would be kept in the end.
 */
static void
prune(RigSourceRows *rows)
{
	int64		share = even_share(rows, rows->request->max_rows);
	int64	   *sorted = sort_rows(rows, NULL);
	bool	   *kept = palloc_extended(rows->count * sizeof(bool), MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	int64		run = 0;
	int64		count = 0;

	for (int64 i = rows->count - 1; i >= 0; i--)
	{
		if (i + 1 < rows->count && rows->series[sorted[i]] != rows->series[sorted[i + 1]])
			run = 0;
		kept[sorted[i]] = run++ < share;
	}
	for (int64 row = 0; row < rows->count; row++)
	{
		if (!kept[row])
			continue;
		if (count < row)
		{
			memcpy(rows->values + count * rows->stride, rows->values + row * rows->stride,
				   rows->stride * sizeof(float));
			rows->times[count] = rows->times[row];
			rows->series[count] = rows->series[row];
			rows->states[count] = rows->states[row];
		}
		count++;
	}
	rows->count = count;
	pfree(kept);
	pfree(sorted);
}

float *
rig_source_rows_add(RigSourceRows *rows, int32 machine, int64 time)
{
	int64		max_rows = rows->request->max_rows;
	float	   *values;

	if (max_rows > 0 && rows->count >= 2 * max_rows)
		prune(rows);
	if (rows->count == rows->capacity)
		resize(rows, 2 * rows->capacity, rows->stride);
	values = rows->values + rows->count * rows->stride;
	for (int32 cell = 0; cell < rows->stride; cell++)
		values[cell] = NAN;
	rows->times[rows->count] = time;
	rows->series[rows->count] = machine;
	rows->states[rows->count] = 0;
	rows->count++;
	rows->rows_read++;
	return values;
}

static int
compare_features(const void *a, const void *b, void *argument)
{
	const RigSourceRows *rows = argument;
	int32		x = *(const int32 *) a;
	int32		y = *(const int32 *) b;

	if (rows->feature_ranks[x] != rows->feature_ranks[y])
		return rows->feature_ranks[x] < rows->feature_ranks[y] ? -1 : 1;
	return compare_names(rows->features, x, y);
}

/* Ids of the features in their order, without those that have no value unless they are wanted. */
static int32 *
order_features(RigSourceRows *rows, int32 *count)
{
	int32		all = rig_names_count(rows->features);
	int32	   *order = allocate_cells(rows, all, sizeof(int32));
	bool	   *present = palloc0(Max(all, 1) * sizeof(bool));

	for (int64 row = 0; row < rows->count; row++)
		for (int32 feature = 0; feature < all; feature++)
			present[feature] |= !isnan(rows->values[row * rows->stride + feature]);
	*count = 0;
	for (int32 feature = 0; feature < all; feature++)
		if (present[feature] || rows->request->wanted != NULL)
			order[(*count)++] = feature;
	qsort_arg(order, *count, sizeof(int32), compare_features, rows);
	return order;
}

static char *
copy_name(const RigNames *names, int32 id, MemoryContext context)
{
	int32		length;
	const char *text = rig_names_text(names, id, &length);
	char	   *copy = MemoryContextAlloc(context, length + 1);

	memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

/* Copies the rows, in the order sorted and with the features in theirs. */
static void
gather(const RigSourceRows *rows, RigDataset *data, const int64 *sorted, const int32 *features, const int32 *ranks)
{
	for (int64 i = 0; i < data->rows; i++)
	{
		const float *from = rows->values + sorted[i] * rows->stride;
		float	   *to = data->values + i * data->features;

		for (int32 feature = 0; feature < data->features; feature++)
			to[feature] = from[features[feature]];
		data->series[i] = ranks[rows->series[sorted[i]]];
		data->states[i] = rows->states[sorted[i]];
		if (data->times != NULL)
			data->times[i] = rows->times[sorted[i]];
		if (i % 65536 == 0)
			CHECK_FOR_INTERRUPTS();
	}
}

RigSource *
rig_source_rows_finish(RigSourceRows *rows, bool has_time, MemoryContext context)
{
	RigSource  *source = MemoryContextAllocZero(context, sizeof(RigSource));
	RigDataset *data = &source->data;
	int32		machines = rig_names_count(rows->machines);
	int32	   *ranks = rank_machines(rows);
	const char **names;
	const char **machine_names;
	int32	   *features;
	int64	   *sorted;

	if (rows->request->max_rows > 0 && rows->count > rows->request->max_rows)
		prune(rows);
	features = order_features(rows, &data->features);
	data->rows = rows->count;
	check_memory(rows, rows->count * ((rows->stride + data->features) * sizeof(float) + 2 * ROW_OVERHEAD));
	data->values = MemoryContextAllocHuge(context, Max(data->rows * data->features, 1) * sizeof(float));
	data->series = MemoryContextAllocHuge(context, Max(data->rows, 1) * sizeof(int32));
	data->states = MemoryContextAllocHuge(context, Max(data->rows, 1) * sizeof(int16));
	if (has_time)
		data->times = MemoryContextAllocHuge(context, Max(data->rows, 1) * sizeof(int64));
	sorted = sort_rows(rows, ranks);
	gather(rows, data, sorted, features, ranks);
	source->row_numbers = MemoryContextAllocHuge(context, Max(data->rows, 1) * sizeof(int64));
	for (int64 row = 0; row < data->rows; row++)
		source->row_numbers[row] = sorted[row] + 1;
	names = MemoryContextAlloc(context, Max(data->features, 1) * sizeof(char *));
	for (int32 feature = 0; feature < data->features; feature++)
		names[feature] = copy_name(rows->features, features[feature], context);
	machine_names = MemoryContextAlloc(context, Max(machines, 1) * sizeof(char *));
	for (int32 machine = 0; machine < machines; machine++)
		machine_names[ranks[machine]] = copy_name(rows->machines, machine, context);
	source->names = names;
	source->machines = machine_names;
	source->machine_count = machines;
	source->has_time = has_time;
	source->rows_read = rows->rows_read;
	MemoryContextDelete(rows->context);
	return source;
}
