/* SPDX-License-Identifier: ISC */

/*
 * A client of the proxy, whichever protocol it speaks: its socket, and where
 * it wants to go.
 *
 * A request is looked at in the socket, and exactly its bytes are taken
 * out; what follows is the connection's own, and stays there for the flow
 * that gets the socket.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <openssl/crypto.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "far.h"
#include "fds.h"
#include "lookup.h"
#include "proxyconn.h"
#include "route.h"
#include "tcp/dial.h"
#include "tunnelnames.h"

static struct slirp	*engine;

struct proxy_list	 proxy_clients = TAILQ_HEAD_INITIALIZER(proxy_clients);

static void	 try_next(struct proxy *);

void
proxy_conn_init(struct slirp *s)
{
	engine = s;
}

/*
 * Close a client's socket.  What it has sent is read first: otherwise it
 * would get a reset instead of the last answer.
 */
static void
hang_up(int fd)
{
	uint8_t	 b[4096];
	int	 i;

	for (i = 0; i < 16 && recv(fd, b, sizeof(b), MSG_DONTWAIT) > 0; i++)
		continue;
	close(fd);
}

/*
 * The client is done with: its socket is closed, or a flow's by now.  What
 * is to call back is counted until it has.
 */
void
proxy_free(struct proxy *x, int close_fd)
{
	if (x->ev != NULL)
		event_free(x->ev);
	if (x->timer != NULL)
		event_free(x->timer);
	x->ev = x->timer = NULL;
	if (x->fd != -1) {
		if (close_fd)
			hang_up(x->fd);
		fds_give();
	}
	x->fd = -1;
	if (x->assoc != NULL) {
		listener_free(x->assoc);
		fds_give();
	}
	x->assoc = NULL;
	if (!x->dead)
		TAILQ_REMOVE(&proxy_clients, x, entry);
	x->dead = 1;
	if (x->lookup != NULL)
		lookup_cancel(x->lookup);
	x->lookup = NULL;
	if (x->busy)
		return;
	(*x->counted)--;
	free(x);
}

/* Send a few bytes; the socket's buffer is empty, so they fit. */
void
proxy_say(int fd, const void *data, size_t len)
{
	(void)send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Tell the client that it gets nothing, by an errno, and why. */
void
proxy_fail(struct proxy *x, int error)
{
	x->answer(x->fd, error);
	proxy_free(x, 1);
}

/* A destination has a peer, or not. */
static void
routed(void *arg, const struct routed *to)
{
	struct proxy	*x = arg;
	int		 fd = x->fd;

	x->busy = 0;
	if (x->dead) {
		proxy_free(x, 1);
		return;
	}
	engine->now = mono_now();
	if (route_is_far(to) && far_connection(to, &x->addrs[x->next - 1],
	    x->port, x->via, fd) == 0) {
		proxy_free(x, 0);
		close(fd);
		return;
	}
	if (to->p == NULL) {
		try_next(x);
		return;
	}
	if (tcp_dial(engine, to->p, &x->addrs[x->next - 1], x->port, x->via,
	    x->fd) == -1)
		try_next(x);
	else
		proxy_free(x, 0);
}

/* Ask whether the next address of the destination is in the tunnel. */
static void
try_next(struct proxy *x)
{
	if (x->next >= x->naddrs) {
		proxy_fail(x, EHOSTUNREACH);
		return;
	}
	x->state = PX_ROUTING;
	if (route_ask(&x->addrs[x->next++], routed, x) == -1)
		proxy_fail(x, ENOBUFS);
	else
		x->busy = 1;
}

static void
resolved(void *arg, const struct ipaddr *a, size_t n, const char *error)
{
	struct proxy	*x = arg;

	(void)error;
	x->lookup = NULL;
	for (; n > 0 && x->naddrs < PROXY_ADDRS; n--)
		x->addrs[x->naddrs++] = *a++;
	try_next(x);
}

/* The destination is known by address or name. */
void
proxy_go(struct proxy *x, const char *host, uint16_t port)
{
	uint8_t	 b;

	x->port = port;
	/* its end came with the request, and no other event will */
	if (recv(x->fd, &b, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
		proxy_free(x, 1);
		return;
	}
	if (ipaddr_parse(&x->addrs[0], host) == 0) {
		x->naddrs = 1;
		try_next(x);
		return;
	}
	if (!host_name_ok(host)) {
		proxy_fail(x, EINVAL);
		return;
	}
	if ((x->naddrs = names_local(host, x->addrs, PROXY_ADDRS)) != -1) {
		try_next(x);
		return;
	}
	x->naddrs = 0;
	x->state = PX_RESOLVING;
	lookup_name(host, resolved, x, &x->lookup);
}

/*
 * Take len bytes out of the socket, if they are there.  Returns 0 if they
 * have to be waited for, -1 if the client is gone.
 */
int
proxy_take(struct proxy *x, uint8_t *buf, size_t len)
{
	ssize_t	 n;

	n = recv(x->fd, buf, len, MSG_PEEK | MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	if (n <= 0)
		return (-1);
	if ((size_t)n < len)
		return (0);
	return (recv(x->fd, buf, len, MSG_DONTWAIT) == (ssize_t)len ? 1 : -1);
}

/* Look at up to len bytes of the socket, and leave them there. */
ssize_t
proxy_peek(struct proxy *x, uint8_t *buf, size_t len)
{
	ssize_t	 n;

	n = recv(x->fd, buf, len, MSG_PEEK | MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	return (n > 0 ? n : -1);
}

/* Compare all of both, whatever they are. */
static int
same_secret(const char *a, size_t alen, const char *b)
{
	char	 x[USER_LEN], y[USER_LEN];
	int	 same;

	memset(x, 0, sizeof(x));
	memset(y, 0, sizeof(y));
	if (alen >= sizeof(x))
		return (0);
	memcpy(x, a, alen);
	strlcpy(y, b, sizeof(y));
	same = CRYPTO_memcmp(x, y, sizeof(x)) == 0;
	explicit_bzero(x, sizeof(x));
	explicit_bzero(y, sizeof(y));
	return (same);
}

int
proxy_may_use(const struct fwd_listener *l, const char *name, size_t nlen,
    const char *pass, size_t plen)
{
	size_t	 i;
	int	 ok = 0;

	for (i = 0; i < l->nusers; i++)
		ok |= same_secret(name, nlen, l->users[i].name) &
		    same_secret(pass, plen, l->users[i].password);
	return (ok);
}
