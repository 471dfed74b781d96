/* SPDX-License-Identifier: ISC */

/*
 * Connections of clients of the host on their way into the tunnel.  The parent
 * has bound the sockets.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <stdlib.h>
#include <unistd.h>

#include "far.h"
#include "fds.h"
#include "forward.h"
#include "route.h"
#include "tcp/dial.h"

/* A connection that waits until it is known who gets it. */
struct waiting {
	struct ipaddr	 dst;
	uint16_t	 dport;
	int		 fd;
};

static struct slirp	*engine;

void
forward_init(struct slirp *s)
{
	engine = s;
}

void
forward_refuse(int fd)
{
	struct linger	 l = { 1, 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

/*
 * Accept a client that may use the listener; its address goes to a.  -1 if
 * there is none.
 */
int
forward_accept(struct fwd_listener *l, struct ipaddr *a)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sizeof(ss);
	int			 fd, on = 1;

	if ((fd = listener_accept(l)) == -1)
		return (-1);
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    ipaddr_from_sa(a, (struct sockaddr *)&ss) == -1) {
		close(fd);
		return (-1);
	}
	if (!listener_allowed(l, a)) {
		engine->count.forward_refused++;
		forward_refuse(fd);
		return (-1);
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return (fd);
}

static void
routed(void *arg, const struct routed *to)
{
	struct waiting	*w = arg;

	engine->now = mono_now();
	if (route_is_far(to) && far_connection(to, &w->dst, w->dport,
	    VIA_FORWARD, w->fd) == 0)
		close(w->fd);
	else if (to->p == NULL || tcp_dial(engine, to->p, &w->dst, w->dport,
	    VIA_FORWARD, w->fd) == -1)
		forward_refuse(w->fd);
	fds_give();
	free(w);
}

static void
forward_tcp(struct fwd_listener *l, int fd)
{
	struct waiting	*w;

	if (fds_take() == -1) {
		forward_refuse(fd);
		return;
	}
	if ((w = calloc(1, sizeof(*w))) != NULL) {
		w->fd = fd;
		w->dst = l->s.dst;
		w->dport = l->s.dport;
		if (route_ask(&w->dst, routed, w) == 0)
			return;
	}
	fds_give();
	free(w);
	forward_refuse(fd);
}

static void
tcp_readable(struct fwd_listener *l)
{
	struct ipaddr	 a;
	int		 fd;

	engine->now = mono_now();
	if ((fd = forward_accept(l, &a)) != -1)
		forward_tcp(l, fd);
}

/* Its connections are flows by now, and go on. */
static void
tcp_gone(struct fwd_listener *l)
{
	(void)l;
}

static void
tcp_take_over(struct fwd_listener *l, struct fwd_listener *old)
{
	(void)l;
	(void)old;
}

const struct listener_ops	 forward_tcp_ops = {
	.readable = tcp_readable,
	.take_over = tcp_take_over,
	.gone = tcp_gone
};
