/* SPDX-License-Identifier: ISC */

/*
 * A load on a gateway: many WireGuard clients in one process, each with
 * its own device from our protocol modules, and the simplest TCP and UDP
 * that a guest can have.  It batches as the gateway does, so that it is
 * not what is measured.
 *
 * usage: load serve PORT
 *	  load ping PORT
 *	  load KIND KEYS GATEWAY-KEY GATEWAY-PORT TARGET PORT CLIENTS FLOWS
 *	      SECONDS [WINDOW]
 *
 * serve: on loopback, PORT takes everything, PORT + 1 sends without end,
 * PORT + 2 echoes datagrams, PORT + 3 closes when the client does.
 * ping: round trips to that without a gateway, median in microseconds.
 * KIND: up, down, udp, rtt, connect, hold (so many connections, and nothing
 * on them), peers (one to the other).
 * WINDOW is what a connection may have under way in bytes, for gateways
 * with short queues; there is no recovery here that deserves the name.
 * KEYS is a file with a private key on each line; client i has the address
 * 10.77.1.i.  With ":N" behind it the first N are somebody else's.
 *
 * "begin" and "end" on standard output enclose the time that counts; the
 * last line has what was done: bytes, packets, and of round trips the
 * 50th and 99th percentile in microseconds.
 */

#include <sys/types.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "key.h"
#include "slirp/net/bytes.h"
#include "slirp/net/cksum.h"
#include "slirp/net/packet.h"
#include "slirp/net/slirp.h"
#include "crypto/udpio.h"
#include "crypto/wg/device.h"
#include "crypto/wg/limit.h"
#include "crypto/wg/output.h"
#include "crypto/wg/overlay.h"

#define MSS		1380
#define TRAIN		45
#define INFLIGHT	(1U << 20)	/* bytes of a flow that are under way */
#define SCALE		7		/* of the window that is offered */
#define UDP_WINDOW	256		/* datagrams, of all flows */
#define UDP_SIZE	1200
#define MAX_RTTS	(1 << 20)
#define TH_FIN		0x01
#define TH_SYN		0x02
#define TH_RST		0x04
#define TH_ACK		0x10

enum kind { UP, DOWN, UDP, RTT, CONNECT, HOLD, PEERS, KINDS };
static const char *const kinds[] = { "up", "down", "udp", "rtt",
	"connect", "hold", "peers" };

struct client {
	struct wg_device	*dev;
	struct wg_peer		*peer;
	int			 fd;
	uint8_t			 addr[4];
	struct gflow		*byport[65536];
	/* a train that is being made */
	struct wg_endpoint	 ep;
	size_t			 len;
	size_t			 segment;
	int			 count;
	int			 closed;
	uint8_t			 buf[65536];
};

enum fstate { F_IDLE, F_SYN, F_OPEN, F_FIN };

struct gflow {
	struct client	*c;
	enum fstate	 state;
	int		 udp;
	uint16_t	 sport;
	uint16_t	 dport;
	uint32_t	 una, nxt, rcv, wnd;
	uint8_t		 scale;		/* of wnd */
	uint8_t		 scales;	/* both sides do */
	mono_t		 moved;		/* una did, or a datagram came */
	int		 out;		/* datagrams under way */
	int		 ack;		/* is owed */
	mono_t		 sent;
};

static enum kind	 kind;
static struct client	*clients;
static struct gflow	*flows;
static int		 nclients, nflows;
static uint32_t		 inflight = INFLIGHT, offered = 65535U << SCALE;
static uint8_t		 target[4];
static mono_t		 now;
static double		 bytes, packets;
static uint32_t		*rtts;
static int		 nrtts, counting, opening, open_flows;
static uint16_t		 next_port = 1024;
static uint8_t		 rxbuf[2048];

static uint8_t *
op_rx_buf(void *arg, size_t len)
{
	(void)arg;
	return (len <= sizeof(rxbuf) ? rxbuf : NULL);
}

static void
train_send(struct client *c)
{
	if (c->count > 0)
		(void)udpsys_send(c->fd, &c->ep, c->buf, c->len, c->segment,
		    0, 0);
	c->count = 0;
	c->len = 0;
	c->closed = 0;
}

