/*
 * Entry point of the library: settings and the launcher, nothing else. Kafka
 * threads must never exist in the postmaster.
 */
#include "worker.h"

#include "fmgr.h"
#include "guc.h"
#include "miscadmin.h"

#define LAUNCHER_RESTART_SECONDS 5

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

void
_PG_init(void)
{
	BackgroundWorker launcher = {0};

	if (!process_shared_preload_libraries_in_progress)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("rigalpha_worker can only be loaded via shared_preload_libraries"),
				 errhint("Add rigalpha_worker to shared_preload_libraries and restart the server.")));

	rig_guc_define();
	if (IsBinaryUpgrade)
		return;

	launcher.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	launcher.bgw_start_time = BgWorkerStart_RecoveryFinished;
	launcher.bgw_restart_time = LAUNCHER_RESTART_SECONDS;
	strlcpy(launcher.bgw_library_name, RIG_WORKER_LIBRARY, sizeof(launcher.bgw_library_name));
	strlcpy(launcher.bgw_function_name, "rig_launcher_main", sizeof(launcher.bgw_function_name));
	strlcpy(launcher.bgw_name, "rigalpha launcher", BGW_MAXLEN);
	strlcpy(launcher.bgw_type, "rigalpha launcher", BGW_MAXLEN);
	RegisterBackgroundWorker(&launcher);
}
