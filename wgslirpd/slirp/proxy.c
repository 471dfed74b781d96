/* SPDX-License-Identifier: ISC */

/*
 * The proxy for programs of the host that want to reach the tunnel: SOCKS5 and
 * HTTP CONNECT on the same port.  A client has a short time for its request.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <openssl/crypto.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "fds.h"
#include "forward.h"
#include "httpconnect.h"
#include "proc.h"
#include "proxy.h"
#include "proxyconn.h"
#include "socks.h"

#define MAX_CLIENTS	128	/* whose request is under way */
#define REQUEST_TIME	20	/* seconds */

static struct slirp	*engine;
static int		 nclients;

void
proxy_init(struct slirp *s)
{
	engine = s;
	proxy_conn_init(s);
	socks_init(s);
	httpconnect_init(s);
}

/* Tell a client what became of its connection. */
void
proxy_answered(int fd, enum flow_via via, int error)
{
	uint8_t	 b[4096];
	int	 i;

	/* what it has sent already would turn the answer into a reset */
	for (i = 0; error != 0 && i < 16 && recv(fd, b, sizeof(b),
	    MSG_DONTWAIT) > 0; i++)
		continue;
	if (via == VIA_HTTP)
		httpconnect_answer(fd, error);
	else
		socks_answer(fd, error);
}

/* Which of the two protocols it is shows in the first byte. */
static int
step(struct proxy *x)
{
	uint8_t	 b;
	ssize_t	 n;

	switch (x->state) {
	case PX_GREETING:
		if ((n = proxy_peek(x, &b, 1)) < 1)
			return ((int)n);
		return (b == SOCKS_VERSION ? socks_step(x) :
		    httpconnect_step(x));
	case PX_PASSWORD:
	case PX_REQUEST:
		return (socks_step(x));
	default:
		break;
	}
	/* it may send before it is answered, but it has to be there */
	return (proxy_peek(x, &b, 1) == -1 ? -1 : 0);
}

static void
client_event(evutil_socket_t fd, short what, void *arg)
{
	struct proxy	*x = arg;
	uint8_t		 b[64];
	int		 r;

	(void)fd;
	(void)what;
	engine->now = mono_now();
	if (x->state == PX_ASSOCIATED) {
		/* the association lives as long as the connection */
		r = (int)recv(x->fd, b, sizeof(b), MSG_DONTWAIT);
		if (r == 0 || (r == -1 && errno != EAGAIN && errno != EINTR))
			proxy_free(x, 1);
		return;
	}
	do {
		r = step(x);
	} while (r == 1);
	if (r == -1)
		proxy_free(x, 1);
}

static void
client_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	proxy_free(arg, 1);
}

static void
proxy_readable(struct fwd_listener *l)
{
	struct timeval	 tv = { REQUEST_TIME, 0 };
	struct ipaddr	 client;
	struct proxy	*x;
	int		 fd;

	engine->now = mono_now();
	if ((fd = forward_accept(l, &client)) == -1)
		return;
	if (nclients >= MAX_CLIENTS || fds_take() == -1) {
		engine->count.forward_refused++;
		close(fd);
		return;
	}
	if ((x = calloc(1, sizeof(*x))) == NULL) {
		fds_give();
		close(fd);
		return;
	}
	x->l = l;
	x->fd = fd;
	x->via = VIA_SOCKS;
	x->answer = socks_answer;
	x->counted = &nclients;
	x->client = client;
	TAILQ_INSERT_TAIL(&proxy_clients, x, entry);
	nclients++;
	/* part of a request may wait for the rest: only news counts */
	x->ev = event_new(evbase, fd, EV_READ | EV_PERSIST | EV_ET,
	    client_event, x);
	x->timer = evtimer_new(evbase, client_timeout, x);
	if (x->ev == NULL || x->timer == NULL ||
	    event_add(x->ev, NULL) == -1 || event_add(x->timer, &tv) == -1)
		proxy_free(x, 1);
}

static int
same_users(const struct fwd_listener *a, const struct fwd_listener *b)
{
	return (a->nusers == b->nusers && (a->nusers == 0 ||
	    CRYPTO_memcmp(a->users, b->users, a->nusers *
	    sizeof(*a->users)) == 0));
}

/* The listener has a new form: its clients go on if they still may. */
static void
proxy_take_over(struct fwd_listener *l, struct fwd_listener *old)
{
	struct proxy	*x;

	TAILQ_FOREACH(x, &proxy_clients, entry)
		if (x->l == old && listener_allowed(l, &x->client) &&
		    same_users(l, old))
			x->l = l;
}

/* It listens no more: what came through it ends, save connections. */
static void
proxy_gone(struct fwd_listener *l)
{
	struct proxy	*x, *next;

	TAILQ_FOREACH_SAFE(x, &proxy_clients, entry, next) {
		if (x->l != l)
			continue;
		x->l = NULL;
		proxy_free(x, 1);
	}
}

const struct listener_ops	 proxy_ops = {
	.readable = proxy_readable,
	.take_over = proxy_take_over,
	.gone = proxy_gone
};
