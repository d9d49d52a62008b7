/* Request targets: decoded path segments and query parameters. */
#ifndef RIG_URL_H
#define RIG_URL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RIG_URL_MAX_SEGMENTS 8
#define RIG_URL_MAX_PARAMETERS 16

typedef struct RigUrl
{
	char	   *path;			/* as sent, without the query */
	int			segment_count;
	char	   *segments[RIG_URL_MAX_SEGMENTS]; /* decoded; a slash inside a name survives */
	int			parameter_count;
	char	   *names[RIG_URL_MAX_PARAMETERS];
	char	   *values[RIG_URL_MAX_PARAMETERS];
	char	   *memory;			/* what all of the above points into */
} RigUrl;

/* Parses a raw target; false when it is malformed (the path is set all the same). */
extern bool rig_url_parse(RigUrl *url, const char *target);

/* Decoded value of a query parameter, or NULL. */
extern const char *rig_url_parameter(const RigUrl *url, const char *name);

extern void rig_url_release(RigUrl *url);

/* Whether the path matches a pattern such as /machines/{}; each {} is put into captures. */
extern bool rig_url_match(const RigUrl *url, const char *pattern, const char **captures, int max_captures);

#endif
