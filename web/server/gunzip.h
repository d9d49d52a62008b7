/* Bodies that come compressed, as clients of InfluxDB send them. */
#ifndef RIG_GUNZIP_H
#define RIG_GUNZIP_H

#include <stddef.h>

#include "buffer.h"

typedef enum RigGunzipResult
{
	RIG_GUNZIP_DONE,
	RIG_GUNZIP_MALFORMED,		/* no gzip (RFC 1952), cut short, or with something behind it */
	RIG_GUNZIP_TOO_LARGE		/* more than most bytes come out */
} RigGunzipResult;

/* Appends what the members of a gzip file hold, and never more than most bytes. */
extern RigGunzipResult rig_gunzip(const char *bytes, size_t length, size_t most, RigBuffer *out);

#endif
