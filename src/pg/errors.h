/* SQLSTATE class RA: conditions of rigalpha that a client can tell apart. */
#ifndef RIG_ERRORS_H
#define RIG_ERRORS_H

#define ERRCODE_RIG_NOT_SET_UP			MAKE_SQLSTATE('R', 'A', '0', '0', '1')
#define ERRCODE_RIG_FOREIGN_NODE		MAKE_SQLSTATE('R', 'A', '0', '0', '2')
#define ERRCODE_RIG_STALE_GENERATION	MAKE_SQLSTATE('R', 'A', '0', '0', '3')
#define ERRCODE_RIG_TOO_MANY_DAYS		MAKE_SQLSTATE('R', 'A', '0', '0', '5')
#define ERRCODE_RIG_ROLE_TOO_STRONG		MAKE_SQLSTATE('R', 'A', '0', '0', '6')
#define ERRCODE_RIG_NO_SESSION			MAKE_SQLSTATE('R', 'A', '0', '0', '7')

#endif
