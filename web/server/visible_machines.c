#include "visible_machines.h"

#include <stdlib.h>
#include <string.h>

static const RigStatement VISIBLE = {
	"visible_machines", "SELECT unnest(rigalpha.visible_machines())", 0
};

bool
rig_visible_machines(RigDatabase *database, const RigIdentity *identity, RigMachineList *visible, RigFailure *failure)
{
	PGresult   *rows;

	visible->all = strcmp(identity->role, "admin") == 0 && !identity->must_change_password;
	if (visible->all)
		return true;
	rows = rig_database_query(database, &VISIBLE, NULL, failure);
	if (rows == NULL)
		return false;
	for (int row = 0; row < PQntuples(rows); row++)
		rig_machine_list_add(visible, atoi(PQgetvalue(rows, row, 0)));
	PQclear(rows);
	return true;
}
