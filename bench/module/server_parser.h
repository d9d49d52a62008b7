/*
 * The peer of our parser inside a server: PostgreSQL's own pg_parse_json with handlers that
 * look each key up in the same table of names and convert each number with strtod.
 */
#ifndef BENCH_SERVER_PARSER_H
#define BENCH_SERVER_PARSER_H

#include "names.h"

/* Reads one message into values, indexed by the ids of the names. */
extern void server_parser_read(const RigNames *names, char *bytes, int length, double *values);

#endif
