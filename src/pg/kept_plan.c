#include "postgres.h"

#include "kept_plan.h"

void
rig_keep_plan(SPIPlanPtr *plan, const char *statement, int count, Oid *types)
{
	if (*plan != NULL)
		return;
	*plan = SPI_prepare(statement, count, types);
	if (*plan == NULL || SPI_keepplan(*plan) != 0)
		elog(ERROR, "SPI_prepare failed");
}
