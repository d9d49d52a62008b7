/* What the database is, as SQL functions. */
#include "postgres.h"

#include "access/xlog.h"
#include "fmgr.h"
#include "utils/builtins.h"

#include "pg_compat.h"
#include "state_words.h"

RIG_SQL_FUNCTION(rig_system_identifier);
RIG_SQL_FUNCTION(rig_state_name);

Datum
rig_system_identifier(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) GetSystemIdentifier());
}

Datum
rig_state_name(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(rig_state_word(PG_GETARG_INT16(0))));
}
