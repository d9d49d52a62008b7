/* Which addresses are listened on, and which hosts and origins are ours. */
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "config.h"
#include "tap.h"

RigConfig	rig_config = {.log_level = "error", .origins = ""};

static void
check_listen(const char *text, bool valid, bool loopback)
{
	RigAddress	address;
	char		error[256];
	bool		parsed = rig_address_parse(text, &address, error, sizeof(error));

	tap_ok(parsed == valid && (!valid || address.loopback == loopback), "listen on %s: %s", text,
		   !valid ? "no address" : loopback ? "loopback" : "a network");
	if (!parsed)
		return;
	tap_ok(rig_address_cleartext_allowed(&address, error, sizeof(error)) == loopback, "%s in cleartext", text);
	rig_config.insecure = true;
	tap_ok(rig_address_cleartext_allowed(&address, error, sizeof(error)), "%s in cleartext when the operator says so", text);
	rig_config.insecure = false;
}

static void
check_origins(const char *origins, bool valid)
{
	char		error[256];

	rig_config.origins = origins;
	tap_ok(rig_address_check_origins(error, sizeof(error)) == valid, "origins '%s'", origins);
}

static void
serve(const char *text, bool tls, const char *expected)
{
	RigAddress	address;
	char		error[256];
	int			socket_fd;

	rig_address_parse(text, &address, error, sizeof(error));
	socket_fd = rig_address_listen(&address, error, sizeof(error));
	rig_address_serve(&address, socket_fd, tls);
	close(socket_fd);
	if (!tap_ok(strstr(rig_address_origins(), expected) != NULL, "our page on %s is %s…", text, expected))
		tap_note("%s", rig_address_origins());
}

static void
check_host(const char *host, bool allowed)
{
	tap_ok(rig_address_host_allowed(host) == allowed, "Host %s is %s", host, allowed ? "ours" : "foreign");
}

int
main(void)
{
	check_listen("127.0.0.1:80", true, true);
	check_listen("127.9.9.9:80", true, true);
	check_listen("localhost:80", true, true);
	check_listen("[::1]:80", true, true);
	check_listen("0.0.0.0:443", true, false);
	check_listen("[::]:443", true, false);
	check_listen("192.0.2.1:443", true, false);
	check_listen("[2001:db8::1]:443", true, false);
	check_listen("[::ffff:127.0.0.1]:443", true, false);
	check_listen("rig.example:443", false, false);
	check_listen(":443", false, false);
	check_listen("127.1:443", false, false);
	check_listen("127.0.0.1", false, false);

	check_origins("https://rig.example/", false);
	check_origins("rig.example", false);
	check_origins("https://*.example", false);
	check_origins("https://user@rig.example", false);
	check_origins("https://", false);
	check_origins("null", false);
	check_origins("https://a.example, ftp://b.example", false);
	check_origins("", true);
	tap_ok(!rig_address_is_secure(), "without https there is no word about it");
	check_origins("http://rig.example, https://other.example:8443", true);
	tap_ok(rig_address_is_secure(), "a proxy speaks https");

	serve("127.0.0.1:0", false, ",http://127.0.0.1:");
	check_host("127.0.0.1", true);
	check_host("localhost:99", true);
	check_host("LOCALHOST", true);
	check_host("[::1]:80", true);
	check_host("Rig.Example", true);
	check_host("rig.example:80", false);
	check_host("other.example:8443", true);
	check_host("other.example", false);
	check_host("evil.example", false);
	check_host("localhost.evil.example", false);
	check_host("127.0.0.1:80@evil.example", false);
	check_host("192.0.2.7", false);
	check_host("", false);
	serve("localhost:0", true, ",https://localhost:");
	serve("0.0.0.0:0", true, "https://other.example:8443");
	tap_ok(strstr(rig_address_origins(), "0.0.0.0") == NULL, "every address is no origin");
	check_host("192.0.2.7:443", true);
	check_host("[2001:db8::1]", true);
	check_host("evil.example", false);
	rig_address_release();
	return tap_done();
}
