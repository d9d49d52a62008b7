#include "postgres.h"

#include <math.h>

#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "model_options.h"
#include "pg_compat.h"
#include "settings.h"

#define DEFAULT_MAX_ROWS 200000
#define RATE_WITHOUT_TIME 0.001
#define LOWEST_DEFAULT_RATE 1e-7
#define HIGHEST_DEFAULT_RATE 0.01

#define MASK(algorithm) (1 << (algorithm))
#define HYBRID MASK(RIG_ALGORITHM_HYBRID)
#define FOREST (HYBRID | MASK(RIG_ALGORITHM_FOREST))
#define PCA (HYBRID | MASK(RIG_ALGORITHM_PCA))
#define LSTM (HYBRID | MASK(RIG_ALGORITHM_LSTM))
#define ALL (FOREST | PCA | LSTM)

#define AT(field) offsetof(RigModelOptions, field)

typedef enum OptionType
{
	OPTION_INTEGER,				/* int32_t */
	OPTION_REAL					/* double */
} OptionType;

typedef struct OptionRule
{
	const char *name;
	int			algorithms;		/* that know it */
	OptionType	type;
	double		minimum;
	double		maximum;
	size_t		offset;			/* in RigModelOptions */
	const char *description;
} OptionRule;

static const char *const algorithm_names[] = {
	[RIG_ALGORITHM_FOREST] = "iforest",
	[RIG_ALGORITHM_PCA] = "pca",
	[RIG_ALGORITHM_LSTM] = "lstm_ae",
	[RIG_ALGORITHM_HYBRID] = "hybrid",
};

static const OptionRule rules[] = {
	{"false_alarm_rate", ALL, OPTION_REAL, 1e-9, 0.5, AT(training.false_alarm_rate),
	"False alarms per reading that are accepted; by default those of the setting rigalpha.false_alarms_per_day, 0.001 for rows without time"},
	{"contamination", ALL, OPTION_REAL, 1e-9, 0.5, AT(training.false_alarm_rate), "Another name of false_alarm_rate"},
	{"max_rows", ALL, OPTION_INTEGER, RIG_TRAINING_MIN_ROWS, 10000000, AT(max_rows),
	"Newest rows that are trained on, shared evenly by the machines"},
	{"components", PCA, OPTION_INTEGER, 0, RIG_PCA_MAX_COMPONENTS, AT(training.components),
	"Components of the PCA of single readings; 0 = chosen by the data"},
	{"window_components", PCA, OPTION_INTEGER, 0, RIG_PCA_MAX_COMPONENTS, AT(training.window_components),
	"Components of the PCA of windows of readings; 0 = chosen by the data"},
	{"trees", FOREST, OPTION_INTEGER, RIG_FOREST_MIN_TREES, RIG_FOREST_MAX_TREES, AT(training.forest.trees), "Trees of the isolation forest"},
	{"sample", FOREST, OPTION_INTEGER, RIG_FOREST_MIN_SAMPLE, RIG_FOREST_MAX_SAMPLE, AT(training.forest.sample), "Rows that each tree is built on"},
	{"hidden", LSTM, OPTION_INTEGER, 1, RIG_AUTOENCODER_MAX_HIDDEN, AT(training.autoencoder.hidden), "Units of each LSTM"},
	{"epochs", LSTM, OPTION_INTEGER, 1, 1000, AT(training.autoencoder.epochs), "Passes over the windows, at most"},
	{"batch", LSTM, OPTION_INTEGER, 1, 1024, AT(training.autoencoder.batch), "Windows per step of the optimiser"},
	{"learning_rate", LSTM, OPTION_REAL, 1e-6, 1, AT(training.autoencoder.learning_rate), "First step size of the optimiser"},
	{"stride", LSTM, OPTION_INTEGER, 1, 1000, AT(training.autoencoder.stride), "Every how many windows one is trained on"},
	{"max_windows", LSTM, OPTION_INTEGER, 16, 1000000, AT(training.autoencoder.max_windows), "Windows that are trained on, at most"},
	{"patience", LSTM, OPTION_INTEGER, 1, 1000, AT(training.autoencoder.patience), "Passes without improvement after which training ends"},
};

RIG_SQL_FUNCTION(rig_options);
RIG_SQL_FUNCTION(rig_training_settings);

RigAlgorithm
rig_algorithm_by_name(const char *name)
{
	StringInfoData valid;

	initStringInfo(&valid);
	for (int i = RIG_ALGORITHM_FOREST; i < lengthof(algorithm_names); i++)
	{
		if (strcmp(algorithm_names[i], name) == 0)
			return (RigAlgorithm) i;
		appendStringInfo(&valid, valid.len == 0 ? "%s" : ", %s", algorithm_names[i]);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown algorithm \"%s\"", name),
			 errhint("Valid algorithms are %s.", valid.data)));
	return RIG_ALGORITHM_HYBRID;
}

const char *
rig_algorithm_name(RigAlgorithm algorithm)
{
	return algorithm_names[algorithm];
}

static bool
applies(const OptionRule *rule, RigAlgorithm algorithm)
{
	return (rule->algorithms & MASK(algorithm)) != 0;
}

static double
get_option(const RigModelOptions *options, const OptionRule *rule)
{
	const char *field = (const char *) options + rule->offset;

	return rule->type == OPTION_INTEGER ? *(const int32 *) field : *(const double *) field;
}

