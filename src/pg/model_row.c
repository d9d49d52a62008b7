#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "model_row.h"

float
rig_feature_value(float8 value)
{
	float		narrow = (float) value;

	return isfinite(narrow) ? narrow : NAN;
}

float *
rig_row_from_array(const RigModel *model, ArrayType *array, int rows)
{
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	float	   *values;

	deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, &nulls, &count);
	if (count != rows * model->features)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("array has %d values, the model needs %d", count, rows * model->features),
				 rows > 1 ? errhint("It takes %d rows of %d features, the oldest first.", rows, model->features)
				 : errhint("The order is that of feature_names in rigalpha.models.")));
	values = palloc(count * sizeof(float));
	for (int i = 0; i < count; i++)
		values[i] = nulls[i] ? NAN : rig_feature_value(DatumGetFloat8(elements[i]));
	return values;
}

static float
json_number(const JsonbValue *value)
{
	if (value == NULL || value->type != jbvNumeric)
		return NAN;
	return rig_feature_value(DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow,
																NumericGetDatum(value->val.numeric))));
}

float *
rig_row_from_json(const RigModel *model, Jsonb *sensors)
{
	float	   *values = palloc(model->features * sizeof(float));

	if (!JB_ROOT_IS_OBJECT(sensors))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("sensors must be a JSON object of sensor names and numbers")));
	for (int32 f = 0; f < model->features; f++)
	{
		JsonbValue	found;

		values[f] = json_number(
			getKeyJsonValueFromContainer(&sensors->root, model->names[f], strlen(model->names[f]), &found));
	}
	return values;
}
