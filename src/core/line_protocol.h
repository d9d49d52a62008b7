/*
 * Single-pass parser of Influx line protocol into readings, one for each line:
 *
 *   measurement[,tag=value…] field=value[,field=value…] [time]
 *
 * A field is a sensor. The machine is that of the tag "machine" or "machine_id", else the one that the
 * options give, else the measurement; other tags say nothing here. The text of the field "state" is the
 * state of the machine. Numbers are float, integer ("5i") or unsigned ("5u"); booleans and texts are values
 * that are not numbers. A bad line is refused alone; bytes that are not UTF-8 refuse the payload.
 */
#ifndef RIG_LINE_PROTOCOL_H
#define RIG_LINE_PROTOCOL_H

#include "reading_parser.h"

typedef struct RigLineParser RigLineParser;

/*
 * A parser that interns the names of fields. It belongs to one thread; arena and names must outlive it;
 * NULL when out of memory.
 */
extern RigLineParser *rig_line_parser_create(RigArena *arena, RigNames *names);

/* As rig_reading_parser_parse_as(), for line protocol, whose times are in the unit of the format. */
extern RigStatus rig_line_parser_parse(RigLineParser *parser, const RigParseOptions *options, const char *bytes,
									   size_t length, RigPayload *payload);

#endif
