#include "response.h"

#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "request.h"
#include "sse_hub.h"

#define STREAM_BLOCK_SIZE 16384

static const char CONTENT_SECURITY_POLICY[] =
	"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
	"connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'self'; "
	"frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'";

void
rig_response_header(RigResponse *response, const char *name, const char *format, ...)
{
	RigHeader  *header;
	va_list		arguments;

	if (response->header_count == RIG_RESPONSE_MAX_HEADERS)
		return;
	header = &response->headers[response->header_count++];
	header->name = name;
	va_start(arguments, format);
	vsnprintf(header->value, sizeof(header->value), format, arguments);
	va_end(arguments);
}

void
rig_response_drop_file(RigResponse *response)
{
	if (response->has_file)
		close(response->file);
	response->has_file = false;
}

void
rig_response_reset(RigResponse *response)
{
	rig_response_drop_file(response);
	rig_buffer_release(&response->body);
	*response = (RigResponse) {0};
}

static ssize_t
read_stream(void *context, uint64_t position, char *bytes, size_t size)
{
	RigRequest *request = context;
	ssize_t		length = rig_sse_hub_read(request->stream, bytes, size);

	(void) position;
	return length < 0 ? MHD_CONTENT_READER_END_OF_STREAM : length;
}

static struct MHD_Response *
create_response(RigRequest *request)
{
	RigResponse *response = &request->response;
	char	   *bytes;
	size_t		length;

	if (request->stream != NULL)
		return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_BLOCK_SIZE,
												 read_stream, request, NULL);
	if (response->static_bytes != NULL)
		return MHD_create_response_from_buffer(response->static_length,
											   (void *) response->static_bytes,
											   MHD_RESPMEM_PERSISTENT);
	if (response->has_file)
	{
		/* The library closes it. */
		response->has_file = false;
		return MHD_create_response_from_fd64(response->file_length, response->file);
	}
	bytes = rig_buffer_take(&response->body, &length);
	return MHD_create_response_from_buffer(length, bytes, MHD_RESPMEM_MUST_FREE);
}

static void
add_headers(struct MHD_Response *reply, const RigRequest *request)
{
	const RigResponse *response = &request->response;
	const char *cache_control = response->cache_control;

	MHD_add_response_header(reply, "Content-Security-Policy", CONTENT_SECURITY_POLICY);
	MHD_add_response_header(reply, "X-Content-Type-Options", "nosniff");
	MHD_add_response_header(reply, "Referrer-Policy", "no-referrer");
	MHD_add_response_header(reply, "X-Request-Id", request->id);
	MHD_add_response_header(reply, "Cache-Control", cache_control != NULL ? cache_control : "no-store");
	if (response->content_type != NULL)
		MHD_add_response_header(reply, "Content-Type", response->content_type);
	if (response->close_connection)
		MHD_add_response_header(reply, "Connection", "close");
	for (int i = 0; i < response->header_count; i++)
		MHD_add_response_header(reply, response->headers[i].name, response->headers[i].value);
}

bool
rig_response_send(RigRequest *request)
{
	struct MHD_Response *reply = create_response(request);
	enum MHD_Result result;

	if (reply == NULL)
		return false;
	add_headers(reply, request);
	result = MHD_queue_response(request->connection, (unsigned int) request->response.status, reply);
	MHD_destroy_response(reply);
	return result == MHD_YES;
}
