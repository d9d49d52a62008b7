#include "postgres.h"

#include "fmgr.h"

#include "audit.h"
#include "catalog.h"
#include "identity.h"
#include "ingest_score.h"
#include "model_cache.h"
#include "settings.h"

PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	rig_define_settings();
	rig_catalog_register();
	rig_audit_register();
	rig_identity_register();
	rig_model_cache_register();
	rig_ingest_score_register();
}
