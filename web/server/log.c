#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "clock.h"
#include "config.h"

#define LOG_TEXT_MAX 200

static void
begin_line(RigBuffer *line, const char *level, const char *event)
{
	char		now[40];

	rig_clock_format(now, sizeof(now));
	rig_buffer_format(line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", now, level, event);
}

/* One write per line, so that lines of several threads never mix. */
static void
end_line(RigBuffer *line)
{
	ssize_t		written;

	rig_buffer_text(line, "}\n");
	written = write(STDERR_FILENO, line->data, line->length);
	(void) written;
	rig_buffer_release(line);
}

void
rig_log(const char *level, const char *event, const char *format, ...)
{
	RigBuffer	line = {0};
	char		message[512];
	va_list		arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	begin_line(&line, level, event);
	rig_buffer_text(&line, ",\"message\":");
	rig_buffer_json(&line, message, sizeof(message));
	end_line(&line);
}

bool
rig_log_requests(void)
{
	return strcmp(rig_config.log_level, "info") == 0;
}

void
rig_log_request(const char *request_id, const char *method, const char *path,
				int status, int64_t duration_ms)
{
	RigBuffer	line = {0};

	begin_line(&line, status >= 500 ? "error" : "info", "request");
	rig_buffer_format(&line, ",\"request_id\":\"%s\",\"method\":", request_id);
	rig_buffer_json(&line, method, LOG_TEXT_MAX);
	rig_buffer_text(&line, ",\"path\":");
	rig_buffer_json(&line, path, LOG_TEXT_MAX);
	rig_buffer_format(&line, ",\"status\":%d,\"duration_ms\":%lld", status, (long long) duration_ms);
	end_line(&line);
}
