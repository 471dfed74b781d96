/* SPDX-License-Identifier: ISC */

/*
 * Descriptors of the host layer, for Linux: events by epoll(7), ICMP errors by
 * the sockets' error queues, trains by UDP_SEGMENT and UDP_GRO.
 */

#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hostfd.h"
#include "log.h"
#include "proc.h"

#define EVENTS		64	/* taken at a time */
#define MTU_DONT	0	/* from Linux' headers, which libc's exclude */
#define MTU_DO		2

static struct slirp	*engine;
static hostfd_event_fn	*tell;
static int		 flows_ep = -1;
static int		 no_gso;	/* no trains of datagrams */

/*
 * The flows' sockets are in a set of their own, which libevent watches as
 * one descriptor: an event structure for each took more memory than an
 * idle flow may have in all.  What they are told carries the flow's id,
 * for the flow may be gone before its turn comes.
 */
static void
flows_event(evutil_socket_t fd, short what, void *arg)
{
	struct epoll_event	 ev[EVENTS];
	int			 i, n, w;

	(void)what;
	(void)arg;
	n = epoll_wait(fd, ev, EVENTS, 0);
	engine->now = mono_now();
	for (i = 0; i < n; i++) {
		w = 0;
		if (ev[i].events & EPOLLIN)
			w |= HOST_READ;
		if (ev[i].events & EPOLLOUT)
			w |= HOST_WRITE;
		/* whoever reads or writes learns which */
		if (ev[i].events & (EPOLLERR | EPOLLHUP))
			w |= HOST_READ | HOST_WRITE | HOST_ERROR;
		tell(engine, ev[i].data.u64, w);
	}
}

int
hostfd_init(struct slirp *s, hostfd_event_fn *fn)
{
	struct event	*ev;

	engine = s;
	tell = fn;
	if ((flows_ep = epoll_create1(EPOLL_CLOEXEC)) == -1)
		return (-1);
	ev = event_new(evbase, flows_ep, EV_READ | EV_PERSIST, flows_event,
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

/* Have what happens on a descriptor told to a flow, which owns it. */
int
hostfd_watch(const struct flow *f, int fd, int events)
{
	struct epoll_event	 ev;

	memset(&ev, 0, sizeof(ev));
	ev.events = EPOLLET;
	if (events & HOST_READ)
		ev.events |= EPOLLIN;
	if (events & HOST_WRITE)
		ev.events |= EPOLLOUT;
	ev.data.u64 = flow_id(f);
	if (epoll_ctl(flows_ep, EPOLL_CTL_ADD, fd, &ev) == -1) {
		errno = ENOMEM;
		return (-1);
	}
	return (0);
}

int
hostfd_congestion(int fd, const char *name)
{
	return (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name,
	    (socklen_t)strlen(name)));
}

int
hostfd_ping(uint8_t af)
{
	return (hostfd_new(af, SOCK_DGRAM,
	    af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6));
}

/* An ordinary user may, as long as it is bound to none. */
int
hostfd_interface(int fd, uint32_t ifindex)
{
	return (setsockopt(fd, SOL_SOCKET, SO_BINDTOIFINDEX, &ifindex,
	    sizeof(ifindex)));
}

void
hostfd_port_late(int fd)
{
	hostfd_set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
}

int
hostfd_is_up(int fd)
{
	struct tcp_info	 ti;
	socklen_t	 len = sizeof(ti);

	return (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &ti, &len) == 0 &&
	    (ti.tcpi_state == TCP_ESTABLISHED ||
	    ti.tcpi_state == TCP_CLOSE_WAIT));
}

void
hostfd_want_errors(int fd, uint8_t af, int on)
{
	if (af == 4)
		hostfd_set(fd, IPPROTO_IP, IP_RECVERR, on);
	else
		hostfd_set(fd, IPPROTO_IPV6, IPV6_RECVERR, on);
}

