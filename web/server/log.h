/*
 * One JSON line per event on stderr. Never a body, a query string or a secret: callers
 * pass what may be read by anybody who reads logs.
 */
#ifndef RIG_LOG_H
#define RIG_LOG_H

#include <stdbool.h>
#include <stdint.h>

/* A line that is always written. level is "info" or "error". */
extern void rig_log(const char *level, const char *event, const char *format, ...)
			__attribute__((format(printf, 3, 4)));

/* True when every request gets a line, not only those that failed inside. */
extern bool rig_log_requests(void);

extern void rig_log_request(const char *request_id, const char *method, const char *path,
							int status, int64_t duration_ms);

#endif
