/* SPDX-License-Identifier: ISC */

/*
 * The host's own addresses are the routes of the kernel's local table
 * (rtnetlink(7)): of its interfaces, of prefixes that were made local, the
 * broadcast addresses, and the anycast ones that IPv6 routers answer for.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netpacket/packet.h>

#include <errno.h>
#include <ifaddrs.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "localaddrs.h"
#include "log.h"

#define DUMP_TIME	5000	/* milliseconds */
#define WATCHED	(RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | \
		RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR)

struct question {
	struct nlmsghdr	 h;
	struct rtmsg	 rt;
	struct rtattr	 attr;
	uint32_t	 table;
};

static int	 dump_fd = -1;

static int
open_netlink(uint32_t groups)
{
	struct sockaddr_nl	 nl;
	int			 fd, on = 1;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    NETLINK_ROUTE);
	if (fd == -1)
		return (-1);
	memset(&nl, 0, sizeof(nl));
	nl.nl_family = AF_NETLINK;
	nl.nl_groups = groups;
	if (bind(fd, (struct sockaddr *)&nl, sizeof(nl)) == -1) {
		close(fd);
		return (-1);
	}
	/* only the table that is asked for, if the kernel can */
	(void)setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on,
	    sizeof(on));
	return (fd);
}

int
localaddrs_open(void)
{
	int	 fd;

	if ((dump_fd = open_netlink(0)) == -1 ||
	    (fd = open_netlink(WATCHED)) == -1) {
		log_warn("rtnetlink");
		return (-1);
	}
	return (fd);
}

/* More than there was room for is as good as a word. */
void
localaddrs_drain(int fd)
{
	static uint8_t	 buf[8192];

	while (recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0 ||
	    errno == ENOBUFS || errno == EINTR)
		continue;
}

/* One route of the answer. */
static void
take_route(struct nlmsghdr *h, localaddrs_fn *fn, void *arg)
{
	struct rtmsg	*rt = NLMSG_DATA(h);
	struct rtattr	*a;
	struct ipprefix	 p;
	uint32_t	 table = rt->rtm_table;
	size_t		 alen = rt->rtm_family == AF_INET ? 4 : 16;
	int		 len = (int)RTM_PAYLOAD(h);

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*rt)) ||
	    (rt->rtm_family != AF_INET && rt->rtm_family != AF_INET6) ||
	    (rt->rtm_type != RTN_LOCAL && rt->rtm_type != RTN_ANYCAST &&
	    rt->rtm_type != RTN_BROADCAST) || rt->rtm_dst_len > alen * 8)
		return;
	memset(&p, 0, sizeof(p));
	p.addr.af = alen == 4 ? 4 : 6;
	p.len = rt->rtm_dst_len;
	for (a = RTM_RTA(rt); RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type == RTA_DST && RTA_PAYLOAD(a) == alen)
			memcpy(p.addr.a, RTA_DATA(a), alen);
		else if (a->rta_type == RTA_TABLE &&
		    RTA_PAYLOAD(a) == sizeof(table))
			memcpy(&table, RTA_DATA(a), sizeof(table));
	if (table == RT_TABLE_LOCAL)
		fn(arg, &p);
}

/* A dump that failed on its way ends like one that did not. */
static int
done_error(const struct nlmsghdr *h)
{
	int	 error = 0;

	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(error)))
		memcpy(&error, NLMSG_DATA(h), sizeof(error));
	/* there is no such table: a host without any address */
	return (error < 0 && error != -ENOENT ? -1 : 0);
}

