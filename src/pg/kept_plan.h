/* Statements that are planned once per backend. */
#ifndef RIG_KEPT_PLAN_H
#define RIG_KEPT_PLAN_H

#include "executor/spi.h"

/*
 * Plans a statement, unless *plan, a static variable that begins as NULL, holds its plan already.
 * Between SPI_connect() and SPI_finish().
 */
extern void rig_keep_plan(SPIPlanPtr *plan, const char *statement, int count, Oid *types);

#endif
