/* Asks the database which machines an identity may see. */
#ifndef RIG_VISIBLE_MACHINES_H
#define RIG_VISIBLE_MACHINES_H

#include <stdbool.h>

#include "database.h"
#include "identity.h"
#include "machine_list.h"

/*
 * Fills the empty list, inside the transaction that acts for the identity. An admin sees all machines, those
 * that are yet to come included. False with the failure when the database failed.
 */
extern bool rig_visible_machines(RigDatabase *database, const RigIdentity *identity, RigMachineList *visible,
								 RigFailure *failure);

#endif
