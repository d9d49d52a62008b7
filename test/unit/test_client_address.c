/* The client's address behind proxies. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "client_address.h"
#include "tap.h"

static const char *
address_of(const char *peer, const char *forwarded, const char *proxies)
{
	static char text[RIG_ADDRESS_TEXT_SIZE];
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

	if (inet_pton(AF_INET, peer, &v4.sin_addr) == 1)
		rig_client_address((const struct sockaddr *) &v4, forwarded, proxies, text);
	else
	{
		inet_pton(AF_INET6, peer, &v6.sin6_addr);
		rig_client_address((const struct sockaddr *) &v6, forwarded, proxies, text);
	}
	return text;
}

int
main(void)
{
	static const struct
	{
		const char *peer;
		const char *forwarded;
		const char *proxies;
		const char *expected;
	}			cases[] = {
		{"192.0.2.1", NULL, "", "192.0.2.1"},
		{"2001:db8::1", NULL, "", "2001:db8::1"},
		{"::ffff:192.0.2.1", NULL, "", "192.0.2.1"},
		/* nobody is believed unless configured */
		{"192.0.2.1", "203.0.113.9", "", "192.0.2.1"},
		{"192.0.2.1", "203.0.113.9", "192.0.2.2", "192.0.2.1"},
		{"192.0.2.1", "203.0.113.9", "192.0.2.1", "203.0.113.9"},
		{"192.0.2.1", "203.0.113.9", "10.0.0.1, 192.0.2.1", "203.0.113.9"},
		{"::ffff:192.0.2.1", "203.0.113.9", "192.0.2.1", "203.0.113.9"},
		{"2001:db8::1", "2001:DB8:0::2", "2001:db8:0::1", "2001:db8::2"},
		/* the last one is what the proxy saw; the others are what the client says */
		{"192.0.2.1", "198.51.100.7, 203.0.113.9", "192.0.2.1", "203.0.113.9"},
		{"192.0.2.1", "198.51.100.7,203.0.113.9 ", "192.0.2.1", "203.0.113.9"},
		{"192.0.2.1", "nonsense", "192.0.2.1", "192.0.2.1"},
		{"192.0.2.1", "203.0.113.9, unknown", "192.0.2.1", "192.0.2.1"},
		{"192.0.2.1", "", "192.0.2.1", "192.0.2.1"},
		{"192.0.2.1", "203.0.113.9:4711", "192.0.2.1", "192.0.2.1"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		const char *found = address_of(cases[i].peer, cases[i].forwarded, cases[i].proxies);

		tap_ok(strcmp(found, cases[i].expected) == 0, "%s for %s by way of %s is %s", found, cases[i].forwarded != NULL ? cases[i].forwarded : "nothing",
		   cases[i].peer, cases[i].expected);
	}
	return tap_done();
}
