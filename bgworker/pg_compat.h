/*
 * Differences between server versions, 15 to 18, in one place.
 */
#ifndef RIG_PG_COMPAT_H
#define RIG_PG_COMPAT_H

#include "postgres.h"

#include "catalog/pg_database.h"
#include "storage/latch.h"
#include "utils/acl.h"
#include "utils/wait_event.h"

#if PG_VERSION_NUM >= 170000
#define rig_wait_event_set_create(events) CreateWaitEventSet(NULL, events)
#define rig_wait_event_name(name) WaitEventExtensionNew(name)
#else
#define rig_wait_event_set_create(events) CreateWaitEventSet(TopMemoryContext, events)
#define rig_wait_event_name(name) PG_WAIT_EXTENSION
#endif

#if PG_VERSION_NUM >= 160000
#define rig_may_connect(database, role) \
	(object_aclcheck(DatabaseRelationId, database, role, ACL_CONNECT) == ACLCHECK_OK)
#else
#define rig_may_connect(database, role) \
	(pg_database_aclcheck(database, role, ACL_CONNECT) == ACLCHECK_OK)
#endif

#endif
