/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include <linux/sock_diag.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "udpsys.h"

static int		 no_gso;

/*
 * The interface is kept only where the address means nothing without it;
 * otherwise it would override the routing table.
 */
static void
local6(struct udpio_rx *r, const struct in6_pktinfo *pi)
{
	if (IN6_IS_ADDR_V4MAPPED(&pi->ipi6_addr)) {
		ipaddr_from4(&r->from.local, pi->ipi6_addr.s6_addr + 12);
		return;
	}
	ipaddr_from6(&r->from.local, &pi->ipi6_addr);
	if (IN6_IS_ADDR_LINKLOCAL(&pi->ipi6_addr))
		r->from.ifindex = pi->ipi6_ifindex;
}

/* Who sent it; IPv4 through a socket of both families is IPv4. */
int
udpsys_sender(struct udpio_rx *r, const struct sockaddr_storage *ss)
{
	const struct sockaddr_in6	*sin6;

	memset(&r->from, 0, sizeof(r->from));
	if (ss->ss_family == AF_INET) {
		memcpy(&r->from.remote.sin, ss, sizeof(r->from.remote.sin));
		return (0);
	}
	if (ss->ss_family != AF_INET6)
		return (-1);
	sin6 = (const struct sockaddr_in6 *)ss;
	if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
		r->from.remote.sin.sin_family = AF_INET;
		r->from.remote.sin.sin_port = sin6->sin6_port;
		memcpy(&r->from.remote.sin.sin_addr,
		    sin6->sin6_addr.s6_addr + 12, 4);
		return (0);
	}
	memcpy(&r->from.remote.sin6, sin6, sizeof(*sin6));
	r->from.remote.sin6.sin6_flowinfo = 0;
	return (0);
}

/* What the control messages tell about a datagram. */
void
udpsys_control(struct msghdr *m, struct udpio_rx *r)
{
	struct in6_pktinfo	 pi6;
	struct in_pktinfo	 pi4;
	struct cmsghdr		*c;
	int			 v;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_UDP &&
		    c->cmsg_type == UDP_GRO) {
			memcpy(&v, CMSG_DATA(c), sizeof(v));
			if (v > 0)
				r->segment = (size_t)v;
		} else if (c->cmsg_level == IPPROTO_IP &&
		    c->cmsg_type == IP_PKTINFO) {
			memcpy(&pi4, CMSG_DATA(c), sizeof(pi4));
			ipaddr_from4(&r->from.local, &pi4.ipi_spec_dst);
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&pi6, CMSG_DATA(c), sizeof(pi6));
			local6(r, &pi6);
		} else if (c->cmsg_level == IPPROTO_IP &&
		    c->cmsg_type == IP_TOS)
			r->ecn = *CMSG_DATA(c) & 3;
		else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_TCLASS) {
			memcpy(&v, CMSG_DATA(c), sizeof(v));
			r->ecn = v & 3;
		}
	}
}

/* Nothing is remembered of it. */
void
udpsys_new(int fd)
{
	(void)fd;
}

/*
 * Whether the kernel may cut trains that are sent.  Whether it joins what
 * comes in is an option of each socket, which the parent has set.
 */
void
udpsys_offload(int on)
{
	no_gso = !on;
}

/* How many datagrams did not fit into a socket's buffer, modulo 2^32. */
uint32_t
udpsys_drops(int fd)
{
	uint32_t	 info[SK_MEMINFO_VARS] = { 0 };
	socklen_t	 len = sizeof(info);

	if (getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &len) == -1)
		return (0);
	return (info[SK_MEMINFO_DROPS]);
}

static void
put_cmsg(struct msghdr *m, int level, int type, const void *data, size_t len)
{
	struct cmsghdr	*c;

	c = (struct cmsghdr *)((uint8_t *)m->msg_control +
	    m->msg_controllen);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	m->msg_controllen += CMSG_SPACE(len);
}

