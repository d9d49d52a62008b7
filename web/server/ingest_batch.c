#include "ingest_batch.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "listener.h"
#include "problem.h"

#define BYTEA_OID 17
#define TEXT_OID 25
#define MAX_ATTEMPTS 5			/* of a batch that met a deadlock or a lock timeout */

#define VERDICT_FIELDS 4
#define VERDICT_HEADER 28		/* dimensions, null flag, type, and length and start of each dimension */
#define VERDICT_ELEMENT 6		/* length and int2 */

/* The first row holds the verdicts of all payloads; one row for each error follows. */
static const RigStatement INGEST = {
	"ingest",
	"WITH stored AS MATERIALIZED ("
	"    SELECT verdicts, errors FROM rigalpha.ingest($1::bytea[], 'http', tokens => $2::bytea[],"
	"        addresses => $3::text[]::inet[], keys => $4::text[], formats => $5::text[], atomic => $6::boolean))"
	" SELECT NULL::int4 AS payload, NULL::int4 AS reading, NULL::text AS error, verdicts, NULL::text AS reason,"
	"        NULL::int4 AS retry_after"
	"   FROM stored"
	" UNION ALL"
	" SELECT e.payload, e.reading,"
	"        json_build_object('field', e.field, 'reason', e.reason, 'detail', e.detail,"
	"                          'dead_letter_id', e.dead_letter_id)::text, NULL, e.reason, e.retry_after"
	"   FROM stored, jsonb_to_recordset(stored.errors)"
	"        AS e(payload int4, reading int4, field text, reason text, detail text, dead_letter_id int8, retry_after int4)"
	" ORDER BY payload NULLS FIRST, reading NULLS FIRST",
	6
};

/* The verdicts and errors of one batch, read in payload order. */
typedef struct Outcome
{
	PGresult   *rows;
	const char *verdicts;
	int			payload_count;
	int			payload;		/* next payload to answer */
	int			error_row;		/* next row of rows to answer */
} Outcome;

bool
rig_ingest_batch_prepare(RigDatabase *database, RigFailure *failure)
{
	return rig_database_prepare(database, &INGEST, failure);
}

static int32_t
read_int32(const char *bytes)
{
	uint32_t	ordered;

	memcpy(&ordered, bytes, sizeof(ordered));
	return (int32_t) ntohl(ordered);
}

static int
read_int16(const char *bytes)
{
	uint16_t	ordered;

	memcpy(&ordered, bytes, sizeof(ordered));
	return (int16_t) ntohs(ordered);
}

/* Begins a one-dimensional array in the server's binary format. */
static void
begin_array(RigBuffer *out, int32_t type, int count)
{
	rig_buffer_int32(out, 1);
	rig_buffer_int32(out, 1);	/* there may be nulls */
	rig_buffer_int32(out, type);
	rig_buffer_int32(out, count);
	rig_buffer_int32(out, 1);
}

static void
append_element(RigBuffer *out, const char *bytes, size_t length)
{
	rig_buffer_int32(out, bytes != NULL ? (int32_t) length : -1);
	if (bytes != NULL)
		rig_buffer_append(out, bytes, length);
}

static void
append_text(RigBuffer *out, const char *text)
{
	append_element(out, text, text != NULL ? strlen(text) : 0);
}

/*
 * Parameters of the statement. Tokens, addresses and keys are left out when no request has a token or a key,
 * formats when all is JSON.
 */
typedef struct Parameters
{
	RigBuffer	payloads;
	RigBuffer	tokens;
	RigBuffer	addresses;
	RigBuffer	keys;
	RigBuffer	formats;
} Parameters;

static void
encode_request(const RigRequest *request, bool devices, bool formats, Parameters *out)
{
	const char *address = request->token != NULL && *request->client_address != '\0' ? request->client_address : NULL;

	for (int i = 0; i < request->payload_count; i++)
	{
		const RigPayloadSlice *payload = &request->payloads[i];

		append_element(&out->payloads, payload->bytes, payload->length);
		if (formats)
			append_text(&out->formats, payload->format);
		if (!devices)
			continue;
		append_text(&out->tokens, request->token);
		append_text(&out->addresses, address);
		/* An empty key continues the request of the payload before. */
		append_text(&out->keys, request->idempotency_key != NULL && i > 0 ? "" : request->idempotency_key);
	}
}