static void
read_extended(struct cmsghdr *c, struct host_error *e)
{
	struct sock_extended_err	 ee;
	struct sockaddr_storage		 ss;
	size_t				 n;

	if (c->cmsg_len < CMSG_LEN(sizeof(ee)))
		return;
	memcpy(&ee, CMSG_DATA(c), sizeof(ee));
	e->error = (int)ee.ee_errno;
	e->info = ee.ee_info;
	e->type = ee.ee_type;
	e->code = ee.ee_code;
	if (ee.ee_origin == SO_EE_ORIGIN_ICMP)
		e->af = 4;
	else if (ee.ee_origin == SO_EE_ORIGIN_ICMP6)
		e->af = 6;
	else
		return;
	e->icmp = 1;
	/* the offender's address follows */
	n = c->cmsg_len - CMSG_LEN(sizeof(ee));
	if (n > sizeof(ss))
		n = sizeof(ss);
	memset(&ss, 0, sizeof(ss));
	memcpy(&ss, CMSG_DATA(c) + sizeof(ee), n);
	(void)ipaddr_from_sa(&e->offender, (struct sockaddr *)&ss);
}

int
hostfd_error(int fd, struct host_error *e)
{
	_Alignas(struct cmsghdr) uint8_t	 control[CONTROL_LEN];
	struct sockaddr_storage			 ss;
	struct msghdr				 m;
	struct cmsghdr				*c;
	struct iovec				 iov;
	ssize_t					 n;

	memset(e, 0, sizeof(*e));
	memset(&m, 0, sizeof(m));
	memset(&ss, 0, sizeof(ss));
	iov.iov_base = e->data;
	iov.iov_len = sizeof(e->data);
	m.msg_iov = &iov;
	m.msg_iovlen = 1;
	m.msg_name = &ss;
	m.msg_namelen = sizeof(ss);
	m.msg_control = control;
	m.msg_controllen = sizeof(control);
	if ((n = recvmsg(fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT)) == -1)
		return (-1);
	e->datalen = (size_t)n;
	if (ipaddr_from_sa(&e->dst, (struct sockaddr *)&ss) == 0)
		e->dport = sa_port((struct sockaddr *)&ss);
	for (c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
		if ((c->cmsg_level == IPPROTO_IP &&
		    c->cmsg_type == IP_RECVERR) ||
		    (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_RECVERR))
			read_extended(c, e);
	return (0);
}

void
hostfd_want_tos(int fd, uint8_t af)
{
	if (af == 4)
		hostfd_set(fd, IPPROTO_IP, IP_RECVTOS, 1);
	else
		hostfd_set(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
}

/* Older kernels do not know. */
void
hostfd_want_trains(int fd)
{
	hostfd_set(fd, IPPROTO_UDP, UDP_GRO, 1);
}

void
hostfd_fragments(int fd, uint8_t af, int may)
{
	if (af == 4)
		hostfd_set(fd, IPPROTO_IP, IP_MTU_DISCOVER,
		    may ? MTU_DONT : MTU_DO);
	else
		hostfd_set(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
		    may ? MTU_DONT : MTU_DO);
}

int
hostfd_trains(void)
{
	return (!no_gso);
}

void
hostfd_set_trains(int on)
{
	no_gso = !on;
}

static void
put(struct msghdr *m, int level, int type, const void *v,
    size_t len)
{
	struct cmsghdr	*c;

	c = (struct cmsghdr *)((uint8_t *)m->msg_control +
	    m->msg_controllen);
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), v, len);
	m->msg_controllen += CMSG_SPACE(len);
}

void
hostfd_segment(struct msghdr *m, uint16_t size)
{
	put(m, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
}

void
hostfd_put_header(int fd, struct msghdr *m, uint8_t af, int ttl, int tos)
{
	(void)fd;
	if (af == 4) {
		put(m, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
		put(m, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	} else {
		put(m, IPPROTO_IPV6, IPV6_HOPLIMIT, &ttl, sizeof(ttl));
		put(m, IPPROTO_IPV6, IPV6_TCLASS, &tos, sizeof(tos));
	}
}

void
hostfd_get_header(struct msghdr *m, struct dgram_opts *o)
{
	struct cmsghdr	*c;
	int		 v;

	for (c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
			o->tos = *CMSG_DATA(c);
		else if (c->cmsg_level == IPPROTO_IPV6 &&
		    c->cmsg_type == IPV6_TCLASS)
			memcpy(&o->tos, CMSG_DATA(c), sizeof(o->tos));
		else if (c->cmsg_level == IPPROTO_UDP &&
		    c->cmsg_type == UDP_GRO) {
			memcpy(&v, CMSG_DATA(c), sizeof(v));
			o->segment = v > 0 ? (size_t)v : 0;
		}
	}
}