static uint8_t *
op_tx_buf(void *arg, const struct wg_endpoint *ep, size_t len, int tos)
{
	struct client	*c = arg;

	(void)tos;
	if (c->count > 0 && (c->closed || len > c->segment ||
	    c->len + len > 65507 || c->count == 64))
		train_send(c);
	if (c->count == 0) {
		c->ep = *ep;
		c->segment = len;
	}
	return (c->buf + c->len);
}

static void
op_tx_done(void *arg, size_t len)
{
	struct client	*c = arg;

	c->len += len;
	c->count++;
	if (len < c->segment)
		c->closed = 1;
}

static void
op_wall(void *arg, struct timespec *ts)
{
	(void)arg;
	clock_gettime(CLOCK_REALTIME, ts);
}

static void
op_random(void *arg, void *p, size_t len)
{
	(void)arg;
	rand_bytes(p, len);
}

/* Send a packet of a flow: header fields, then len bytes of zeros. */
static void
send_packet(struct gflow *f, const uint8_t dst[4], uint8_t flags,
    uint32_t seq, size_t len)
{
	static uint8_t	 p[2048];
	uint8_t		*t = p + 20;
	size_t		 h = f->udp ? 8 : flags & TH_SYN ? 28 : 20;
	struct ipaddr	 a, b;
	uint16_t	 c;

	memset(p, 0, 48);
	p[0] = 0x45;
	put16(p + 2, (uint32_t)(20 + h + len));
	p[6] = 0x40;
	p[8] = 64;
	p[9] = f->udp ? IPPROTO_UDP : IPPROTO_TCP;
	memcpy(p + 12, f->c->addr, 4);
	memcpy(p + 16, dst, 4);
	c = cksum_fold(cksum_add(p, 20, 0));
	memcpy(p + 10, &c, 2);
	put16(t, f->sport);
	put16(t + 2, f->dport);
	if (f->udp)
		put16(t + 4, (uint32_t)(8 + len));	/* no checksum */
	else {
		put32(t + 4, seq);
		put32(t + 8, flags & TH_ACK ? f->rcv : 0);
		t[12] = (uint8_t)(h / 4 << 4);
		t[13] = flags;
		put16(t + 14, f->scales ? offered >> SCALE :
		    offered < 65535 ? offered : 65535);
		if (flags & TH_SYN) {
			memcpy(t + 20, "\2\4\x05\x64\1\3\3\7", 8);
			f->wnd = 0;
		}
		ipaddr_from4(&a, f->c->addr);
		ipaddr_from4(&b, dst);
		/* the payload is zeros */
		c = cksum_fold(cksum_add(t, h, cksum_pseudo(&a, &b,
		    IPPROTO_TCP, h + len)));
		memcpy(t + 16, &c, 2);
	}
	memset(p + 20 + h, 0, len);
	(void)wg_output(f->c->dev, f->c->peer, p, 20 + h + len, 0, now);
	f->ack = 0;
}

static void
begin_connect(struct gflow *f)
{
	if (f->state == F_IDLE)
		opening++;
	f->state = F_SYN;
	f->una = f->nxt = arc4random();
	f->moved = now;
	/* the one before may still be remembered */
	f->c->byport[f->sport] = NULL;
	do {
		f->sport = next_port;
		next_port = (uint16_t)(next_port == 65535 ? 1024 :
		    next_port + 1);
	} while (f->c->byport[f->sport] != NULL);
	f->c->byport[f->sport] = f;
	send_packet(f, target, TH_SYN, f->nxt++, 0);
}

/* Does a SYN scale windows, and by how much?  RFC 7323 2.2. */
static uint8_t
wscale(const uint8_t *t, size_t h, uint8_t *scale)
{
	size_t	 i;

	for (i = 20; i + 2 < h && t[i] != 0;
	    i += t[i] == 1 ? 1 : t[i + 1] < 2 ? h : t[i + 1])
		if (t[i] == 3) {
			*scale = t[i + 2];
			return (1);
		}
	*scale = 0;
	return (0);
}