static ssize_t
send_one(int fd, const struct wg_endpoint *ep, const uint8_t *buf,
    size_t len, size_t segment, int tos, int dual, int sticky)
{
	_Alignas(struct cmsghdr) uint8_t	 control[UDPSYS_CONTROL];
	struct in6_pktinfo			 pi6;
	struct in_pktinfo			 pi4;
	struct sockaddr_in6			 mapped;
	struct msghdr				 m;
	struct iovec				 iov;
	uint16_t				 gso = (uint16_t)segment;

	memset(&m, 0, sizeof(m));
	memset(control, 0, sizeof(control));
	iov.iov_base = (void *)(uintptr_t)buf;
	iov.iov_len = len;
	m.msg_iov = &iov;
	m.msg_iovlen = 1;
	m.msg_control = control;
	m.msg_name = (void *)(uintptr_t)&ep->remote.sa;
	if (ep->remote.sa.sa_family == AF_INET) {
		m.msg_namelen = sizeof(ep->remote.sin);
		if (dual) {
			/* a socket of both families takes it as IPv6 */
			memset(&mapped, 0, sizeof(mapped));
			mapped.sin6_family = AF_INET6;
			mapped.sin6_port = ep->remote.sin.sin_port;
			memset(mapped.sin6_addr.s6_addr + 10, 0xff, 2);
			memcpy(mapped.sin6_addr.s6_addr + 12,
			    &ep->remote.sin.sin_addr, 4);
			m.msg_name = &mapped;
			m.msg_namelen = sizeof(mapped);
		}
		if (sticky && ep->local.af == 4) {
			memset(&pi4, 0, sizeof(pi4));
			memcpy(&pi4.ipi_spec_dst, ep->local.a, 4);
			pi4.ipi_ifindex = (int)ep->ifindex;
			put_cmsg(&m, IPPROTO_IP, IP_PKTINFO, &pi4,
			    sizeof(pi4));
		}
		put_cmsg(&m, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	} else {
		m.msg_namelen = sizeof(ep->remote.sin6);
		if (sticky && ep->local.af == 6) {
			memset(&pi6, 0, sizeof(pi6));
			memcpy(&pi6.ipi6_addr, ep->local.a, 16);
			pi6.ipi6_ifindex = ep->ifindex;
			put_cmsg(&m, IPPROTO_IPV6, IPV6_PKTINFO, &pi6,
			    sizeof(pi6));
		}
		put_cmsg(&m, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	}
	if (len > segment)
		put_cmsg(&m, IPPROTO_UDP, UDP_SEGMENT, &gso, sizeof(gso));
	return (sendmsg(fd, &m, MSG_DONTWAIT));
}

static int
send_sticky(int fd, const struct wg_endpoint *ep, const uint8_t *buf,
    size_t len, size_t segment, int tos, int dual)
{
	if (send_one(fd, ep, buf, len, segment, tos, dual, 1) != -1)
		return (0);
	if (ep->local.af == 0 || (errno != EINVAL && errno != ENODEV &&
	    errno != ENETUNREACH && errno != EADDRNOTAVAIL))
		return (-1);
	/* the address that the peer used may be gone */
	return (send_one(fd, ep, buf, len, segment, tos, dual, 0) != -1 ?
	    0 : -1);
}

/*
 * Send len bytes as datagrams of segment bytes, the last one with what
 * is left.  dual: the socket is an IPv6 one that also takes IPv4.  A
 * system that cannot segment gets them one by one.  Returns -1 with errno
 * EAGAIN if none was sent because the socket is full, or with another
 * errno if they are lost.
 */
int
udpsys_send(int fd, const struct wg_endpoint *ep, const uint8_t *buf,
    size_t len, size_t segment, int tos, int dual)
{
	size_t	 off, n;
	int	 error = 0;

	if (len <= segment || !no_gso) {
		if (send_sticky(fd, ep, buf, len, segment, tos, dual) == 0)
			return (0);
		if (len <= segment || (errno != EIO && errno != EINVAL &&
		    errno != EMSGSIZE))
			return (-1);
		if (errno == EIO) {
			no_gso = 1;
			log_info("no UDP segmentation offload here");
		}
	}
	for (off = 0; off < len; off += n) {
		n = len - off < segment ? len - off : segment;
		if (send_sticky(fd, ep, buf + off, n, n, tos, dual) == 0)
			continue;
		error = errno;
		if (error == EAGAIN || error == ENOBUFS) {
			if (off > 0)
				error = ENOBUFS;	/* not all again */
			break;
		}
	}
	errno = error;
	return (error == 0 ? 0 : -1);
}
