/* SPDX-License-Identifier: ISC */

/*
 * The WireGuard sockets: batches that come in, and trains that go out, which
 * are datagrams of one size to one endpoint, sent with one system call.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "sockets.h"
#include "state.h"
#include "udpio.h"

#define RX_ROUNDS	32	/* receive calls a round */
#define SIDE_ROUNDS	8	/* of what is beside */
#define RX_BYTES	(2U << 20)	/* and about so much in them */
#define PORTION		64	/* datagrams of what anybody can send, */
#define CALM		16	/* and if there were more than that */
#define PAUSE		1000	/* microseconds until the next */
#define TRAIN_MAX	65507	/* bytes */
#define TRAIN_SEGMENTS	64

/* A socket beside another one, on the same port. */
struct side {
	struct udp_socket	*s;
	int			 fd;		/* -1: there is none */
	struct event		*ev;
	struct event		*pause;		/* until it is read again */
	uint32_t		 drops;		/* that were counted */
};

struct udp_socket {
	int		 fd;
	int		 family;
	int		 read;		/* it is this worker's to read */
	int		 dual;		/* IPv6 that also takes IPv4 */
	struct sockaddr_storage	 bound;
	struct event	*rev;
	struct event	*wev;
	struct side	 side[STEER_SIDES];
	uint32_t	 drops;
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
static sockets_relay_fn		*relay;
static int			 crowded;
static uint32_t			 opened;	/* so many times */
static struct {
	int	 fd;
	int	 read;
	int	 side[STEER_SIDES];
}				 staged[MAX_LISTEN];
static int			 nstaged;

/* Buffers that are received into; taking what is small interrupts the rest. */
enum {
	LANE_DATA,
	LANE_SIDE
};
#define CROWD		65536	/* bytes that others wait for, about */

static int
can_reach(const struct udp_socket *s, int family)
{
	return (s->family == family || (s->dual && family == AF_INET));
}

/* The train has gone, or was dropped. */
static void
train_over(void)
{
	train.count = 0;
	train.len = 0;
	train.closed = 0;
}

/* Those who are at a relay are sent to by the derp engine. */
static void
train_relay(void)
{
	struct train	*t = &train;

	if (relay == NULL || relay(&t->ep, t->buf, t->len, t->segment) == -1)
		ce.dev->count.wg_drop_relay += (uint64_t)t->count;
	else {
		ce.dev->count.wg_tx_datagrams += (uint64_t)t->count;
		ce.dev->count.wg_tx_bytes += t->len;
		ce.dev->count.wg_tx_batches++;
	}
	train_over();
}

/* Send the train.  If the socket is full it stays, and nothing is taken. */
void
train_send(void)
{
	struct train		*t = &train;
	struct udp_socket	*s;
	uint32_t		 i = t->ep.sock;
	int			 family = t->ep.remote.sa.sa_family;

	if (t->count > 0 && family == AF_RELAY) {
		train_relay();
		return;
	}
	if (t->count == 0 || blocked)
		return;
	if (i >= (uint32_t)nsock || !can_reach(&sock[i], family))
		for (i = 0; i < (uint32_t)nsock; i++)
			if (can_reach(&sock[i], family))
				break;
	if (i < (uint32_t)nsock) {
		s = &sock[i];
		if (udpsys_send(s->fd, &t->ep, t->buf, t->len, t->segment,
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
	train_over();
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

/* One buffer: the datagrams that the kernel has joined, each.  How many. */
static int
input(struct udpio_rx *rx, mono_t now)
{
	size_t	 off, n;
	int	 count = 0;

	for (off = 0; off < rx->len; off += n, count++) {
		n = rx->len - off < rx->segment ? rx->len - off : rx->segment;
		if (first == NULL || !first(rx->buf + off, n, &rx->from,
		    rx->ecn, now))
			wg_input(ce.dev, rx->buf + off, n, &rx->from, rx->ecn,
			    now);
	}
	return (count);
}

void
sockets_take(uint8_t *buf, size_t len, size_t segment,
    const struct wg_endpoint *from, mono_t now)
{
	struct udpio_rx	 rx;

	memset(&rx, 0, sizeof(rx));
	rx.buf = buf;
	rx.len = len;
	rx.segment = segment;
	rx.from = *from;
	(void)input(&rx, now);
}

void
sockets_relay(sockets_relay_fn *fn)
{
	relay = fn;
}

/*
 * Take what is at a socket, in so many batches at most, none of which begins
 * after so many datagrams; *many says whether that was not all.  Returns their
 * number.
 */
static int
take(struct udp_socket *s, int fd, int lane, int rounds, int most, int *many)
{
	int		 beside = lane == LANE_DATA ?
			    s->side[STEER_LIGHT].fd : -1;
	struct udpio_rx	 rx[UDPIO_BATCH];
	size_t		 bytes = 0, crowd = 0;
	mono_t		 now;
	int		 i, r, full, total = 0, more;

	*many = 0;
	for (; rounds > 0 && bytes < RX_BYTES && total < most; rounds--) {
		/* slots that the caches still have, before all the others */
		if (pktq_reclaim(&ce.in) == -1)
			fatalx("slirp broke the packet queue");
		if ((r = udpio_recv(fd, lane, rx, &full)) == -1) {
			/* an ICMP error about something that we sent */
			if (errno != EAGAIN && errno != EINTR)
				continue;
			return (total);
		}
		now = mono_now();
		ce.dev->count.wg_rx_batches++;
		for (i = 0; i < r; i++) {
			/* who sends little does not wait behind who does not */
			crowd += rx[i].len;
			if (crowd > CROWD) {
				crowd = 0;
				if (beside != -1 && crowded &&
				    take(s, beside, LANE_SIDE, 1, INT_MAX,
				    &more) > 0)
					pktq_flush(&ce.in);
			}
			rx[i].from.sock = (uint32_t)(s - sock);
			bytes += rx[i].len;
			total += input(&rx[i], now);
		}
		if (!full)
			return (total);
	}
	*many = 1;
	return (total);
}

/* Take what the network has, up to a few batches. */
static void
udp_readable(evutil_socket_t fd, short what, void *arg)
{
	int	 many;

	(void)what;
	/* there may be much to open first */
	train_send();
	(void)take(arg, fd, LANE_DATA, RX_ROUNDS, INT_MAX, &many);
	if (many)
		rx_full = 1;
	/* there may be much to seal first */
	pktq_flush(&ce.in);
}

static void
light_readable(evutil_socket_t fd, short what, void *arg)
{
	struct side	*b = arg;
	int		 many;

	(void)what;
	(void)take(b->s, fd, LANE_SIDE, SIDE_ROUNDS, INT_MAX, &many);
	if (many)
		rx_full = 1;
	pktq_flush(&ce.in);
}

/*
 * What anybody can send is taken in portions: about so much of it in a
 * millisecond, however much comes.  What a session's key has sealed is none of
 * that: the kernel does not know the session yet.
 */
static void
portion_readable(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 tv = { 0, PAUSE };
	struct side			*b = arg;
	uint64_t			 n, sealed = ce.dev->count.wg_rx_genuine;
	int				 many;

	(void)fd;
	(void)what;
	n = (uint64_t)take(b->s, b->fd, LANE_SIDE, SIDE_ROUNDS, PORTION,
	    &many);
	sealed = ce.dev->count.wg_rx_genuine - sealed;
	if (n > CALM + sealed) {
		ce.dev->count.wg_rx_pauses++;
		event_del(b->ev);
		event_add(b->pause, &tv);
	} else if (many)
		rx_full = 1;
	pktq_flush(&ce.in);
}

static void
side_again(evutil_socket_t fd, short what, void *arg)
{
	struct side	*b = arg;

	(void)fd;
	(void)what;
	event_add(b->ev, NULL);
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

/* What the kernel has dropped of a socket since it was asked last. */
static uint32_t
new_drops(int fd, uint32_t *before)
{
	uint32_t	 n = udpsys_drops(fd), d = n - *before;

	*before = n;
	return (d);
}

/* Datagrams that the kernel dropped since this was asked last. */
uint64_t
sockets_drops(void)
{
	struct udp_socket	*s;
	uint64_t		 n = 0;
	int			 i;

	for (s = sock; s < sock + nsock; s++) {
		if (s->read)
			n += new_drops(s->fd, &s->drops);
		for (i = 0; i < STEER_SIDES; i++)
			if (s->side[i].fd != -1)
				n += new_drops(s->side[i].fd,
				    &s->side[i].drops);
	}
	return (n);
}

static void
close_sides(struct udp_socket *s)
{
	struct side	*b;

	for (b = s->side; b < s->side + STEER_SIDES; b++) {
		if (b->ev != NULL)
			event_free(b->ev);
		if (b->pause != NULL)
			event_free(b->pause);
		if (b->fd != -1)
			close(b->fd);
	}
}

/* The last one is never read. */
static void
open_sides(struct udp_socket *s, const int fd[STEER_SIDES])
{
	static const event_callback_fn	 fn[STEER_JUNK] = {
		portion_readable, portion_readable, light_readable
	};
	struct side			*b;
	int				 i;

	for (i = 0; i < STEER_SIDES; i++) {
		b = &s->side[i];
		memset(b, 0, sizeof(*b));
		b->s = s;
		b->fd = fd[i];
		if (b->fd == -1 || i == STEER_JUNK)
			continue;
		b->ev = event_new(evbase, b->fd, EV_READ | EV_PERSIST, fn[i],
		    b);
		b->pause = evtimer_new(evbase, side_again, b);
		if (b->ev == NULL || b->pause == NULL)
			fatalx("event_new failed");
	}
}

static void
listen_to(struct udp_socket *s)
{
	int	 i;

	if (s->read)
		event_add(s->rev, NULL);
	for (i = 0; i < STEER_SIDES; i++)
		if (s->side[i].ev != NULL)
			event_add(s->side[i].ev, NULL);
}

void
sockets_open(void)
{
	struct udp_socket	 old[MAX_LISTEN], *s;
	socklen_t		 len;
	int			 i, nold = nsock, v6only;

	train_send();
	ce.dev->count.wg_drop_kernel += sockets_drops();
	memcpy(old, sock, sizeof(old));
	memset(sock, 0, sizeof(sock));
	for (i = 0; i < nold; i++) {
		event_free(old[i].rev);
		event_free(old[i].wev);
		close(old[i].fd);
		close_sides(&old[i]);
	}
	blocked = 0;
	nsock = nstaged;
	for (i = 0; i < nsock; i++) {
		s = &sock[i];
		s->fd = staged[i].fd;
		s->read = staged[i].read;
		udpsys_new(s->fd);
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
		open_sides(s, staged[i].side);
		if (ce.started)
			listen_to(s);
	}
	nstaged = 0;
	(void)sockets_drops();	/* before they were ours */
	opened++;
	keep_sockets(old, nold);
}

void
sockets_first(sockets_fn *fn)
{
	first = fn;
}

/* Grows when there are other sockets. */
uint32_t
sockets_opened(void)
{
	return (opened);
}

/* Do some send so much that others had better be read between? */
void
sockets_crowd(int on)
{
	crowded = on;
}

/*
 * One more socket of what is being staged, to read from or only to send with;
 * it is this module's then.
 */
void
sockets_stage(int fd, int read)
{
	if (nstaged == MAX_LISTEN)
		fatalx("too many sockets");
	memset(staged[nstaged].side, -1, sizeof(staged[nstaged].side));
	staged[nstaged].read = read;
	staged[nstaged++].fd = fd;
}

/* One that is beside the last one, on the same port. */
void
sockets_stage_side(uint32_t side, int fd)
{
	if (nstaged == 0 || side >= STEER_SIDES ||
	    staged[nstaged - 1].side[side] != -1)
		fatalx("a socket beside none");
	staged[nstaged - 1].side[side] = fd;
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
		listen_to(&sock[i]);
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

/* Does the kernel give each worker what is its own? */
int
sockets_steered(void)
{
	int	 i;

	for (i = 0; i < nsock; i++)
		if (sock[i].side[STEER_HANDSHAKE].fd == -1)
			return (0);
	return (1);
}

uint32_t
sockets_count(void)
{
	return ((uint32_t)nsock);
}

/* The port that peers send to. */
uint16_t
sockets_port(void)
{
	return (port);
}
