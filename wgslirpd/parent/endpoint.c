/* SPDX-License-Identifier: ISC */

/*
 * Where peers are, as the configuration says it.  Names are only looked at
 * here; the slirp engine resolves them.  Interfaces are found here: the
 * engines cannot.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <net/if.h>
#include <netinet/in.h>

#include <ifaddrs.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"
#include "localaddrs.h"
#include "log.h"

int
scope_find(const char *name, uint32_t *scope)
{
	struct ifaddrs	*ifs, *i;
	const char	*error;

	*scope = (uint32_t)strtonum(name, 1, INT32_MAX, &error);
	if (error == NULL)
		return (0);
	if (getifaddrs(&ifs) == -1)
		return (-1);
	for (i = ifs; i != NULL; i = i->ifa_next)
		if (strcmp(i->ifa_name, name) == 0 &&
		    i->ifa_addr != NULL &&
		    (*scope = localaddrs_scope(i->ifa_addr)) != 0)
			break;
	freeifaddrs(ifs);
	return (i == NULL ? -1 : 0);
}

/* Cut "address%interface"; -1 if it is not that. */
static int
split_scope(const char *host, struct ipaddr *a, char ifname[IF_NAMESIZE])
{
	char		 buf[HOST_NAME_LEN];
	char		*scope;

	if (strlcpy(buf, host, sizeof(buf)) >= sizeof(buf) ||
	    (scope = strchr(buf, '%')) == NULL)
		return (-1);
	*scope++ = '\0';
	return (ipaddr_parse(a, buf) == -1 || a->af != 6 || *scope == '\0' ||
	    strlcpy(ifname, scope, IF_NAMESIZE) >= IF_NAMESIZE ||
	    strpbrk(scope, "/ \t%") != NULL ? -1 : 0);
}

int
config_endpoint(struct conf_peer *p, const char *host)
{
	struct ipaddr	 a;
	char		 ifname[IF_NAMESIZE];

	if (strlen(host) >= HOST_NAME_LEN || (ipaddr_parse(&a, host) == -1 &&
	    split_scope(host, &a, ifname) == -1 && !host_name_ok(host)))
		return (-1);
	free(p->ep_host);
	if ((p->ep_host = strdup(host)) == NULL)
		fatal(NULL);
	return (0);
}

int
endpoint_split(char *host, uint16_t *port)
{
	char	*colon = NULL, *end;

	*port = 0;
	if (*host == '[') {
		if ((end = strchr(host, ']')) == NULL ||
		    (end[1] != '\0' && end[1] != ':'))
			return (-1);
		if (end[1] == ':')
			colon = end + 1;
		*end = '\0';
		if (colon != NULL && port_parse(colon + 1, port) == -1)
			return (-1);
		memmove(host, host + 1, strlen(host + 1) + 1);
		return (0);
	}
	/* two colons are an address */
	if ((colon = strchr(host, ':')) == NULL ||
	    strchr(colon + 1, ':') != NULL)
		return (0);
	*colon = '\0';
	return (port_parse(colon + 1, port));
}

int
endpoint_find(const char *host, struct ipaddr *a, uint32_t *scope)
{
	char	 ifname[IF_NAMESIZE];

	*scope = 0;
	if (ipaddr_parse(a, host) == 0)
		return (1);
	if (split_scope(host, a, ifname) == -1) {
		memset(a, 0, sizeof(*a));
		return (0);
	}
	return (scope_find(ifname, scope) == -1 ? -1 : 1);
}