/* Read an answer to its end; 1: it was cut short by a change. */
static int
read_dump(uint32_t seq, localaddrs_fn *fn, void *arg)
{
	static uint8_t	 buf[65536];
	struct nlmsghdr	*h;
	struct pollfd	 pfd = { .fd = dump_fd, .events = POLLIN };
	ssize_t		 n;
	int		 left, again = 0;

	for (;;) {
		n = recv(dump_fd, buf, sizeof(buf), MSG_DONTWAIT | MSG_TRUNC);
		if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
			if (poll(&pfd, 1, DUMP_TIME) != 1)
				return (-1);
			continue;
		}
		if (n <= 0 || (size_t)n > sizeof(buf))
			return (-1);
		left = (int)n;
		for (h = (struct nlmsghdr *)(void *)buf; NLMSG_OK(h, left);
		    h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_seq != seq)
				continue;
			if (h->nlmsg_flags & NLM_F_DUMP_INTR)
				again = 1;
			if (h->nlmsg_type == NLMSG_DONE)
				return (done_error(h) == -1 ? -1 : again);
			if (h->nlmsg_type == NLMSG_ERROR)
				return (-1);
			if (h->nlmsg_type == RTM_NEWROUTE)
				take_route(h, fn, arg);
		}
	}
}

static int
list_family(uint8_t family, localaddrs_fn *fn, void *arg)
{
	static uint32_t		 seq;
	struct sockaddr_nl	 nl;
	struct question		 q;

	memset(&nl, 0, sizeof(nl));
	nl.nl_family = AF_NETLINK;
	memset(&q, 0, sizeof(q));
	q.h.nlmsg_len = sizeof(q);
	q.h.nlmsg_type = RTM_GETROUTE;
	q.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	q.h.nlmsg_seq = ++seq;
	q.rt.rtm_family = family;
	q.rt.rtm_table = RT_TABLE_LOCAL;
	q.attr.rta_type = RTA_TABLE;
	q.attr.rta_len = RTA_LENGTH(sizeof(q.table));
	q.table = RT_TABLE_LOCAL;
	if (sendto(dump_fd, &q, sizeof(q), MSG_NOSIGNAL,
	    (struct sockaddr *)&nl, sizeof(nl)) == -1)
		return (-1);
	return (read_dump(seq, fn, arg));
}

/* Interfaces within a VRF have tables of their own: their addresses. */
static int
list_interfaces(localaddrs_fn *fn, void *arg)
{
	struct ifaddrs	*ifs, *i;
	struct ipprefix	 p;

	if (getifaddrs(&ifs) == -1)
		return (-1);
	for (i = ifs; i != NULL; i = i->ifa_next) {
		memset(&p, 0, sizeof(p));
		if (i->ifa_addr == NULL ||
		    ipaddr_from_sa(&p.addr, i->ifa_addr) == -1)
			continue;
		p.len = (uint8_t)ipaddr_bits(&p.addr);
		fn(arg, &p);
	}
	freeifaddrs(ifs);
	return (0);
}

static int
list_table(localaddrs_fn *fn, void *arg)
{
	int	 r4, r6;

	/* what came twice because of a change does no harm */
	if (dump_fd == -1 ||
	    (r4 = list_family(AF_INET, fn, arg)) == -1 ||
	    (r6 = list_family(AF_INET6, fn, arg)) == -1)
		return (-1);
	if (r4 == 1 && list_family(AF_INET, fn, arg) == -1)
		return (-1);
	return (r6 == 1 && list_family(AF_INET6, fn, arg) == -1 ? -1 : 0);
}

int
localaddrs_list(localaddrs_fn *fn, void *arg)
{
	static enum { UNKNOWN, WORKS, NEVER }	 table;

	if (list_interfaces(fn, arg) == -1)
		return (-1);
	if (table != NEVER && list_table(fn, arg) == 0) {
		table = WORKS;
		return (0);
	}
	/* what works now and then leaves what was known */
	if (table == WORKS)
		return (-1);
	if (table == UNKNOWN)
		log_warnx("this system does not tell its local routes: only "
		    "the addresses of interfaces are closed to guests");
	table = NEVER;
	return (0);
}

uint32_t
localaddrs_scope(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_PACKET)
		return ((uint32_t)((const struct sockaddr_ll *)
		    (const void *)sa)->sll_ifindex);
	if (sa->sa_family == AF_INET6)
		return (((const struct sockaddr_in6 *)
		    (const void *)sa)->sin6_scope_id);
	return (0);
}
