/* SPDX-License-Identifier: ISC */

/*
 * Descriptors of the host layer, for OpenBSD: events by kqueue(2).  What the
 * system has not, and what guests see of that:
 *
 *	error queues	an ICMP error about a datagram is not told, since a
 *			socket that is not connected hears of none; one about
 *			a connection that is being made is, as its errno
 *	ping sockets	guests' pings to hosts are refused
 *	trains		each datagram is a system call
 *	interfaces	a socket cannot be bound to one
 */

#include <sys/types.h>
#include <sys/event.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/tcp_fsm.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hostfd.h"
#include "log.h"
#include "proc.h"

#define EVENTS		64	/* taken at a time */
#define UNKNOWN		(-1)

/* A flow's id travels with its events. */
_Static_assert(sizeof(void *) >= sizeof(uint64_t), "64-bit systems only");

/* TTL and TOS of an IPv4 socket, as they were last set. */
struct header {
	int	 ttl;
	int	 tos;
};

static struct slirp		*engine;
static hostfd_event_fn	*tell;
static int			 flows_kq = -1;
static struct header		*headers;	/* by descriptor */
static int			 nheaders;

/* The flows' sockets are in a set of their own, as libevent's would be. */
static void
flows_event(evutil_socket_t fd, short what, void *arg)
{
	static const struct timespec	 now;
	struct kevent			 ev[EVENTS];
	int				 i, n, w;

	(void)what;
	(void)arg;
	n = kevent(fd, NULL, 0, ev, EVENTS, &now);
	engine->now = mono_now();
	for (i = 0; i < n; i++) {
		w = ev[i].filter == EVFILT_READ ? HOST_READ : HOST_WRITE;
		/* whoever reads or writes learns which */
		if ((ev[i].flags & EV_EOF && ev[i].fflags != 0) ||
		    ev[i].flags & EV_ERROR)
			w = HOST_READ | HOST_WRITE | HOST_ERROR;
		tell(engine, (uint64_t)(uintptr_t)ev[i].udata, w);
	}
}

int
hostfd_init(struct slirp *s, hostfd_event_fn *fn)
{
	struct event	*ev;

	engine = s;
	tell = fn;
	if ((flows_kq = kqueue1(O_CLOEXEC)) == -1)
		return (-1);
	ev = event_new(evbase, flows_kq, EV_READ | EV_PERSIST, flows_event,
	    NULL);
	if (ev == NULL || event_add(ev, NULL) == -1)
		return (-1);
	return (0);
}

void
hostfd_set(int fd, int level, int opt, int value)
{
	(void)setsockopt(fd, level, opt, &value, sizeof(value));
}

int
hostfd_new(uint8_t af, int type, int proto)
{
	return (socket(af == 4 ? AF_INET : AF_INET6,
	    type | SOCK_NONBLOCK | SOCK_CLOEXEC, proto));
}

int
hostfd_watch(const struct flow *f, int fd, int events)
{
	struct kevent	 ev[2];
	void		*id = (void *)(uintptr_t)flow_id(f);
	int		 n = 0;

	if (events & HOST_READ) {
		EV_SET(&ev[n], fd, EVFILT_READ, EV_ADD | EV_CLEAR, 0, 0, id);
		n++;
	}
	if (events & HOST_WRITE) {
		EV_SET(&ev[n], fd, EVFILT_WRITE, EV_ADD | EV_CLEAR, 0, 0, id);
		n++;
	}
	if (kevent(flows_kq, ev, n, NULL, 0, NULL) == -1) {
		errno = ENOMEM;
		return (-1);
	}
	if (fd < nheaders)
		headers[fd].ttl = headers[fd].tos = UNKNOWN;
	return (0);
}

int
hostfd_congestion(int fd, const char *name)
{
	(void)fd;
	(void)name;
	errno = EOPNOTSUPP;
	return (-1);
}

