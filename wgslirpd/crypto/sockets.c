/* SPDX-License-Identifier: ISC */

/*
 * The WireGuard sockets: batches that come in, and trains that go out, which
 * are datagrams of one size to one endpoint, sent with one system call.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sockets.h"
#include "state.h"
#include "udpio.h"

#define RX_ROUNDS	32	/* receive calls a round */
#define RX_BYTES	(2U << 20)	/* and about so much in them */
#define TRAIN_MAX	65507	/* bytes */
#define TRAIN_SEGMENTS	64

struct udp_socket {
	int		 fd;
	int		 family;
	int		 dual;		/* IPv6 that also takes IPv4 */
	struct sockaddr_storage	 bound;
	struct event	*rev;
	struct event	*wev;
};

/* Datagrams that are ready to be sent in one call. */
struct train {
	struct wg_endpoint	 ep;
	size_t			 len;
	size_t			 segment;
	int			 count;
	int			 closed;	/* the last one was short */
	int			 tos;
	uint8_t			 buf[TRAIN_MAX + 1];
};

static struct udp_socket	 sock[MAX_LISTEN];
static int			 nsock;
static int			 blocked;	/* socket + 1 that is full */
static int			 rx_full;	/* more may wait outside */
static uint16_t			 port;
static struct train		 train;
static sockets_fn		*first;
static int			 staged[MAX_LISTEN];
static int			 nstaged;

static int
can_reach(const struct udp_socket *s, int family)
{
	return (s->family == family || (s->dual && family == AF_INET));
}

/* Send the train.  If the socket is full it stays, and nothing is taken. */
void
train_send(void)
{
	struct train		*t = &train;
	struct udp_socket	*s;
	uint32_t		 i = t->ep.sock;
	int			 family = t->ep.remote.sa.sa_family;

	if (t->count == 0 || blocked)
		return;
	if (i >= (uint32_t)nsock || !can_reach(&sock[i], family))
		for (i = 0; i < (uint32_t)nsock; i++)
			if (can_reach(&sock[i], family))
				break;
	if (i < (uint32_t)nsock) {
		s = &sock[i];
		if (udpio_send(s->fd, &t->ep, t->buf, t->len, t->segment,
		    t->tos, s->family == AF_INET6 && family == AF_INET) ==
		    -1) {
			if (errno == EAGAIN) {
				blocked = (int)i + 1;
				event_add(s->wev, NULL);
				return;
			}
			ce.dev->count.wg_drop_send += (uint64_t)t->count;
		} else {
			ce.dev->count.wg_tx_datagrams += (uint64_t)t->count;
			ce.dev->count.wg_tx_bytes += t->len;
		}
		ce.dev->count.wg_tx_batches++;
	} else
		ce.dev->count.wg_drop_send += (uint64_t)t->count;
	t->count = 0;
	t->len = 0;
	t->closed = 0;
}

/*
 * Room for a datagram of len bytes to an endpoint, at the end of the train or
 * in a new one; NULL if the network takes nothing now.
 */
uint8_t *
train_room(const struct wg_endpoint *ep, size_t len, int tos)
{
	struct train	*t = &train;

	if (len > TRAIN_MAX)
		return (NULL);
	if (t->count > 0 && (t->closed || len > t->segment ||
	    t->count == TRAIN_SEGMENTS || t->len + len > TRAIN_MAX ||
	    t->tos != tos || memcmp(&t->ep, ep, sizeof(*ep)) != 0)) {
		train_send();
		if (t->count > 0)
			return (NULL);
	}
	if (t->count == 0) {
		t->ep = *ep;
		t->tos = tos;
		t->segment = len;
	}
	return (t->buf + t->len);
}

/* The datagram for which there was room is complete. */
void
train_add(size_t len)
{
	struct train	*t = &train;

	t->len += len;
	t->count++;
	if (len < t->segment)
		t->closed = 1;
}

/* Bytes that wait in it. */
size_t
train_len(void)
{
	return (train.len);
}

