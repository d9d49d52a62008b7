#include "log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "clock.h"
#include "config.h"

#define TOKEN_PREFIX "rig_"		/* of tokens of devices */

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

static void
add_text(RigBuffer *line, const char *name, const char *text)
{
	if (text == NULL)
		return;
	rig_buffer_format(line, ",\"%s\":", name);
	rig_buffer_json(line, text, RIG_LOG_TEXT_MAX);
}

/* A path without the tokens of devices that it may hold: clients of other systems send them there. */
static void
add_path(RigBuffer *line, const char *path)
{
	RigBuffer	plain = {0};
	const char *token;

	while (path != NULL && (token = strstr(path, TOKEN_PREFIX)) != NULL)
	{
		rig_buffer_append(&plain, path, (size_t) (token - path));
		rig_buffer_text(&plain, TOKEN_PREFIX "...");
		path = token + strcspn(token, "/");
	}
	if (path != NULL)
		rig_buffer_text(&plain, path);
	add_text(line, "path", path != NULL ? plain.data : NULL);
	rig_buffer_release(&plain);
}

static void
add_number(RigBuffer *line, const char *name, int64_t number)
{
	if (number != 0)
		rig_buffer_format(line, ",\"%s\":%lld", name, (long long) number);
}

void
rig_log_event(const RigLogEvent *event)
{
	RigBuffer	line = {0};

	begin_line(&line, event->level, event->event);
	add_text(&line, "request_id", event->request_id);
	add_text(&line, "client", event->client);
	add_text(&line, "method", event->method);
	add_path(&line, event->path);
	add_number(&line, "status", event->status);
	add_number(&line, "count", event->count);
	add_text(&line, "message", event->text);
	end_line(&line);
}

void
rig_log_request(const char *request_id, const char *client, const char *method, const char *path,
				int status, int64_t duration_ms)
{
	RigBuffer	line = {0};

	begin_line(&line, status >= 500 ? "error" : "info", "request");
	add_text(&line, "request_id", request_id);
	add_text(&line, "client", client);
	add_text(&line, "method", method);
	add_path(&line, path);
	rig_buffer_format(&line, ",\"status\":%d,\"duration_ms\":%lld", status, (long long) duration_ms);
	end_line(&line);
}
