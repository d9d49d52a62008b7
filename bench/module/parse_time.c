/* Processor time of our parser and of the server's own, in a backend, over the same messages. */
#include "postgres.h"

#include <time.h>

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "arena.h"
#include "names.h"
#include "pg_compat.h"
#include "reading_parser.h"
#include "server_parser.h"

RIG_SQL_FUNCTION(bench_parse_seconds);
RIG_SQL_FUNCTION(bench_parsers_agree);

typedef struct Bench
{
	int			count;
	char	  **bytes;
	int		   *lengths;
	RigArena	arena;
	RigNames   *names;
	RigReadingParser *parser;
	int			name_count;
	double	   *values;			/* by id of the name */
	MemoryContext scratch;
} Bench;

static void *
allocate_chunk(void *context, size_t size)
{
	return MemoryContextAllocExtended(context, size, MCXT_ALLOC_NO_OOM);
}

static void
release_chunk(void *context, void *chunk)
{
	pfree(chunk);
}

static void
read_ours(Bench *bench, int message)
{
	RigPayload	payload;

	if (rig_reading_parser_parse(bench->parser, bench->bytes[message], bench->lengths[message], &payload) != RIG_OK ||
		payload.reading_count != 1)
		elog(ERROR, "message %d is not a reading", message);
	if (bench->values == NULL)
		return;
	for (int i = 0; i < payload.readings[0].value_count; i++)
		bench->values[payload.values[i].name] = payload.values[i].number;
}

static void
read_server(Bench *bench, int message)
{
	server_parser_read(bench->names, bench->bytes[message], bench->lengths[message], bench->values);
	MemoryContextReset(CurrentMemoryContext);
}

/* Takes the messages and lets our parser learn their names, which both then look up. */
static void
prepare(Bench *bench, ArrayType *payloads)
{
	RigAllocator allocator = {allocate_chunk, release_chunk, CurrentMemoryContext};
	Datum	   *elements;

	deconstruct_array(payloads, BYTEAOID, -1, false, TYPALIGN_INT, &elements, NULL, &bench->count);
	bench->bytes = palloc(bench->count * sizeof(char *));
	bench->lengths = palloc(bench->count * sizeof(int));
	for (int i = 0; i < bench->count; i++)
	{
		struct varlena *bytes = PG_DETOAST_DATUM_PACKED(elements[i]);

		bench->bytes[i] = VARDATA_ANY(bytes);
		bench->lengths[i] = VARSIZE_ANY_EXHDR(bytes);
	}
	rig_arena_init(&bench->arena, allocator, 0);
	bench->names = rig_names_create(&bench->arena);
	bench->parser = rig_reading_parser_create(&bench->arena, bench->names);
	for (int i = 0; i < bench->count; i++)
		read_ours(bench, i);
	bench->name_count = rig_names_count(bench->names);
	bench->values = palloc0(bench->name_count * sizeof(double));
	bench->scratch = AllocSetContextCreate(CurrentMemoryContext, "bench scratch", ALLOCSET_DEFAULT_SIZES);
}

static double
cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double) now.tv_sec + (double) now.tv_nsec * 1e-9;
}

/* FUNCTION bench_parse_seconds(ours boolean, payloads bytea[], repetitions integer) RETURNS float8 */
Datum
bench_parse_seconds(PG_FUNCTION_ARGS)
{
	bool		ours = PG_GETARG_BOOL(0);
	Bench		bench = {0};
	MemoryContext context;
	double		start;

	prepare(&bench, PG_GETARG_ARRAYTYPE_P(1));
	context = MemoryContextSwitchTo(bench.scratch);
	start = cpu_seconds();
	for (int repetition = 0; repetition < PG_GETARG_INT32(2); repetition++)
	{
		for (int i = 0; i < bench.count; i++)
		{
			if (ours)
				read_ours(&bench, i);
			else
				read_server(&bench, i);
		}
		CHECK_FOR_INTERRUPTS();
	}
	MemoryContextSwitchTo(context);
	PG_RETURN_FLOAT8(cpu_seconds() - start);
}

/* FUNCTION bench_parsers_agree(payloads bytea[]) RETURNS boolean: every value equal, bit by bit */
Datum
bench_parsers_agree(PG_FUNCTION_ARGS)
{
	Bench		bench = {0};
	MemoryContext context;
	double	   *ours;
	double	   *server;
	bool		agree = true;

	prepare(&bench, PG_GETARG_ARRAYTYPE_P(0));
	ours = palloc0(bench.name_count * sizeof(double));
	server = palloc0(bench.name_count * sizeof(double));
	context = MemoryContextSwitchTo(bench.scratch);
	for (int i = 0; i < bench.count; i++)
	{
		bench.values = ours;
		read_ours(&bench, i);
		bench.values = server;
		read_server(&bench, i);
		agree &= memcmp(ours, server, bench.name_count * sizeof(double)) == 0;
	}
	MemoryContextSwitchTo(context);
	PG_RETURN_BOOL(agree);
}
