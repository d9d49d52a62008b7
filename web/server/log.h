/*
 * One JSON line per event on standard error. Never a body, a query string or a secret: callers
 * pass what may be read by anybody who reads logs.
 */
#ifndef RIG_LOG_H
#define RIG_LOG_H

#include <stdbool.h>
#include <stdint.h>

#define RIG_LOG_TEXT_MAX 200	/* bytes of a text that came from a client */

/* The members of a line; those that are NULL or 0 are left out. Level and event are constants. */
typedef struct RigLogEvent
{
	const char *level;
	const char *event;
	const char *request_id;
	const char *client;			/* address */
	const char *method;
	const char *path;			/* without the query */
	int			status;
	int64_t		count;
	const char *text;			/* cut to RIG_LOG_TEXT_MAX */
} RigLogEvent;

/* A line that is always written. level is "info" or "error". */
extern void rig_log(const char *level, const char *event, const char *format, ...)
			__attribute__((format(printf, 3, 4)));

extern void rig_log_event(const RigLogEvent *event);

/* True when every request gets a line, not only those that failed inside. */
extern bool rig_log_requests(void);

extern void rig_log_request(const char *request_id, const char *client, const char *method, const char *path,
							int status, int64_t duration_ms);

#endif
