#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "handlers.h"
#include "log.h"
#include "parameters.h"
#include "problem.h"
#include "spool.h"

/* So that downloads leave connections of the database to others. */
#define EXPORTS_MAX 2
#define PAGE_ROWS 2000

typedef enum Progress
{
	COMPLETE,
	ANSWERED,					/* with a problem */
	FAILED
} Progress;

/* The same range as readings without from and to. */
static const RigStatement READINGS_CSV = {
	"readings_csv",
	"SELECT csv, rows, last FROM rigalpha_api.readings_csv($1,"
	"       coalesce($2::timestamptz, coalesce($3::timestamptz, now()) - interval '1 hour'),"
	"       coalesce($3::timestamptz, now() + interval '1 day'), $4::text[], $5::timestamptz, $6::integer)",
	6
};

static atomic_int running;

/* Refused rather than cut: a file that lacks rows looks like one that does not. */
static Progress
refuse_rows(RigRequest *request)
{
	char		detail[128];

	snprintf(detail, sizeof(detail), "There are more than %lld rows: choose a shorter time.", (long long) rig_config.export_rows);
	rig_problem_answer(request, RIG_PROBLEM_TOO_MANY_ROWS, detail);
	return ANSWERED;
}

/* Writes page after page; values[4] is the time of the last row written. */
static Progress
write_pages(RigRequest *request, RigDatabase *database, const char **values, RigFailure *failure)
{
	char		after[RIG_PARAMETER_SIZE];
	char		most[RIG_PARAMETER_SIZE];
	int64_t		total = 0;

	values[5] = most;
	for (;;)
	{
		int64_t		rest = rig_config.export_rows + 1 - total;
		int			page = rest < PAGE_ROWS ? (int) rest : PAGE_ROWS;
		PGresult   *rows;
		int			count;
		bool		written;

		snprintf(most, sizeof(most), "%d", page);
		rows = rig_database_query(database, &READINGS_CSV, values, failure);
		if (rows == NULL)
			return FAILED;
		if (PQgetisnull(rows, 0, 0))
		{
			PQclear(rows);
			rig_problem_answer(request, RIG_PROBLEM_NOT_FOUND, NULL);
			return ANSWERED;
		}
		count = atoi(PQgetvalue(rows, 0, 1));
		total += count;
		written = rig_spool_write(request->response.file, PQgetvalue(rows, 0, 0), (size_t) PQgetlength(rows, 0, 0));
		request->response.file_length += (uint64_t) PQgetlength(rows, 0, 0);
		snprintf(after, sizeof(after), "%s", PQgetvalue(rows, 0, 2));
		values[4] = after;
		PQclear(rows);
		if (!written)
		{
			rig_log("error", "export failed", "request %s: no room for temporary files", request->id);
			rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
			return ANSWERED;
		}
		if (total > rig_config.export_rows)
			return refuse_rows(request);
		if (count < page)
			return COMPLETE;
	}
}

/* The name of the machine, as far as a file name may hold it. */
static void
name_file(RigResponse *response, const char *machine)
{
	char		name[64];
	size_t		length = 0;

	for (; *machine != '\0' && length < sizeof(name) - 1; machine++, length++)
	{
		bool		plain = (*machine >= '0' && *machine <= '9') || (*machine >= 'A' && *machine <= 'Z') ||
			(*machine >= 'a' && *machine <= 'z') || *machine == '-';

		name[length] = plain ? *machine : '_';
	}
	name[length] = '\0';
	rig_response_header(response, "Content-Disposition", "attachment; filename=\"readings-%s.csv\"", name);
}

static bool
export_readings(RigRequest *request, RigDatabase *database, const char **values, RigFailure *failure)
{
	RigResponse *response = &request->response;
	Progress	progress;

	response->file = rig_spool_open();
	response->has_file = response->file >= 0;
	if (!response->has_file)
	{
		rig_log("error", "export failed", "request %s: no temporary file could be made", request->id);
		rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
		return true;
	}
	progress = write_pages(request, database, values, failure);
	if (progress == COMPLETE)
	{
		response->status = 200;
		response->content_type = "text/csv; charset=utf-8; header=present";
		name_file(response, values[0]);
	}
	else
		rig_response_drop_file(response);
	return progress != FAILED;
}

bool
rig_handle_export(RigRequest *request, RigDatabase *database, RigFailure *failure)
{
	char		from[RIG_PARAMETER_SIZE];
	char		to[RIG_PARAMETER_SIZE];
	const char *values[6] = {rig_url_parameter(&request->url, "machine")};
	RigBuffer	sensors = {0};
	bool		answered = true;

	if (values[0] == NULL || *values[0] == '\0')
	{
		rig_problem_answer(request, RIG_PROBLEM_BAD_PARAMETER, "machine must be given.");
		return true;
	}
	if (!rig_parameter_time(request, "from", from, &values[1]) ||
		!rig_parameter_time(request, "to", to, &values[2]))
		return true;
	if (atomic_fetch_add(&running, 1) >= EXPORTS_MAX)
		rig_problem_answer(request, RIG_PROBLEM_OVERLOADED, NULL);
	else
	{
		rig_parameter_list(request, "sensors", &sensors, &values[3]);
		answered = export_readings(request, database, values, failure);
		rig_buffer_release(&sensors);
	}
	atomic_fetch_sub(&running, 1);
	return answered;
}
