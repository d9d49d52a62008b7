#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "ingest_incident.h"
#include "kept_plan.h"
#include "ingest_score.h"
#include "score_values.h"

/* The riskiest reading of an open incident within the batch. */
typedef struct Peak
{
	const IngestRow *row;
	float		risk;
} Peak;

static void
append_number(StringInfo text, const char *key, float value)
{
	if (isfinite(value))
		appendStringInfo(text, ",\"%s\":%.6g", key, value);
}

/* The explanation as jsonb; sensor names are escaped, everything else is ours. */
static Datum
explanation_json(const RigModel *model, const RigScore *score)
{
	StringInfoData text;
	int32		count = rig_named_sensors(model, score);

	initStringInfo(&text);
	appendStringInfoChar(&text, '[');
	for (int32 i = 0; i < count; i++)
	{
		const RigContribution *part = &score->explanation[i];

		appendStringInfoString(&text, i == 0 ? "{\"sensor\":" : ",{\"sensor\":");
		escape_json(&text, model->names[part->feature]);
		append_number(&text, "share", part->share);
		append_number(&text, "value", part->value);
		append_number(&text, "expected", part->expected);
		append_number(&text, "z", part->z);
		appendStringInfo(&text, ",\"method\":\"%s\"}", rig_detector_name(part->detector));
	}
	appendStringInfoChar(&text, ']');
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text.data));
}

/* Runs one of the statements below, each of which is planned once per backend. */
static void
run_statement(SPIPlanPtr *plan, const char *statement, int count, Oid *types, Datum *arguments, const char *nulls,
			  int64 *id)
{
	bool		isnull;

	SPI_connect();
	rig_keep_plan(plan, statement, count, types);
	if (SPI_execute_plan(*plan, arguments, nulls, false, 0) < 0)
		elog(ERROR, "change of an incident failed");
	if (id != NULL)
		*id = SPI_processed == 1 ?
			DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)) :
			0;
	SPI_finish();
}

static int64
open_incident(int32 machine_id, const char *kind, const IngestRow *row, const char *detail)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[5] = {INT4OID, TEXTOID, TIMESTAMPTZOID, INT4OID, TEXTOID};
	Datum		arguments[5] = {Int32GetDatum(machine_id), CStringGetTextDatum(kind),
	TimestampTzGetDatum(row->readings[0]->ts), Int32GetDatum(row->model_version), CStringGetTextDatum(detail)};
	int64		id;

	run_statement(&plan, "INSERT INTO rigalpha.incidents (machine_id, kind, started, peak_ts, model_version, detail)"
				  " VALUES ($1, $2, $3, $3, $4, $5) ON CONFLICT (machine_id, kind) WHERE ended IS NULL"
				  " DO UPDATE SET detail = excluded.detail RETURNING id", 5, types, arguments, NULL, &id);
	return id;
}

static void
close_incident(int64 id, TimestampTz ts)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[2] = {INT8OID, TIMESTAMPTZOID};
	Datum		arguments[2] = {Int64GetDatum(id), TimestampTzGetDatum(ts)};

	run_statement(&plan, "UPDATE rigalpha.incidents SET ended = greatest(started, $2) WHERE id = $1 AND ended IS NULL",
				  2, types, arguments, NULL, NULL);
}

/* Moves the peak of an incident if the reading is riskier than the one noted. */
static void
note_peak(int64 id, const Peak *peak)
{
	static SPIPlanPtr plan = NULL;
	Oid			types[5] = {INT8OID, TIMESTAMPTZOID, FLOAT4OID, TEXTARRAYOID, JSONBOID};
	Datum		arguments[5];

	if (peak->row == NULL)
		return;
	arguments[0] = Int64GetDatum(id);
	arguments[1] = TimestampTzGetDatum(peak->row->readings[0]->ts);
	arguments[2] = Float4GetDatum(peak->risk);
	arguments[3] = rig_named_sensors_array(peak->row->model, peak->row->score);
	arguments[4] = explanation_json(peak->row->model, peak->row->score);
	run_statement(&plan, "UPDATE rigalpha.incidents SET peak_ts = $2, peak_risk = $3, top_sensors = $4, explanation = $5"
				  " WHERE id = $1 AND (peak_risk IS NULL OR peak_risk < $3)", 5, types, arguments, NULL, NULL);
}

static const char *
cause_words(const RigEpisode *episode)
{
	switch ((RigEpisodeCause) episode->cause)
	{
		case RIG_EPISODE_BY_SINGLE:
			return "one extreme reading";
		case RIG_EPISODE_BY_COUNT:
			return "several risky readings";
		case RIG_EPISODE_BY_CUSUM:
			return "many slightly unusual readings";
		case RIG_EPISODE_BY_NOTHING:
			break;
	}
	return "";
}

static void
advance_anomaly(IncidentState *state, const IngestRow *row, Peak *peak)
{
	const RigScore *score = row->score;
	RigEpisodeEvent event = rig_episode_advance(&state->episode, score->risk, score->surprise,
												row->model->alarm_surprise, row->model->cusum_limit);

	if (event == RIG_EPISODE_OPENED)
	{
		state->anomaly_id = open_incident(row->readings[0]->machine_id, "anomaly", row, cause_words(&state->episode));
		*peak = (Peak) {0};
	}
	if (state->anomaly_id != 0 && score->risk > peak->risk)
		*peak = (Peak) {row, score->risk};
	if (event == RIG_EPISODE_CLOSED && state->anomaly_id != 0)
	{
		note_peak(state->anomaly_id, peak);
		close_incident(state->anomaly_id, row->readings[0]->ts);
		state->anomaly_id = 0;
		*peak = (Peak) {0};
	}
}

static void
advance_stuck(IncidentState *state, const IngestRow *row)
{
	if ((row->score->stuck >= 0) == (state->stuck_id != 0))
		return;
	if (state->stuck_id != 0)
	{
		close_incident(state->stuck_id, row->readings[0]->ts);
		state->stuck_id = 0;
		return;
	}
	state->stuck_id = open_incident(row->readings[0]->machine_id, "stuck", row,
									psprintf("%s repeats its value", row->model->names[row->score->stuck]));
}

void
rig_incidents_advance(IngestBatch *batch, IncidentState *state, IngestRow **rows, int32 count)
{
	Peak		peak = {0};

	for (int32 i = 0; i < count; i++)
	{
		const IngestRow *row = rows[i];

		if (row->score == NULL || row->stored)
			continue;
		advance_stuck(state, row);
		if (isnan(row->score->risk))
			continue;
		state->risk = row->score->risk;
		state->model_version = row->model_version;
		advance_anomaly(state, row, &peak);
	}
	if (state->anomaly_id != 0)
		note_peak(state->anomaly_id, &peak);
}