/* Raw sockets are root's. */
int
hostfd_ping(uint8_t af)
{
	(void)af;
	errno = EPROTONOSUPPORT;
	return (-1);
}

int
hostfd_interface(int fd, uint32_t ifindex)
{
	(void)fd;
	(void)ifindex;
	errno = EOPNOTSUPP;
	return (-1);
}

/* It is chosen at once. */
void
hostfd_port_late(int fd)
{
	(void)fd;
}

/* TCP_INFO is one of the options that pledge "inet" lets through. */
int
hostfd_is_up(int fd)
{
	struct tcp_info	 ti;
	socklen_t	 len = sizeof(ti);

	return (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len) == 0 &&
	    (ti.tcpi_state == TCPS_ESTABLISHED ||
	    ti.tcpi_state == TCPS_CLOSE_WAIT));
}

void
hostfd_want_errors(int fd, uint8_t af, int on)
{
	(void)fd;
	(void)af;
	(void)on;
}

int
hostfd_error(int fd, struct host_error *e)
{
	(void)fd;
	memset(e, 0, sizeof(*e));
	return (-1);
}

/* That of IPv4 is not told. */
void
hostfd_want_tos(int fd, uint8_t af)
{
	if (af == 6)
		hostfd_set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
}

void
hostfd_want_trains(int fd)
{
	(void)fd;
}

/* What is sent over IPv4 may always be: DF is pf(4)'s. */
void
hostfd_fragments(int fd, uint8_t af, int may)
{
	if (af == 6)
		hostfd_set(fd, IPPROTO_IPV6, IPV6_DONTFRAG, !may);
}

int
hostfd_trains(void)
{
	return (0);
}

void
hostfd_set_trains(int on)
{
	(void)on;
}

/* Nobody asks for it where there are none. */
void
hostfd_segment(struct msghdr *m, uint16_t size)
{
	(void)m;
	(void)size;
}

static void
put6(struct msghdr *m, int type, int value)
{
	struct cmsghdr	*c;

	c = (struct cmsghdr *)(void *)((uint8_t *)m->msg_control +
	    m->msg_controllen);
	c->cmsg_level = IPPROTO_IPV6;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(sizeof(value));
	memcpy(CMSG_DATA(c), &value, sizeof(value));
	m->msg_controllen += CMSG_SPACE(sizeof(value));
}

/* What the socket has, or NULL if that cannot be kept. */
static struct header *
header_of(int fd)
{
	struct header	*h;
	int		 n;

	if (fd >= nheaders) {
		n = fd + 256;
		h = recallocarray(headers, (size_t)nheaders, (size_t)n,
		    sizeof(*h));
		if (h == NULL)
			return (NULL);
		headers = h;
		for (; nheaders < n; nheaders++)
			headers[nheaders].ttl = headers[nheaders].tos =
			    UNKNOWN;
	}
	return (&headers[fd]);
}

/* In IPv4 they are the socket's, and set when they change. */
void
hostfd_put_header(int fd, struct msghdr *m, uint8_t af, int ttl, int tos)
{
	struct header	*h;

	if (af == 6) {
		put6(m, IPV6_HOPLIMIT, ttl);
		put6(m, IPV6_TCLASS, tos);
		return;
	}
	if (m->msg_controllen == 0)
		m->msg_control = NULL;
	h = header_of(fd);
	if (h == NULL || h->ttl != ttl)
		hostfd_set(fd, IPPROTO_IP, IP_TTL, ttl);
	if (h == NULL || h->tos != tos)
		hostfd_set(fd, IPPROTO_IP, IP_TOS, tos);
	if (h != NULL) {
		h->ttl = ttl;
		h->tos = tos;
	}
}

void
hostfd_get_header(struct msghdr *m, struct dgram_opts *o)
{
	struct cmsghdr	*c;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_TCLASS)
			memcpy(&o->tos, CMSG_DATA(c), sizeof(o->tos));
}