static void
tcp_segment(struct gflow *f, const uint8_t *t, size_t len)
{
	uint32_t	 seq = be32(t + 4), ack = be32(t + 8);
	uint8_t		 flags = t[13];
	size_t		 h = (size_t)(t[12] >> 4) * 4;

	len -= h;
	if (flags & TH_RST) {
		if (kind != CONNECT)
			errx(1, "a connection was reset");
		f->state = F_IDLE;
		return;
	}
	if (f->state == F_SYN && flags & TH_SYN) {
		opening--;
		open_flows++;
		f->rcv = seq + 1;
		f->una = ack;
		f->state = F_OPEN;
		f->moved = now;
		f->wnd = be16(t + 14);
		f->scales = wscale(t, h, &f->scale);
		if (kind == CONNECT) {
			f->state = F_FIN;
			send_packet(f, target, TH_ACK | TH_FIN, f->nxt++, 0);
		} else
			f->ack = 1;
		return;
	}
	if (f->state != F_OPEN && f->state != F_FIN)
		return;
	f->wnd = (uint32_t)be16(t + 14) << f->scale;
	if ((int32_t)(ack - f->una) > 0) {
		if (kind == UP && counting) {
			bytes += ack - f->una;
			packets += (double)(ack - f->una) / MSS;
		}
		f->una = ack;
		f->moved = now;
	}
	if (len > 0) {
		if (seq == f->rcv) {
			f->rcv += (uint32_t)len;
			if (counting && kind == DOWN) {
				bytes += (double)len;
				packets++;
			}
		}
		f->ack = 1;
	}
	if (flags & TH_FIN && seq + len == f->rcv) {
		f->rcv++;
		send_packet(f, target, TH_ACK, f->nxt, 0);
		if (counting)
			packets++;
		f->state = F_IDLE;
	}
}

static void
op_rx_done(void *arg, struct wg_peer *p, size_t len, mono_t t)
{
	const uint8_t	*l4 = rxbuf + 20;
	struct client	*c = arg;
	struct gflow	*f;

	(void)p;
	(void)t;
	if (len < 40 - 12 || (rxbuf[9] != IPPROTO_TCP &&
	    rxbuf[9] != IPPROTO_UDP))
		return;
	f = c->byport[be16(l4 + 2)];
	if (kind == PEERS) {
		if (counting) {
			bytes += (double)len;
			packets++;
		}
		flows[0].out--;
		flows[0].moved = now;
		return;
	}
	if (f == NULL || f->udp != (rxbuf[9] == IPPROTO_UDP))
		return;
	if (!f->udp) {
		tcp_segment(f, l4, len - 20);
		return;
	}
	f->out--;
	f->moved = now;
	if (kind == UDP && counting) {
		bytes += 2.0 * UDP_SIZE;
		packets += 2;
	}
	if (kind == RTT && counting && nrtts < MAX_RTTS)
		rtts[nrtts++] = (uint32_t)MONO_TO_US(mono_now() - f->sent);
}

static const struct wg_ops	 ops = { op_rx_buf, op_rx_done, op_tx_buf,
	op_tx_done, op_wall, op_random, NULL, NULL, NULL, NULL,
	NULL, NULL, NULL };

/* Let a flow send what it may; returns whether it did. */
static int
flow_send(struct gflow *f)
{
	uint32_t	 room;
	int		 i;

	if (f->udp) {
		if (now - f->moved > MONO_MS(200))
			f->out = 0;		/* they are lost */
		if (kind == UDP) {
			for (i = 0; f->out < UDP_WINDOW / nflows &&
			    i < TRAIN; i++, f->out++)
				send_packet(f, target, 0, 0, UDP_SIZE);
			return (i > 0);
		}
		/* one small datagram a millisecond */
		if (f->out > 0 || now - f->sent < MONO_MS(1))
			return (0);
		f->sent = mono_now();
		f->moved = now;
		f->out = 1;
		send_packet(f, target, 0, 0, 64);
		return (1);
	}
	if (kind == HOLD && f->state == F_IDLE && opening >= 100)
		return (0);
	if (f->state == F_IDLE || (now - f->moved > MONO_SEC(1) &&
	    f->state != F_OPEN)) {
		begin_connect(f);
		return (1);
	}
	if (f->state != F_OPEN || kind != UP)
		return (0);
	if (f->nxt != f->una && now - f->moved > MONO_MS(300)) {
		f->nxt = f->una;
		f->moved = now;
	}
	for (i = 0; i < TRAIN; i++) {
		room = f->wnd < inflight ? f->wnd : inflight;
		if (f->nxt - f->una + MSS > room)
			break;
		if (f->nxt == f->una)
			f->moved = now;
		send_packet(f, target, TH_ACK, f->nxt, MSS);
		f->nxt += MSS;
	}
	return (i > 0);
}

