/* Results of the parsers as lines of text, for tables of cases. */
#ifndef TEST_DESCRIBE_PAYLOAD_H
#define TEST_DESCRIBE_PAYLOAD_H

#include "names.h"
#include "reading_parser.h"

/*
 * Writes a result as one line: "!reason" of a payload, or its readings separated by
 * " | ", each "machine [@time] [(state)] name=value…", or "!reason[:field] [machine]".
 */
extern void describe_payload(char *out, const RigNames *names, const RigPayload *payload);

#endif
