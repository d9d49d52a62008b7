/* Lines of the log: nobody forges one, and a flood becomes one. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "log.h"
#include "security_log.h"
#include "tap.h"

RigConfig	rig_config = {.log_level = "error"};

static char output[65536];
static int	reading_end;

/* What was logged since the last call; the number of its lines. */
static int
take_output(void)
{
	ssize_t		length = read(reading_end, output, sizeof(output) - 1);
	int			lines = 0;

	output[length > 0 ? length : 0] = '\0';
	for (const char *byte = output; *byte != '\0'; byte++)
		lines += *byte == '\n';
	return lines;
}

/* Point 37 of docs/security_checklist.md. */
static void
check_names(void)
{
	static const char *const NAMES[] = {
		"a\r\n{\"level\":\"security\",\"event\":\"login\"}", "a\nb", "\x1b[2Jred\x1b[31m", "quote\"},{\"x\":\"", "back\\slash",
		"tab\tdel\x7f", "\xc2\x9b" "31m", "\xe2\x80\xa8line", "\xe2\x80\xaeturn", "\xff\xfe\x80", "\xed\xa0\x80"
	};
	RigRequest	request = {.id = "1-2", .client_address = "192.0.2.1"};

	for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++)
	{
		bool		plain = true;

		rig_log_security("login failed", &request, "user %s", NAMES[i]);
		tap_ok(take_output() == 1, "name %zu makes one line", i);
		for (const char *byte = output; byte[1] != '\0'; byte++)
			plain &= (unsigned char) *byte >= 0x20 && (unsigned char) *byte < 0x7F;
		tap_ok(plain, "nothing in line %zu steers a terminal", i);
		tap_ok(strstr(output, "\"level\":\"security\",\"event\":\"login failed\",\"request_id\":\"1-2\",\"client\":\"192.0.2.1\"") != NULL &&
			   strstr(output, "\"event\":\"login\"") == NULL, "line %zu says what happened", i);
	}
}

static void
check_length(void)
{
	char		name[1000];

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	rig_log_security("login failed", NULL, "%s", name);
	take_output();
	name[RIG_LOG_TEXT_MAX] = '\0';
	tap_ok(strstr(output, name) != NULL, "200 bytes of a name are kept");
	tap_ok(strlen(output) < RIG_LOG_TEXT_MAX + 150, "the rest is not");
}

static void
refuse(const char *client, int status)
{
	RigRequest	request = {.id = "1-2", .method = "POST", .response = {.status = status}};

	request.url.path = (char *) "/api/v1/session";
	snprintf(request.client_address, sizeof(request.client_address), "%s", client);
	rig_security_log_refusal(&request);
}

static void
check_refusals(void)
{
	refuse("192.0.2.1", 200);
	refuse("192.0.2.1", 404);
	tap_ok(take_output() == 0, "other answers are no refusals");
	for (int i = 0; i < 1000; i++)
		refuse("192.0.2.1", 401);
	refuse("192.0.2.1", 429);
	refuse("192.0.2.2", 401);
	tap_ok(take_output() == 3, "the first of each client and status is written at once");
	rig_security_log_sweep(rig_clock_now());
	tap_ok(take_output() == 0, "within the minute nothing more");
	rig_security_log_sweep(rig_clock_now() + 60001);
	tap_ok(take_output() == 1 && strstr(output, "\"client\":\"192.0.2.1\",\"status\":401,\"count\":999") != NULL,
		   "then the others together");
	refuse("192.0.2.1", 401);
	tap_ok(take_output() == 1, "after that the first is written again");
	rig_security_log_flush();
	tap_ok(take_output() == 0, "what was written is not counted");
}

static void
check_flood(void)
{
	char		client[32];
	int			lines = 0;

	for (int i = 0; i < 10000; i++)
	{
		snprintf(client, sizeof(client), "10.0.%d.%d", i / 256, i % 256);
		refuse(client, 403);
		lines += take_output();
	}
	tap_ok(lines == 255, "10000 clients make 255 lines");
	rig_security_log_flush();
	tap_ok(take_output() == 1 && strstr(output, "\"client\":\"others\",\"count\":9745") != NULL, "the others are counted");
	rig_security_log_handshake();
	rig_security_log_handshake();
	tap_ok(take_output() == 0, "handshakes are only counted");
	rig_security_log_flush();
	tap_ok(take_output() == 1 && strstr(output, "\"event\":\"tls handshake failed\",\"count\":2}") != NULL, "and written together");
}

int
main(void)
{
	int			ends[2];

	if (pipe(ends) != 0 || dup2(ends[1], STDERR_FILENO) < 0)
		return 1;
	reading_end = ends[0];
	fcntl(reading_end, F_SETFL, O_NONBLOCK);
	check_names();
	check_length();
	check_refusals();
	check_flood();
	return tap_done();
}
