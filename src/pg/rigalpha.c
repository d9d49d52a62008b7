#include "postgres.h"

#include "fmgr.h"

#include "catalog.h"
#include "settings.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	rig_define_settings();
	rig_catalog_register();
}