static void
set_option(RigModelOptions *options, const OptionRule *rule, double value)
{
	char	   *field = (char *) options + rule->offset;

	if (rule->type == OPTION_INTEGER)
		*(int32 *) field = (int32) value;
	else
		*(double *) field = value;
}

static RigModelOptions
default_options(RigAlgorithm algorithm)
{
	RigModelOptions options = {rig_training_defaults(algorithm), DEFAULT_MAX_ROWS};

	options.training.false_alarm_rate = 0;
	return options;
}

static const OptionRule *
find_rule(RigAlgorithm algorithm, const char *name, int length)
{
	StringInfoData valid;

	initStringInfo(&valid);
	for (int i = 0; i < lengthof(rules); i++)
	{
		if (!applies(&rules[i], algorithm))
			continue;
		if (strlen(rules[i].name) == length && memcmp(rules[i].name, name, length) == 0)
			return &rules[i];
		appendStringInfo(&valid, valid.len == 0 ? "%s" : ", %s", rules[i].name);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("algorithm %s has no option \"%s\"", rig_algorithm_name(algorithm), pnstrdup(name, length)),
			 errhint("Valid options are %s.", valid.data)));
	return NULL;
}

static double
check_value(const OptionRule *rule, const JsonbValue *given)
{
	double		value;

	if (given->type != jbvNumeric)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" must be a number", rule->name)));
	value = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(given->val.numeric)));
	if (rule->type == OPTION_INTEGER && value != floor(value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" must be an integer", rule->name)));
	if (!(value >= rule->minimum && value <= rule->maximum))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("option \"%s\" must be in the range %g .. %.10g", rule->name, rule->minimum, rule->maximum)));
	return value;
}

RigModelOptions
rig_options_read(RigAlgorithm algorithm, Jsonb *given)
{
	RigModelOptions options = default_options(algorithm);
	JsonbIterator *iterator;
	JsonbValue	key;
	JsonbValue	value;
	JsonbIteratorToken token;

	if (given == NULL)
		return options;
	if (!JB_ROOT_IS_OBJECT(given))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("options must be a JSON object")));
	iterator = JsonbIteratorInit(&given->root);
	while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE)
	{
		const OptionRule *rule;

		if (token != WJB_KEY)
			continue;
		rule = find_rule(algorithm, key.val.string.val, key.val.string.len);
		JsonbIteratorNext(&iterator, &value, true);
		if (rule->offset == AT(training.false_alarm_rate) && options.training.false_alarm_rate > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("options \"contamination\" and \"false_alarm_rate\" are the same"),
					 errhint("Give one of them.")));
		set_option(&options, rule, check_value(rule, &value));
	}
	return options;
}

void
rig_options_set_period(RigModelOptions *options, int64 period)
{
	double		rate = rig_false_alarms_per_day * period / (double) USECS_PER_DAY;

	options->training.period = period;
	if (options->training.false_alarm_rate > 0)
		return;
	options->training.false_alarm_rate = period == 0 ? RATE_WITHOUT_TIME
		: Min(Max(rate, LOWEST_DEFAULT_RATE), HIGHEST_DEFAULT_RATE);
}

void
rig_options_append(StringInfo text, const RigModelOptions *options)
{
	char		separator = '{';

	for (int i = 0; i < lengthof(rules); i++)
	{
		if (!applies(&rules[i], options->training.algorithm) || strcmp(rules[i].name, "contamination") == 0)
			continue;
		appendStringInfo(text, "%c\"%s\":%s", separator, rules[i].name, float8out_internal(get_option(options, &rules[i])));
		separator = ',';
	}
	appendStringInfoChar(text, '}');
}

Datum
rig_options(PG_FUNCTION_ARGS)
{
	RigAlgorithm algorithm;
	RigModelOptions options;
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("algorithm must not be null")));
	algorithm = rig_algorithm_by_name(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	options = default_options(algorithm);
	for (int i = 0; i < lengthof(rules); i++)
	{
		const OptionRule *rule = &rules[i];
		Datum		values[6];
		bool		nulls[6] = {false};

		if (!applies(rule, algorithm))
			continue;
		values[0] = CStringGetTextDatum(rule->name);
		values[1] = CStringGetTextDatum(rule->type == OPTION_INTEGER ? "integer" : "float8");
		values[2] = Float8GetDatum(rule->minimum);
		values[3] = Float8GetDatum(rule->maximum);
		values[4] = CStringGetTextDatum(float8out_internal(get_option(&options, rule)));
		nulls[4] = rule->offset == AT(training.false_alarm_rate);
		values[5] = CStringGetTextDatum(rule->description);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

Datum
rig_training_settings(PG_FUNCTION_ARGS)
{
	TupleDesc	descriptor;
	Datum		values[4];
	bool		nulls[4] = {false};
	Interval   *retrain = palloc0(sizeof(Interval));

	if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	retrain->time = rig_retrain_interval * USECS_PER_SEC;
	values[0] = BoolGetDatum(rig_auto_train);
	values[1] = Int32GetDatum(rig_auto_train_readings);
	values[2] = Int32GetDatum(rig_training_workers);
	values[3] = IntervalPGetDatum(retrain);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
