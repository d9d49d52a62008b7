#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "score_values.h"

void
rig_stored_scores(const RigScore *score, float *values)
{
	values[0] = score->risk;
	values[1] = score->surprises[RIG_DETECTOR_Z];
	values[2] = rig_score_pca(score);
	values[3] = score->surprises[RIG_DETECTOR_FOREST];
	values[4] = score->surprises[RIG_DETECTOR_LSTM];
}

void
rig_set_float(Datum *values, bool *nulls, int column, float8 value)
{
	nulls[column] = isnan(value);
	values[column] = Float8GetDatum(value);
}

int32
rig_named_sensors(const RigModel *model, const RigScore *score)
{
	int32		count = 0;

	while (score->explanation != NULL && count < Min(RIG_NAMED_SENSORS, model->features) &&
		   score->explanation[count].share > 0)
		count++;
	return count;
}

Datum
rig_named_sensors_array(const RigModel *model, const RigScore *score)
{
	int32		count = rig_named_sensors(model, score);
	Datum		names[RIG_NAMED_SENSORS];

	for (int32 i = 0; i < count; i++)
		names[i] = CStringGetTextDatum(model->names[score->explanation[i].feature]);
	return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}
