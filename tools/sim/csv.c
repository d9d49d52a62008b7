#include "csv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "options.h"

static void
fail_reading(const char *path, const char *why)
{
	fprintf(stderr, "rigalpha-sim: cannot read \"%s\": %s\n", path, why);
	exit(RIG_EXIT_USAGE);
}

static void
read_file(RigCsv *csv, const char *path)
{
	FILE *file = fopen(path, "rb");
	size_t capacity = 1 << 16;
	size_t length = 0;
	size_t got;

	if (file == NULL)
		fail_reading(path, strerror(errno));
	csv->bytes = malloc(capacity + 1);
	while (csv->bytes != NULL && (got = fread(csv->bytes + length, 1, capacity - length, file)) > 0)
	{
		length += got;
		if (length == capacity)
		{
			capacity *= 2;
			csv->bytes = realloc(csv->bytes, capacity + 1);
		}
	}
	if (csv->bytes == NULL)
		fail_reading(path, "out of memory");
	if (ferror(file))
		fail_reading(path, strerror(errno));
	fclose(file);
	csv->bytes[length] = '\0';
	csv->at = csv->bytes;
	csv->end = csv->bytes + length;
}

/* The separator that the header line has most of. */
static char
detect_separator(const char *at, const char *end)
{
	static const char candidates[] = {',', ';', '\t'};
	int counts[sizeof(candidates)] = {0};
	size_t best = 0;

	for (; at < end && *at != '\n'; at++)
		for (size_t i = 0; i < sizeof(candidates); i++)
			counts[i] += *at == candidates[i];
	for (size_t i = 1; i < sizeof(candidates); i++)
		if (counts[i] > counts[best])
			best = i;
	return candidates[best];
}

/*
 * Cuts one field out and returns what ended it: the separator, '\n', or '\0' at the end
 * of the file. Doubled quotes inside quotes are one quote.
 */
static char
cut_field(RigCsv *csv, char **field)
{
	char *from = csv->at;
	char *to = csv->at;
	bool quoted = from < csv->end && *from == '"';
	char ender;

	*field = to;
	if (quoted)
		from++;
	while (from < csv->end && (quoted || (*from != csv->separator && *from != '\n')))
	{
		if (quoted && *from == '"')
		{
			if (from + 1 < csv->end && from[1] == '"')
				from++;
			else
			{
				quoted = false;
				from++;
				continue;
			}
		}
		if (*from == '\n')
			csv->line++;
		*to++ = *from++;
	}
	ender = from < csv->end ? *from : '\0';
	csv->at = from < csv->end ? from + 1 : from;
	*to = '\0';
	return ender;
}

/* Surrounding blanks, and the carriage return of a Windows line end. */
static char *
trim_field(char *field)
{
	size_t length;

	while (*field == ' ' || *field == '\t')
		field++;
	length = strlen(field);
	while (length > 0 && (field[length - 1] == ' ' || field[length - 1] == '\t' || field[length - 1] == '\r'))
		field[--length] = '\0';
	return field;
}

bool
rig_csv_next(RigCsv *csv)
{
	while (csv->at < csv->end)
	{
		char ender;

		csv->line++;
		csv->field_count = 0;
		do
		{
			char *field;

			ender = cut_field(csv, &field);
			if (csv->field_count < RIG_CSV_MAX_COLUMNS)
				csv->fields[csv->field_count++] = trim_field(field);
		}
		while (ender == csv->separator);
		if (csv->field_count > 1 || csv->fields[0][0] != '\0')
			return true;
	}
	return false;
}

RigCsv *
rig_csv_open(const char *path)
{
	static const char byte_order_mark[] = "\xef\xbb\xbf";
	RigCsv *csv = calloc(1, sizeof(*csv));

	if (csv == NULL)
		fail_reading(path, "out of memory");
	read_file(csv, path);
	if (strncmp(csv->at, byte_order_mark, 3) == 0)
		csv->at += 3;
	csv->separator = detect_separator(csv->at, csv->end);
	if (!rig_csv_next(csv))
		fail_reading(path, "the file is empty");
	csv->column_count = csv->field_count;
	memcpy(csv->columns, csv->fields, sizeof(char *) * (size_t) csv->field_count);
	for (int i = 0; i < csv->column_count; i++)
		if (csv->columns[i][0] != '\0' && rig_csv_find(csv, csv->columns[i]) != i)
			fail_reading(path, "two columns have the same name");
	return csv;
}

int
rig_csv_find(const RigCsv *csv, const char *name)
{
	for (int i = 0; i < csv->column_count; i++)
		if (strcmp(csv->columns[i], name) == 0)
			return i;
	return -1;
}

void
rig_csv_close(RigCsv *csv)
{
	free(csv->bytes);
	free(csv);
}
