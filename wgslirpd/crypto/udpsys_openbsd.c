/* SPDX-License-Identifier: ISC */

/*
 * For OpenBSD: batches by recvmmsg(2) and sendmmsg(2), each datagram by itself.
 * IP_RECVDSTADDR tells the address that a peer sent to, and IP_SENDSRCADDR has
 * the answer come from it.  The ECN bits of IPv4 are not told when a datagram
 * comes, and are the socket's when it is sent.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "udpsys.h"

#define BURST		64	/* datagrams sent at once */
#define FDS		64	/* sockets of which something is known */

/* Who sent it.  The length is the kernel's, and no part of an address. */
int
udpsys_sender(struct udpio_rx *r, const struct sockaddr_storage *ss)
{
	memset(&r->from, 0, sizeof(r->from));
	if (ss->ss_family == AF_INET) {
		memcpy(&r->from.remote.sin, ss, sizeof(r->from.remote.sin));
		r->from.remote.sin.sin_len = 0;
		return (0);
	}
	if (ss->ss_family != AF_INET6)
		return (-1);
	memcpy(&r->from.remote.sin6, ss, sizeof(r->from.remote.sin6));
	r->from.remote.sin6.sin6_len = 0;
	r->from.remote.sin6.sin6_flowinfo = 0;
	return (0);
}

/* What the control messages tell about a datagram. */
void
udpsys_control(struct msghdr *m, struct udpio_rx *r)
{
	struct in6_pktinfo	 pi6;
	struct in_addr		 a4;
	struct cmsghdr		*c;
	int			 v;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP &&
		    c->cmsg_type == IP_RECVDSTADDR) {
			memcpy(&a4, CMSG_DATA(c), sizeof(a4));
			ipaddr_from4(&r->from.local, &a4);
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&pi6, CMSG_DATA(c), sizeof(pi6));
			ipaddr_from6(&r->from.local, &pi6.ipi6_addr);
			/* else it would override the routing table */
			if (IN6_IS_ADDR_LINKLOCAL(&pi6.ipi6_addr))
				r->from.ifindex = pi6.ipi6_ifindex;
		} else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_TCLASS) {
			memcpy(&v, CMSG_DATA(c), sizeof(v));
			r->ecn = v & 3;
		}
	}
}

static struct {
	int	 tos;		/* as it was set last, plus one */
	int	 bound;		/* to one address, which is no choice then */
}	 known[FDS];

void
udpsys_new(int fd)
{
	struct sockaddr_in	 sin;
	socklen_t		 len = sizeof(sin);

	if (fd >= FDS)
		return;
	known[fd].tos = 0;
	known[fd].bound = getsockname(fd, (struct sockaddr *)(void *)&sin,
	    &len) == 0 && sin.sin_family == AF_INET &&
	    sin.sin_addr.s_addr != INADDR_ANY;
}

/* There is none. */
void
udpsys_offload(int on)
{
	(void)on;
}

/* That is counted for all sockets together here: netstat -s -p udp. */
uint32_t
udpsys_drops(int fd)
{
	(void)fd;
	return (0);
}

static void
put_cmsg(struct msghdr *m, int level, int type, const void *data, size_t len)
{
	struct cmsghdr	*c;

	c = (struct cmsghdr *)(void *)((uint8_t *)m->msg_control +
	    m->msg_controllen);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), data, len);
	m->msg_controllen += CMSG_SPACE(len);
}

/* The TOS of what an IPv4 socket sends, which is kept until it changes. */
static void
set_tos(int fd, int tos)
{
	if (fd < FDS && known[fd].tos == tos + 1)
		return;
	(void)setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	if (fd < FDS)
		known[fd].tos = tos + 1;
}

/* From the address that the peer sent to, or, with sticky 0, from any. */
static void
put_header(int fd, struct msghdr *m, const struct wg_endpoint *ep, int tos,
    int sticky)
{
	struct in6_pktinfo	 pi6;
	struct in_addr		 a4;

	if (ep->remote.sa.sa_family == AF_INET) {
		m->msg_namelen = sizeof(ep->remote.sin);
		set_tos(fd, tos);
		if (sticky && ep->local.af == 4 &&
		    (fd >= FDS || !known[fd].bound)) {
			memcpy(&a4, ep->local.a, sizeof(a4));
			put_cmsg(m, IPPROTO_IP, IP_SENDSRCADDR, &a4,
			    sizeof(a4));
		}
	} else {
		m->msg_namelen = sizeof(ep->remote.sin6);
		if (sticky && ep->local.af == 6) {
			memset(&pi6, 0, sizeof(pi6));
			memcpy(&pi6.ipi6_addr, ep->local.a, 16);
			pi6.ipi6_ifindex = ep->ifindex;
			put_cmsg(m, IPPROTO_IPV6, IPV6_PKTINFO, &pi6,
			    sizeof(pi6));
		}
		put_cmsg(m, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	}
	if (m->msg_controllen == 0)
		m->msg_control = NULL;
}

/* As many as the socket takes, at least one; -1 with errno. */
static int
send_burst(int fd, const struct wg_endpoint *ep, const uint8_t *buf,
    size_t len, size_t segment, int tos, int sticky, size_t *sent)
{
	_Alignas(struct cmsghdr) uint8_t	 control[UDPSYS_CONTROL];
	struct mmsghdr				 msgs[BURST];
	struct iovec				 iov[BURST];
	struct msghdr				 m;
	size_t					 off = 0, n;
	int					 i, count = 0;

	memset(&m, 0, sizeof(m));
	memset(control, 0, sizeof(control));
	memset(msgs, 0, sizeof(msgs));
	m.msg_name = (void *)(uintptr_t)&ep->remote.sa;
	m.msg_control = control;
	put_header(fd, &m, ep, tos, sticky);
	for (; off < len && count < BURST; off += n, count++) {
		n = len - off < segment ? len - off : segment;
		iov[count].iov_base = (void *)(uintptr_t)(buf + off);
		iov[count].iov_len = n;
		msgs[count].msg_hdr = m;
		msgs[count].msg_hdr.msg_iov = &iov[count];
		msgs[count].msg_hdr.msg_iovlen = 1;
	}
	if ((count = sendmmsg(fd, msgs, (unsigned int)count, MSG_DONTWAIT)) ==
	    -1)
		return (-1);
	for (*sent = 0, i = 0; i < count; i++)
		*sent += iov[i].iov_len;
	return (0);
}

int
udpsys_send(int fd, const struct wg_endpoint *ep, const uint8_t *buf,
    size_t len, size_t segment, int tos, int dual)
{
	size_t	 off, n;
	int	 sticky = ep->local.af != 0, error;

	(void)dual;		/* there are none */
	for (off = 0; off < len; off += n) {
		if (send_burst(fd, ep, buf + off, len - off, segment, tos,
		    sticky, &n) == 0)
			continue;
		error = errno;
		if (error == EAGAIN || error == ENOBUFS) {
			/* not all again */
			errno = off > 0 ? ENOBUFS : error;
			return (-1);
		}
		/* the address that the peer used may be gone */
		if (sticky && (error == EINVAL || error == EADDRNOTAVAIL ||
		    error == EADDRINUSE || error == ENETUNREACH)) {
			sticky = 0;
			n = 0;
			continue;
		}
		errno = error;
		return (-1);
	}
	return (0);
}
