#include "client_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

/* Writes an address in its one spelling; an IPv4 address in IPv6 becomes IPv4. */
static bool
format_v6(const struct in6_addr *address, char text[RIG_ADDRESS_TEXT_SIZE])
{
	if (IN6_IS_ADDR_V4MAPPED(address))
		return inet_ntop(AF_INET, &address->s6_addr[12], text, RIG_ADDRESS_TEXT_SIZE) != NULL;
	return inet_ntop(AF_INET6, address, text, RIG_ADDRESS_TEXT_SIZE) != NULL;
}

/* Reads an address of so many characters; false when it is none. */
static bool
parse(const char *start, size_t length, char text[RIG_ADDRESS_TEXT_SIZE])
{
	char		copy[RIG_ADDRESS_TEXT_SIZE];
	struct in_addr v4;
	struct in6_addr v6;

	if (length >= sizeof(copy))
		return false;
	memcpy(copy, start, length);
	copy[length] = '\0';
	if (inet_pton(AF_INET, copy, &v4) == 1)
		return inet_ntop(AF_INET, &v4, text, RIG_ADDRESS_TEXT_SIZE) != NULL;
	return inet_pton(AF_INET6, copy, &v6) == 1 && format_v6(&v6, text);
}

static bool
is_listed(const char *address, const char *list)
{
	char		entry[RIG_ADDRESS_TEXT_SIZE];

	while (*list != '\0')
	{
		size_t		length = strcspn(list, ", ");

		if (parse(list, length, entry) && strcmp(entry, address) == 0)
			return true;
		list += length;
		list += strspn(list, ", ");
	}
	return false;
}

void
rig_client_address(const struct sockaddr *peer, const char *forwarded, const char *proxies,
				   char text[RIG_ADDRESS_TEXT_SIZE])
{
	char		client[RIG_ADDRESS_TEXT_SIZE];
	const char *last;
	size_t		length;

	*text = '\0';
	if (peer != NULL && peer->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *) peer)->sin_addr, text, RIG_ADDRESS_TEXT_SIZE);
	else if (peer != NULL && peer->sa_family == AF_INET6)
		format_v6(&((const struct sockaddr_in6 *) peer)->sin6_addr, text);
	if (forwarded == NULL || !is_listed(text, proxies))
		return;
	last = strrchr(forwarded, ',');
	last = last != NULL ? last + 1 : forwarded;
	last += strspn(last, " \t");
	length = strcspn(last, " \t");
	if (parse(last, length, client))
		strcpy(text, client);
}