/* From one client to the other, as much as comes back out. */
static int
peers_send(void)
{
	struct gflow	*f = &flows[0];
	int		 i;

	if (now - f->moved > MONO_MS(200))
		f->out = 0;
	for (i = 0; f->out < UDP_WINDOW && i < TRAIN; i++, f->out++)
		send_packet(f, clients[1].addr, 0, 0, 1420 - 28);
	return (i > 0);
}

static void
receive(struct client *c)
{
	struct udpio_rx	 rx[UDPIO_BATCH];
	size_t		 off, n;
	int		 i, r, full;

	if ((r = udpio_recv(c->fd, 0, rx, &full)) == -1)
		return;
	for (i = 0; i < r; i++)
		for (off = 0; off < rx[i].len; off += n) {
			n = rx[i].len - off < rx[i].segment ?
			    rx[i].len - off : rx[i].segment;
			wg_input(c->dev, rx[i].buf + off, n, &rx[i].from, 0,
			    now);
		}
	wg_run_handshakes(c->dev, 100, now);
}

static void
client_open(struct client *c, const char *key, const uint8_t gw[KEY_LEN],
    uint16_t port, int i)
{
	struct sockaddr_in	 sin;
	struct ipprefix		 any;
	uint8_t			 private[KEY_LEN];
	int			 on = 1, size = 16 << 20;

	if (key_from_text(private, key) == -1)
		errx(1, "not a key");
	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	c->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	if (c->fd == -1 || bind(c->fd, (struct sockaddr *)&sin,
	    sizeof(sin)) == -1 || setsockopt(c->fd, IPPROTO_UDP, UDP_GRO,
	    &on, sizeof(on)) == -1)
		err(1, "socket");
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size));
	(void)setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	c->dev = wg_device_new(&ops, c, now);
	if (c->dev == NULL || wg_device_set_key(c->dev, private) == -1)
		errx(1, "device");
	c->dev->mtu = 1420;
	if ((c->peer = wg_peer_add(c->dev, 0, gw, NULL)) == NULL)
		errx(1, "peer");
	memset(&any, 0, sizeof(any));
	any.addr.af = 4;
	aip_insert(&c->dev->aips, &any, c->peer, &c->peer->aips);
	sin.sin_port = htons(port);
	wg_peer_set_endpoint(c->peer, (struct sockaddr *)&sin);
	c->addr[0] = 10;
	c->addr[1] = 77;
	c->addr[2] = (uint8_t)(1 + i / 250);
	c->addr[3] = (uint8_t)(1 + i % 250);
}

static int
by_value(const void *a, const void *b)
{
	uint32_t	 x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x < y ? -1 : x > y);
}

/* Everything once: what came, what may go, what is due. */
static int
round_trip(struct pollfd *pfd)
{
	int	 i, busy = 0;

	now = mono_now();
	/* connections that are only held need no look */
	if (kind == HOLD && open_flows == nflows)
		goto receive;
	for (i = 0; i < nflows; i++)
		if (kind == PEERS ? i == 0 && peers_send() :
		    flow_send(&flows[i]))
			busy = 1;
	for (i = 0; i < nflows; i++)
		if (flows[i].ack)
			send_packet(&flows[i], target, TH_ACK, flows[i].nxt,
			    0);
 receive:
	for (i = 0; i < nclients; i++) {
		wheel_run(&clients[i].dev->wheel, now);
		train_send(&clients[i]);
	}
	if (poll(pfd, (nfds_t)nclients, busy ? 0 : 1) > 0)
		for (i = 0; i < nclients; i++)
			if (pfd[i].revents & POLLIN)
				receive(&clients[i]);
	return (busy);
}

/* Is everything up that the figure is about? */
static int
ready(void)
{
	int	 i, want = 0;

	for (i = 0; i < nclients; i++)
		if (clients[i].peer->current == NULL)
			return (0);
	if (kind == UP || kind == DOWN || kind == HOLD)
		for (i = 0; i < nflows; i++)
			want += !flows[i].udp;
	return (open_flows >= want);
}