/* Encodes the payloads of count requests; returns how many payloads there are. */
static int
encode_requests(RigRequest *const *requests, int count, Parameters *out)
{
	int			payloads = 0;
	bool		devices = false;
	bool		formats = false;

	for (int i = 0; i < count; i++)
	{
		payloads += requests[i]->payload_count;
		devices |= requests[i]->token != NULL || requests[i]->idempotency_key != NULL;
		for (int k = 0; k < requests[i]->payload_count; k++)
			formats |= requests[i]->payloads[k].format != NULL;
	}
	begin_array(&out->payloads, BYTEA_OID, payloads);
	if (devices)
	{
		begin_array(&out->tokens, BYTEA_OID, payloads);
		begin_array(&out->addresses, TEXT_OID, payloads);
		begin_array(&out->keys, TEXT_OID, payloads);
	}
	if (formats)
		begin_array(&out->formats, TEXT_OID, payloads);
	for (int i = 0; i < count; i++)
		encode_request(requests[i], devices, formats, out);
	return payloads;
}

static void
release_parameters(Parameters *parameters)
{
	rig_buffer_release(&parameters->payloads);
	rig_buffer_release(&parameters->tokens);
	rig_buffer_release(&parameters->addresses);
	rig_buffer_release(&parameters->keys);
	rig_buffer_release(&parameters->formats);
}

/* Checks that the verdicts are an int2[payloads][4]; the answers below rely on it. */
static bool
open_outcome(Outcome *outcome, PGresult *rows, int payload_count, RigFailure *failure)
{
	const char *verdicts = PQgetvalue(rows, 0, 3);

	*outcome = (Outcome) {.rows = rows, .verdicts = verdicts, .payload_count = payload_count, .error_row = 1};
	if (PQntuples(rows) >= 1 &&
		PQgetlength(rows, 0, 3) == VERDICT_HEADER + payload_count * VERDICT_FIELDS * VERDICT_ELEMENT &&
		read_int32(verdicts) == 2 && read_int32(verdicts + 12) == payload_count &&
		read_int32(verdicts + 20) == VERDICT_FIELDS)
		return true;
	rig_failure_set(failure, "XX000", "the verdicts do not match the payloads");
	return false;
}

static int
read_verdict(const Outcome *outcome, int payload, int field)
{
	return read_int16(outcome->verdicts + VERDICT_HEADER +
					  (payload * VERDICT_FIELDS + field) * VERDICT_ELEMENT + 4);
}

/* Appends the errors of the next payload; index counts readings over the whole request. */
static void
append_errors(Outcome *outcome, int first_index, RigIngestRefusal *refusal, RigBuffer *errors)
{
	while (outcome->error_row < PQntuples(outcome->rows) &&
		   read_int32(PQgetvalue(outcome->rows, outcome->error_row, 0)) <= outcome->payload)
	{
		int			row = outcome->error_row++;
		int			reading = PQgetisnull(outcome->rows, row, 1) ? 0 : read_int32(PQgetvalue(outcome->rows, row, 1));
		const char *error = PQgetvalue(outcome->rows, row, 2);

		if (errors->length == 0)
		{
			snprintf(refusal->reason, sizeof(refusal->reason), "%s", PQgetvalue(outcome->rows, row, 4));
			if (!PQgetisnull(outcome->rows, row, 5))
				refusal->retry_after = read_int32(PQgetvalue(outcome->rows, row, 5));
		}
		/* -1 stands for the whole payload, which counts as one reading. */
		if (reading < 0)
			reading = 0;
		rig_buffer_format(errors, "%s{\"index\":%d,", errors->length > 0 ? "," : "", first_index + reading);
		rig_buffer_text(errors, error + 1);
	}
}

