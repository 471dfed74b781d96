/* SPDX-License-Identifier: ISC */

/*
 * Descriptors of the host layer: how they are made and watched, and what they
 * are set to.
 */

#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/socket.h>
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

static struct slirp	*engine;
static hostsock_event_fn	*tell;
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
hostfd_init(struct slirp *s, hostsock_event_fn *fn)
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
hostfd_watch(const struct flow *f, int fd, uint32_t events)
{
	struct epoll_event	 ev;

	memset(&ev, 0, sizeof(ev));
	ev.events = events | EPOLLET;
	ev.data.u64 = flow_id(f);
	if (epoll_ctl(flows_ep, EPOLL_CTL_ADD, fd, &ev) == -1) {
		errno = ENOMEM;
		return (-1);
	}
	return (0);
}

/* Watch a socket for the flow, which owns the descriptor from then on. */
int
hostfd_attach(struct flow *f, int fd, uint32_t events)
{
	if (hostfd_watch(f, fd, events) == -1)
		return (-1);
	f->fd = fd;
	return (0);
}

/* The same; on failure the descriptor is closed. */
int
hostfd_attach_or_close(struct flow *f, int fd, uint32_t events)
{
	if (hostfd_attach(f, fd, events) == 0)
		return (0);
	close(fd);
	errno = ENOMEM;
	return (-1);
}

static struct conf_tcp	 opts;		/* as configured */

/* The congestion control toward hosts; -1: the kernel has it not, for us. */
static int
set_congestion(int fd, uint8_t cc)
{
	const char	*name = tcpconf_host_cc[cc];

	return (setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name,
	    (socklen_t)strlen(name)));
}

/* What TCP sockets get that are opened from now on. */
void
hostsock_options(const struct conf_tcp *c)
{
	int	 fd;

	if (c->host_cc != 0 && c->host_cc != opts.host_cc &&
	    (fd = hostfd_new(4, SOCK_STREAM, IPPROTO_TCP)) != -1) {
		if (set_congestion(fd, c->host_cc) == -1)
			log_warnx("upstream congestion %s: this kernel does "
			    "not let us; the system's is used",
			    tcpconf_host_cc[c->host_cc]);
		close(fd);
	}
	opts = *c;
}

void
hostfd_tcp_options(int fd)
{
	hostfd_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	/* a server that is gone would be the guest's connection for ever */
	if (opts.host_idle != 0) {
		hostfd_set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
		hostfd_set(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)opts.host_idle);
	}
	if (opts.host_timeout != 0)
		hostfd_set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT,
		    (int)opts.host_timeout * 1000);
	if (opts.rcvbuf != 0)
		hostfd_set(fd, SOL_SOCKET, SO_RCVBUF, (int)opts.rcvbuf);
	if (opts.sndbuf != 0)
		hostfd_set(fd, SOL_SOCKET, SO_SNDBUF, (int)opts.sndbuf);
	if (opts.host_cc != 0)
		(void)set_congestion(fd, opts.host_cc);
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

void
hostfd_control(struct msghdr *m, int level, int type, const void *v,
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
	hostfd_control(m, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size));
}