static void
run(int seconds)
{
	struct pollfd	*pfd = calloc((size_t)nclients, sizeof(*pfd));
	mono_t		 start = mono_now(), t0 = 0, end;
	int		 i;

	for (i = 0; i < nclients; i++) {
		pfd[i].fd = clients[i].fd;
		pfd[i].events = POLLIN;
		/* the receiving one has to have a session, too */
		if (kind == PEERS) {
			struct gflow	 f = { .c = &clients[i], .udp = 1 };

			now = start;
			send_packet(&f, target, 0, 0, 8);
			train_send(&clients[i]);
		}
	}
	end = start + MONO_SEC(60);
	while ((now = mono_now()) < end) {
		if (!counting && now - start > MONO_SEC(1) && ready()) {
			end = now + MONO_SEC(seconds);
			counting = 1;
			t0 = now;
			printf("begin\n");
			fflush(stdout);
		}
		round_trip(pfd);
	}
	if (!counting)
		errx(1, "%d of %d flows are open after a minute",
		    open_flows, nflows);
	printf("end\n");
	/* nothing is left behind for the next */
	for (i = 0; i < nflows; i++)
		if (!flows[i].udp && flows[i].state != F_IDLE)
			send_packet(&flows[i], target, TH_RST | TH_ACK,
			    flows[i].nxt, 0);
	for (i = 0; i < nclients; i++)
		train_send(&clients[i]);
	qsort(rtts, (size_t)nrtts, sizeof(*rtts), by_value);
	printf("%.6f %.0f %.0f %u %u %d\n", (double)(mono_now() - t0) / 1e9,
	    bytes, packets, nrtts > 0 ? rtts[nrtts / 2] : 0,
	    nrtts > 0 ? rtts[(size_t)nrtts * 99 / 100] : 0, nrtts);
	free(pfd);
}

/* ---- the host's side */

static int
listen_on(uint16_t port, int type)
{
	struct sockaddr_in	 sin;
	int			 fd, on = 1, size = 16 << 20;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(port);	/* of every address */
	fd = socket(AF_INET, type | SOCK_NONBLOCK, 0);
	if (fd == -1 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof(on)) == -1 || bind(fd, (struct sockaddr *)&sin,
	    sizeof(sin)) == -1 || (type == SOCK_STREAM && listen(fd, 1024) ==
	    -1))
		err(1, "port %u", port);
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size,
	    sizeof(size));
	if (type == SOCK_DGRAM)
		(void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
	return (fd);
}

/* Send datagrams back as they came: together, if they did. */
static void
echo(int fd)
{
	struct udpio_rx	 rx[UDPIO_BATCH];
	int		 i, k, n, full;

	for (k = 0; k < 8 && (n = udpio_recv(fd, 0, rx, &full)) > 0; k++)
		for (i = 0; i < n; i++)
			(void)udpsys_send(fd, &rx[i].from, rx[i].buf,
			    rx[i].len, rx[i].segment, 0, 0);
}

/* One event of a connection: who it was accepted by says what it does. */
static void
connection(int ep, int fd, int what, uint32_t events)
{
	static uint8_t	 buf[1 << 18];
	ssize_t		 n;
	int		 i;

	if (what == 1 && events & EPOLLOUT) {
		for (i = 0; i < 8; i++)
			if (write(fd, buf, sizeof(buf)) <= 0)
				break;
	}
	if (events & EPOLLIN || events & (EPOLLHUP | EPOLLERR)) {
		n = read(fd, buf, sizeof(buf));
		if (n == 0 || (n == -1 && errno != EAGAIN)) {
			epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
			close(fd);
		}
	}
}

static void __attribute__((noreturn))
serve(uint16_t port)
{
	struct epoll_event	 ev, got[64];
	struct rlimit		 rl;
	int			 fds[4], ep = epoll_create1(0), i, k, n, c;

	signal(SIGPIPE, SIG_IGN);
	if (udpio_init() == -1)
		err(1, "buffers");
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &rl);
	}
	for (i = 0; i < 4; i++) {
		fds[i] = listen_on((uint16_t)(port + i), i == 2 ? SOCK_DGRAM :
		    SOCK_STREAM);
		ev.events = EPOLLIN;
		ev.data.u64 = (uint64_t)(i + 1) << 32 | (uint32_t)fds[i];
		epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &ev);
	}
	printf("ready\n");
	fflush(stdout);
	for (;;) {
		n = epoll_wait(ep, got, 64, -1);
		for (i = 0; i < n; i++) {
			k = (int)(got[i].data.u64 >> 32);
			c = (int)(uint32_t)got[i].data.u64;
			if (k == 3)
				echo(c);
			else if (k == 0 || k > 4)
				connection(ep, c, k == 6, got[i].events);
			else if ((c = accept4(c, NULL, NULL,
			    SOCK_NONBLOCK)) != -1) {
				ev.events = EPOLLIN |
				    (k == 2 ? EPOLLOUT : 0);
				ev.data.u64 = (uint64_t)(k + 4) << 32 |
				    (uint32_t)c;
				epoll_ctl(ep, EPOLL_CTL_ADD, c, &ev);
			}
		}
	}
}