static void
answer_request(Outcome *outcome, RigRequest *request)
{
	int			counts[VERDICT_FIELDS] = {0};
	int			index = 0;
	RigIngestRefusal refusal = {0};
	RigBuffer	errors = {0};

	for (int i = 0; i < request->payload_count; i++, outcome->payload++)
	{
		append_errors(outcome, index, &refusal, &errors);
		for (int field = 0; field < VERDICT_FIELDS; field++)
		{
			int			verdict = read_verdict(outcome, outcome->payload, field);

			counts[field] += verdict;
			index += verdict;
		}
	}
	rig_ingest_answer(request, counts, &refusal, &errors);
	rig_buffer_release(&errors);
	rig_listener_resume(request);
}

/* Runs one transaction over count requests. */
static bool
store_once(RigDatabase *database, RigRequest *const *requests, int count, RigFailure *failure)
{
	Parameters	out = {0};
	PGresult   *rows;
	Outcome		outcome;
	int			payloads;
	bool		done = false;

	payloads = encode_requests(requests, count, &out);
	rows = rig_database_query_binary(database, &INGEST,
									 (const RigBinary[]) {
		{out.payloads.data, (int) out.payloads.length}, {out.tokens.data, (int) out.tokens.length},
		{out.addresses.data, (int) out.addresses.length}, {out.keys.data, (int) out.keys.length},
		{out.formats.data, (int) out.formats.length}, {requests[0]->atomic ? "\1" : "", 1}
	}, failure);
	release_parameters(&out);
	if (rows == NULL)
		return false;
	if (open_outcome(&outcome, rows, payloads, failure))
	{
		for (int i = 0; i < count; i++)
			answer_request(&outcome, requests[i]);
		done = true;
	}
	PQclear(rows);
	return done;
}

static bool
may_repeat(const RigFailure *failure)
{
	return strcmp(failure->sqlstate, "40001") == 0 || strcmp(failure->sqlstate, "40P01") == 0 ||
		strcmp(failure->sqlstate, "55P03") == 0;
}

static void
fail_request(RigRequest *request, const RigFailure *failure)
{
	if (rig_failure_is_connection(failure))
		rig_problem_answer(request, RIG_PROBLEM_OUTCOME_UNKNOWN,
						   "Sending the same body again is safe: what was stored counts as a duplicate.");
	else
		rig_problem_answer_failure(request, failure);
	rig_listener_resume(request);
}

/* Stores count requests, halving on failures of content; false when the connection is lost. */
static bool
store_requests(RigDatabase *database, RigRequest *const *requests, int count, RigFailure *failure)
{
	RigBackoff	backoff = {0};

	while (!store_once(database, requests, count, failure))
	{
		if (may_repeat(failure) && backoff.attempts < MAX_ATTEMPTS)
		{
			poll(NULL, 0, (int) rig_backoff_next(&backoff));
			continue;
		}
		if (count > 1 && !rig_problem_is_environment(failure))
			return store_requests(database, requests, count / 2, failure) &
				store_requests(database, requests + count / 2, count - count / 2, failure);
		for (int i = 0; i < count; i++)
			fail_request(requests[i], failure);
		return !rig_failure_is_connection(failure);
	}
	return true;
}

bool
rig_ingest_batch_store(RigDatabase *database, RigRequest *batch, RigFailure *failure)
{
	RigRequest **requests;
	int			count = 0;
	bool		connected;

	for (RigRequest *request = batch; request != NULL; request = request->next)
		count++;
	requests = rig_allocate((size_t) count * sizeof(RigRequest *));
	for (int i = 0; i < count; i++, batch = batch->next)
		requests[i] = batch;
	connected = store_requests(database, requests, count, failure);
	free(requests);
	return connected;
}

void
rig_ingest_batch_fail(RigRequest *batch, const RigFailure *failure)
{
	while (batch != NULL)
	{
		RigRequest *next = batch->next;

		rig_problem_answer_failure(batch, failure);
		rig_listener_resume(batch);
		batch = next;
	}
}
