/* SPDX-License-Identifier: ISC */

/*
 * The host's own addresses are those of its interfaces; route(4) tells when
 * they change.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/route.h>
#include <netinet/in.h>

#include <ifaddrs.h>
#include <string.h>

#include "localaddrs.h"
#include "log.h"

int
localaddrs_open(void)
{
	unsigned int	 filter = ROUTE_FILTER(RTM_NEWADDR) |
			    ROUTE_FILTER(RTM_DELADDR);
	int		 fd;

	fd = socket(AF_ROUTE, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		log_warn("route socket");
	else
		(void)setsockopt(fd, AF_ROUTE, ROUTE_MSGFILTER, &filter,
		    sizeof(filter));
	return (fd);
}

void
localaddrs_drain(int fd)
{
	char	 buf[2048];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0)
		continue;
}

static void
take(const struct sockaddr *sa, localaddrs_fn *fn, void *arg)
{
	struct ipprefix	 p;

	memset(&p, 0, sizeof(p));
	if (sa == NULL || ipaddr_from_sa(&p.addr, sa) == -1)
		return;
	p.len = (uint8_t)ipaddr_bits(&p.addr);
	fn(arg, &p);
}

int
localaddrs_list(localaddrs_fn *fn, void *arg)
{
	struct ifaddrs	*ifs, *i;

	if (getifaddrs(&ifs) == -1)
		return (-1);
	for (i = ifs; i != NULL; i = i->ifa_next) {
		take(i->ifa_addr, fn, arg);
		if (i->ifa_flags & IFF_BROADCAST)
			take(i->ifa_broadaddr, fn, arg);
	}
	freeifaddrs(ifs);
	return (0);
}

uint32_t
localaddrs_scope(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_LINK)
		return (((const struct sockaddr_dl *)
		    (const void *)sa)->sdl_index);
	if (sa->sa_family == AF_INET6)
		return (((const struct sockaddr_in6 *)
		    (const void *)sa)->sin6_scope_id);
	return (0);
}