/* What a round trip takes without anything between. */
static void
ping(uint16_t port)
{
	struct sockaddr_in	 sin;
	uint8_t			 b[64] = { 0 };
	mono_t			 t;
	int			 fd, i;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sin.sin_port = htons((uint16_t)(port + 2));
	rtts = calloc(2000, sizeof(*rtts));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (rtts == NULL || fd == -1 || connect(fd, (struct sockaddr *)&sin,
	    sizeof(sin)) == -1)
		err(1, "ping");
	for (i = 0; i < 2000; i++) {
		usleep(1000);
		t = mono_now();
		if (send(fd, b, sizeof(b), 0) == -1 ||
		    recv(fd, b, sizeof(b), 0) == -1)
			err(1, "ping");
		rtts[i] = (uint32_t)MONO_TO_US(mono_now() - t);
	}
	qsort(rtts, 2000, sizeof(*rtts), by_value);
	printf("%u %u\n", rtts[1000], rtts[1980]);
}

static void
setup_flows(uint16_t port)
{
	int	 i;

	for (i = 0; i < nflows; i++) {
		flows[i].c = &clients[i % nclients];
		flows[i].sport = (uint16_t)(next_port++);
		flows[i].udp = kind == UDP || kind == RTT ||
		    kind == PEERS;
		flows[i].dport = (uint16_t)(port + (flows[i].udp ? 2 :
		    kind == UP || kind == HOLD ? 0 : kind == CONNECT ? 3 :
		    1));
		/* one port of the host has only so many connections */
		if (kind == HOLD)
			flows[i].dport = (uint16_t)(port + i % 4 / 2 * 3);
		flows[i].c->byport[flows[i].sport] = &flows[i];
	}
}

int
main(int argc, char *argv[])
{
	char	 line[256], *colon;
	uint8_t	 gw[KEY_LEN];
	FILE	*f;
	int	 i, first = 0;

	if (argc == 3 && strcmp(argv[1], "serve") == 0)
		serve((uint16_t)atoi(argv[2]));
	if (argc == 3 && strcmp(argv[1], "ping") == 0) {
		ping((uint16_t)atoi(argv[2]));
		return (0);
	}
	if (argc != 10 && argc != 11)
		errx(1, "usage: see the source");
	for (i = 0; i < KINDS && strcmp(kinds[i], argv[1]) != 0; i++)
		continue;
	kind = (enum kind)i;
	if (kind == KINDS || key_from_text(gw, argv[3]) == -1 ||
	    inet_pton(AF_INET, argv[5], target) != 1 || aead_init() != NULL ||
	    udpio_init() == -1)
		errx(1, "bad argument");
	if (argc == 11)
		inflight = offered = (uint32_t)atoi(argv[10]);
	nclients = atoi(argv[7]);
	nflows = atoi(argv[8]);
	now = mono_now();
	clients = calloc((size_t)nclients, sizeof(*clients));
	flows = calloc((size_t)nflows, sizeof(*flows));
	rtts = calloc(MAX_RTTS, sizeof(*rtts));
	if (clients == NULL || flows == NULL || rtts == NULL)
		err(1, NULL);
	if ((colon = strrchr(argv[2], ':')) != NULL) {
		first = atoi(colon + 1);
		*colon = '\0';
	}
	if ((f = fopen(argv[2], "r")) == NULL)
		err(1, "%s", argv[2]);
	for (i = -first; i < nclients; i++) {
		if (fgets(line, sizeof(line), f) == NULL)
			errx(1, "%s: too few keys", argv[2]);
		line[strcspn(line, "\n")] = '\0';
		if (i >= 0)
			client_open(&clients[i], line, gw,
			    (uint16_t)atoi(argv[4]), first + i);
	}
	fclose(f);
	setup_flows((uint16_t)atoi(argv[6]));
	run(atoi(argv[9]));
	return (0);
}
