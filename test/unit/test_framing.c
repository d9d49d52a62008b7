/* Headers that lie in memory as the HTTP library leaves them. */
#include <string.h>

#include "framing.h"
#include "tap.h"

/* Takes a header apart at LF and the first colon, as a forgiving reader does; returns the fault. */
static const char *
judge(const char *bytes, size_t size, size_t target_length)
{
	static char memory[512];
	RigFraming	framing;
	char	   *line = memory;
	char	   *end;
	char	   *target;
	char	   *version;

	memcpy(memory, bytes, size);
	memory[size] = '\0';
	end = memchr(line, '\n', size);
	target = strchr(memory, ' ') + 1;
	version = end - (end[-1] == '\r' ? 9 : 8);
	version[8] = target[-1] = version[-1] = '\0';
	rig_framing_begin(&framing, memory, target, target_length > 0 ? target_length : strlen(target), version);
	for (line = end + 1; *line != '\r' && *line != '\n'; line = end + 1)
	{
		char	   *colon = strchr(line, ':');
		char	   *value = colon + 1 + strspn(colon + 1, " ");
		size_t		length;

		end = strchr(line, '\n');
		length = (size_t) (end - value) - (end[-1] == '\r');
		rig_framing_header(&framing, line, (size_t) (colon - line), value, length);
	}
	return rig_framing_end(&framing, size);
}

#define JUDGE(text) judge(text, sizeof(text) - 1, 0)
#define GOOD(text, name) tap_ok(JUDGE(text) == NULL, "%s", name)
#define BAD(text, word, name) check_bad(JUDGE(text), word, name)

static void
check_bad(const char *fault, const char *word, const char *name)
{
	if (!tap_ok(fault != NULL && strstr(fault, word) != NULL, "%s", name))
		tap_note("%s", fault != NULL ? fault : "no fault");
}

int
main(void)
{
	GOOD("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "an honest header");
	GOOD("GET / HTTP/1.1\r\nHost:a\r\nX:\r\nY: \r\nZ: a  b\tc\r\n\r\n", "blanks where they may be");
	GOOD("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "a length");
	GOOD("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n", "chunks");
	GOOD("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 needs no Host");
	GOOD("GET / HTTP/1.1\r\nHost: a\r\nAccept: a\r\nAccept: b\r\n\r\n", "a list over two headers");
	BAD("GET / HTTP/1.1\r\n\r\n", "Host", "no Host");
	BAD("GET / HTTP/1.1\nHost: a\r\n\r\n", "CR LF", "bare LF after the request line");
	BAD("GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n", "CR LF", "bare LF after a header");
	BAD("GET / HTTP/1.1\r\nHost: a\n\n", "CR LF", "bare LF at the end");
	BAD("GET / HTTP/1.1\r\nHost: a\r\n\n", "CR LF", "bare LF as the last line");
	BAD("GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n", "token", "a blank in a name");
	BAD("GET / HTTP/1.1\r\nHost: a\r\nX : b\r\n\r\n", "token", "a blank after a name");
	BAD("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n", "token", "no name");
	BAD("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", "control", "bare CR in a value");
	BAD("GET / HTTP/1.1\r\nHost: a\r\nX: a\x7f\r\n\r\n", "control", "DEL in a value");
	BAD("GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n", "twice", "two hosts");
	BAD("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: b\r\nX-Forwarded-For: c\r\n\r\n", "twice", "two clients");
	BAD("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", "twice", "two lengths");
	BAD("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "beside", "length and chunks");
	BAD("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "not chunked", "two encodings");
	BAD("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked \r\n\r\n", "not chunked", "a blank after the encoding");
	BAD("GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", "HTTP/1.0", "chunks of HTTP/1.0");
	tap_ok(judge("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n", 30, 2) != NULL, "a zero byte in the target");
	tap_ok(judge("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", 28, 2) == NULL, "the length of the raw target counts");
	return tap_done();
}