/* Take what the network has, up to a few batches. */
static void
udp_readable(evutil_socket_t fd, short what, void *arg)
{
	struct udpio_rx	 rx[UDPIO_BATCH];
	uint32_t	 idx = (uint32_t)((struct udp_socket *)arg - sock);
	size_t		 off, n, bytes = 0;
	mono_t		 now;
	int		 i, k, r, full;

	(void)what;
	/* there may be much to open first */
	train_send();
	for (k = 0; k < RX_ROUNDS && bytes < RX_BYTES; k++) {
		if ((r = udpio_recv(fd, rx, &full)) == -1) {
			/* an ICMP error about something that we sent */
			if (errno != EAGAIN && errno != EINTR)
				continue;
			break;
		}
		now = mono_now();
		ce.dev->count.wg_rx_batches++;
		for (i = 0; i < r; i++) {
			rx[i].from.sock = idx;
			bytes += rx[i].len;
			for (off = 0; off < rx[i].len; off += n) {
				n = rx[i].len - off;
				if (n > rx[i].segment)
					n = rx[i].segment;
				if (first == NULL || !first(rx[i].buf + off,
				    n, &rx[i].from, rx[i].ecn, now))
					wg_input(ce.dev, rx[i].buf + off, n,
					    &rx[i].from, rx[i].ecn, now);
			}
		}
		if (!full)
			break;
		rx_full = 1;
	}
	/* there may be much to seal first */
	pktq_flush(&ce.in);
}

static void
udp_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	blocked = 0;
}

/* Peers are answered from where they were before, if it is still there. */
static void
keep_sockets(const struct udp_socket *old, int nold)
{
	uint32_t	 map[MAX_LISTEN];
	struct wg_peer	*p;
	int		 i, k;

	for (i = 0; i < nold; i++) {
		map[i] = WG_ANY_SOCK;
		for (k = 0; k < nsock; k++)
			if (sa_equal((const struct sockaddr *)&old[i].bound,
			    (struct sockaddr *)&sock[k].bound))
				map[i] = (uint32_t)k;
	}
	train.ep.sock = WG_ANY_SOCK;
	wg_forget_pending(ce.dev);
	TAILQ_FOREACH(p, &ce.dev->peers, entry)
		p->ep.sock = p->ep.sock < (uint32_t)nold ?
		    map[p->ep.sock] : WG_ANY_SOCK;
}

void
sockets_open(void)
{
	struct udp_socket	 old[MAX_LISTEN], *s;
	socklen_t		 len;
	int			 i, nold = nsock, v6only;

	train_send();
	memcpy(old, sock, sizeof(old));
	for (i = 0; i < nsock; i++) {
		event_free(sock[i].rev);
		event_free(sock[i].wev);
		close(sock[i].fd);
	}
	blocked = 0;
	nsock = nstaged;
	for (i = 0; i < nsock; i++) {
		s = &sock[i];
		s->fd = staged[i];
		len = sizeof(s->bound);
		memset(&s->bound, 0, sizeof(s->bound));
		if (getsockname(s->fd, (struct sockaddr *)&s->bound,
		    &len) == -1)
			fatal("getsockname");
		s->family = s->bound.ss_family;
		len = sizeof(v6only);
		s->dual = s->family == AF_INET6 && getsockopt(s->fd,
		    IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &len) == 0 && !v6only;
		if (i == 0)
			port = sa_port((struct sockaddr *)&s->bound);
		s->rev = event_new(evbase, s->fd, EV_READ | EV_PERSIST,
		    udp_readable, s);
		s->wev = event_new(evbase, s->fd, EV_WRITE, udp_writable, s);
		if (s->rev == NULL || s->wev == NULL)
			fatalx("event_new failed");
		if (ce.started)
			event_add(s->rev, NULL);
	}
	nstaged = 0;
	keep_sockets(old, nold);
}

void
sockets_first(sockets_fn *fn)
{
	first = fn;
}

/* One more socket of what is being staged; it is this module's then. */
void
sockets_stage(int fd)
{
	if (nstaged == MAX_LISTEN)
		fatalx("too many sockets");
	staged[nstaged++] = fd;
}

/* Was a socket staged since the last time they were opened? */
int
sockets_staged(void)
{
	return (nstaged > 0);
}

/* From now on read what comes. */
void
sockets_start(void)
{
	int	 i;

	for (i = 0; i < nsock; i++)
		event_add(sock[i].rev, NULL);
}

/* Does the network take nothing now? */
int
sockets_blocked(void)
{
	return (blocked);
}

/* Was there more to receive than one round takes?  Asked once a round. */
int
sockets_more(void)
{
	int	 more = rx_full;

	rx_full = 0;
	return (more);
}

/* The port that peers send to. */
uint16_t
sockets_port(void)
{
	return (port);
}
