/* SPDX-License-Identifier: ISC */

/*
 * The slirp engine's TCP between guests and hosts of memory, over a
 * virtual clock and a link with rate, queue, delay, loss, bursts of loss,
 * duplicates, reordering and corruption.
 *
 * usage: sim_tcp [first-seed [seeds]]
 *	  sim_tcp -g algorithm rtt-ms loss-permille rate-mbit queue-kb
 *	      seconds [flows [period-ms asleep-ms timers-ms]]
 *
 * Several algorithms, with commas, take turns in the flows.
 *
 * With seeds, everything follows from the seed: each runs a few
 * connections both ways and checks every byte, that connections end, that
 * no slot and no flow is left, and what has to hold at any moment.  With
 * -g it prints the goodput of downloads, what was sent for it, the delay
 * in the link's queue, and how flows shared; the engine sleeps for a part of
 * each period (all of it: it wakes on a grid), and its timers are late.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "queues.h"
#include "sim.h"
#include "slirp/net/bytes.h"
#include "slirp/net/cksum.h"
#include "slirp/net/engine.h"
#include "slirp/net/out.h"
#include "slirp/net/packet.h"
#include "slirp/net/table.h"
#include "slirp/net/turns.h"
#include "slirp/protocols.h"
#include "slirp/tcp/ccset.h"
#include "slirp/tcp/parse.h"
#include "slirp/tcp/rcvq.h"
#include "slirp/tcp/sendq.h"
#include "slirp/tcp/tcpcb.h"

#define SLOTS		16384
#define MAX_CONNS	64
#define GMSS		1368		/* with timestamps, MTU 1420 */
#define MAX_RANGES	4096	/* as many as its window has segments */
#define GWIN		64		/* segments a guest sends at most */
#define RECOUNT		16	/* checks before everything is counted again */
#define LIMIT		MONO_SEC(1800)	/* for all of a run */

struct range {
	uint32_t	 start;
	uint32_t	 end;
};

enum guest_state {
	G_SYN_SENT,
	G_OPEN,
	G_DONE,
	G_FAILED
};

/* A connection: the guest's TCP and the host's socket. */
struct conn {
	int		 id;
	uint16_t	 port;
	mono_t		 start;		/* when the guest begins */
	/* guest, receiving */
	enum guest_state state;
	uint32_t	 irs;
	uint32_t	 rcv_nxt;
	struct range	 ooo[MAX_RANGES];
	int		 nooo;
	int		 recent;
	struct range	 dsack;		/* start == end: none */
	int		 unacked;
	mono_t		 delack;
	uint32_t	 win;
	uint32_t	 ts_recent;
	int		 fin_seen;
	uint32_t	 fin_seq;
	/* guest, sending */
	uint32_t	 iss;
	uint32_t	 una;
	uint32_t	 nxt;
	uint32_t	 wnd;
	int		 dupacks;
	uint32_t	 recover;
	mono_t		 rto_at;
	int		 backoff;
	int		 fin_acked;
	/* host */
	struct flow	*f;
	uint64_t	 up_total;
	uint64_t	 down_total;
	uint64_t	 up_got;
	uint64_t	 down_read;
	uint64_t	 down_got;	/* by the guest, in order */
	int		 shut;
	int		 closed;
	mono_t		 connect_at;
	mono_t		 writable_at;
	mono_t		 done_at;
};

struct flight {
	mono_t		 when;
	uint64_t	 n;		/* order of equals */
	int		 to_guest;
	uint16_t	 len;
	uint8_t		*b;
};

struct link {
	uint64_t	 rate;		/* bytes a second, 0: any */
	uint64_t	 queue;		/* bytes */
	mono_t		 delay;
	mono_t		 free_at;
	int		 loss;		/* in 1/1000 */
	mono_t		 burst;		/* so long all are lost with one */
	int		 dup;
	int		 reorder;
	int		 corrupt;
	size_t		 mtu;		/* longer ones disappear, 0: none */
	mono_t		 stall;
	mono_t		 burst_end;
	mono_t		 delay_sum;	/* in the queue */
	mono_t		 delay_max;
	uint64_t	 packets;
	uint64_t	 bytes;
	uint64_t	 drops;
};

static struct {
	struct slirp	 s;
	struct pktq	 in_p, in_c, out_p, out_c;
	struct slirp_peer	*peer;
	struct ipaddr	 gw, dst;
	struct conn	 c[MAX_CONNS];
	int		 nconns;
	struct link	 down, up;
	struct flight	*heap;
	size_t		 nheap;
	size_t		 capheap;
	uint64_t	 nflights;
	int		 partial;	/* hosts take a bit at a time */
	/* the engine sleeps so long at the start of each period */
	mono_t		 period;
	mono_t		 asleep;
	mono_t		 timers_late;
	/* what the next connections use, in turn; 0: as configured */
	int		 ncc;
	uint8_t		 cc[8];
} S;

static mono_t
clock_now(void)
{
	return (S.s.now);
}

/* Byte number off of a connection's stream; up and down differ. */
static inline uint8_t
pattern(const struct conn *c, int up, uint64_t off)
{
	return ((uint8_t)((off * 2654435761U >> 13) + off + (uint64_t)
	    (c->id * 7 + up * 101)));
}

/* ---- an engine that is late */

/* When the engine hears of what happens at this time. */
static mono_t
awake(mono_t t)
{
	mono_t	 into;

	if (S.period == 0)
		return (t);
	into = t % S.period;
	/* awake for no longer than a moment: at the grid's points */
	if (S.asleep == S.period)
		return (into == 0 ? t : t - into + S.period);
	return (into < S.asleep ? t - into + S.asleep : t);
}

/* ---- the link */

static int
before(const struct flight *a, const struct flight *b)
{
	return (a->when < b->when || (a->when == b->when && a->n < b->n));
}

static void
heap_push(struct flight f)
{
	size_t	 i, up;

	if (S.nheap == S.capheap) {
		S.capheap = S.capheap == 0 ? 1024 : 2 * S.capheap;
		S.heap = realloc(S.heap, S.capheap * sizeof(*S.heap));
		if (S.heap == NULL)
			abort();
	}
	for (i = S.nheap++; i > 0; i = up) {
		up = (i - 1) / 2;
		if (!before(&f, &S.heap[up]))
			break;
		S.heap[i] = S.heap[up];
	}
	S.heap[i] = f;
}

static struct flight
heap_pop(void)
{
	struct flight	 top = S.heap[0], last = S.heap[--S.nheap];
	size_t		 i = 0, k;

	while ((k = 2 * i + 1) < S.nheap) {
		if (k + 1 < S.nheap && before(&S.heap[k + 1], &S.heap[k]))
			k++;
		if (!before(&S.heap[k], &last))
			break;
		S.heap[i] = S.heap[k];
		i = k;
	}
	S.heap[i] = last;
	return (top);
}

static void
fly(struct link *l, int to_guest, const uint8_t *p, size_t len, mono_t when)
{
	struct flight	 f;

	f.when = to_guest ? when : awake(when);
	f.n = S.nflights++;
	f.to_guest = to_guest;
	f.len = (uint16_t)len;
	if ((f.b = malloc(len)) == NULL)
		abort();
	memcpy(f.b, p, len);
	if (chance(l->corrupt))
		f.b[20 + rnd() % (len - 20)] ^= (uint8_t)(1 << rnd() % 8);
	heap_push(f);
}

static void
transmit(struct link *l, int to_guest, const uint8_t *p, size_t len)
{
	mono_t	 wait = 0, at;

	l->packets++;
	l->bytes += len;
	if (l->mtu != 0 && len > l->mtu) {
		l->drops++;
		return;
	}
	if (l->rate != 0) {
		wait = l->free_at > S.s.now ? l->free_at - S.s.now : 0;
		if (wait * l->rate / 1000000000 > l->queue) {
			l->drops++;
			return;
		}
		l->free_at = S.s.now + wait + len * 1000000000 / l->rate;
		l->delay_sum += wait;
		if (wait > l->delay_max)
			l->delay_max = wait;
		wait = l->free_at - S.s.now;
	}
	if (S.s.now < l->burst_end || chance(l->loss)) {
		if (S.s.now >= l->burst_end && l->burst > 0)
			l->burst_end = S.s.now + rnd() % l->burst;
		l->drops++;
		return;
	}
	at = S.s.now + wait + l->delay;
	/* every 5 s nothing moves for a while, and nothing is lost */
	if (at % MONO_SEC(5) < l->stall)
		at += l->stall - at % MONO_SEC(5);
	if (chance(l->reorder))
		at += rnd() % (l->delay / 2 + MONO_MS(2));
	fly(l, to_guest, p, len, at);
	if (chance(l->dup))
		fly(l, to_guest, p, len, at + rnd() % MONO_MS(20));
}

/* ---- the host */

static struct conn *
conn_of(struct flow *f)
{
	return (&S.c[f->fd]);
}

static int
h_open(void *a, struct flow *f, int ttl)
{
	int	 i;

	(void)a;
	(void)ttl;
	for (i = 0; i < S.nconns; i++)
		if (S.c[i].port == f->sport)
			break;
	if (i == S.nconns)
		fail("connection of an unknown guest");
	if (S.ncc > 0)
		cc_init((struct tcpcb *)f, (enum cc_id)S.cc[i % S.ncc],
		    S.s.conf.tcp.iw, S.s.now);
	/* a SYN of a new attempt */
	f->fd = i;
	S.c[i].f = f;
	S.c[i].closed = 0;
	S.c[i].connect_at = S.s.now + rnd() % MONO_MS(30);
	return (0);
}

static void
h_close(void *a, struct flow *f, int reset)
{
	struct conn	*c;

	(void)a;
	if (f->fd == -1)
		return;
	c = conn_of(f);
	c->closed = reset ? 2 : 1;
	c->f = NULL;
	f->fd = -1;
}

static ssize_t
h_readv(void *a, struct flow *f, const struct iovec *iov, int n)
{
	struct conn	*c = conn_of(f);
	ssize_t		 total = 0;
	size_t		 k;
	uint8_t		*p;
	int		 i;

	(void)a;
	for (i = 0; i < n && c->down_read < c->down_total; i++) {
		p = iov[i].iov_base;
		for (k = 0; k < iov[i].iov_len &&
		    c->down_read < c->down_total; k++, c->down_read++)
			p[k] = pattern(c, 0, c->down_read);
		total += (ssize_t)k;
	}
	return (total);		/* 0: its end */
}

static ssize_t
h_writev(void *a, struct flow *f, const struct iovec *iov, int n)
{
	struct conn	*c = conn_of(f);
	const uint8_t	*p;
	ssize_t		 total = 0;
	size_t		 k, room = SIZE_MAX;
	int		 i;

	(void)a;
	if (c->shut)
		fail("conn %d: data after the end", c->id);
	if (S.partial && chance(300)) {
		room = rnd() % 5000;
		c->writable_at = S.s.now + rnd() % MONO_MS(100) + 1;
		if (room == 0) {
			errno = EAGAIN;
			return (-1);
		}
	}
	for (i = 0; i < n; i++) {
		p = iov[i].iov_base;
		for (k = 0; k < iov[i].iov_len && room > 0; k++, room--) {
			if (p[k] != pattern(c, 1, c->up_got))
				fail("conn %d: byte %llu up is wrong", c->id,
				    (unsigned long long)c->up_got);
			c->up_got++;
			total++;
		}
	}
	return (total);
}

static int
h_shutdown(void *a, struct flow *f)
{
	(void)a;
	conn_of(f)->shut = 1;
	return (0);
}

static int
h_connected(void *a, struct flow *f)
{
	(void)a;
	return (conn_of(f)->connect_at <= S.s.now);
}

static const struct host_ops	 sim_ops = {
	.tcp_open = h_open,
	.udp_open = no_socket,
	.icmp_open = no_socket,
	.close = h_close,
	.readv = h_readv,
	.writev = h_writev,
	.shutdown = h_shutdown,
	.connected = h_connected,
	.error = no_error,
	.errqueue = no_errqueue
};

/* ---- the guest's TCP */

static size_t
put_blocks(struct conn *c, uint8_t *o)
{
	uint8_t	*p = o + 4;
	int	 i, k, n = 0;

	if (c->dsack.start != c->dsack.end) {
		put32(p, c->dsack.start);
		put32(p + 4, c->dsack.end);
		p += 8;
		n++;
	}
	for (i = 0; i < c->nooo && n < 3; i++, n++, p += 8) {
		k = (c->recent + i) % c->nooo;
		put32(p, c->ooo[k].start);
		put32(p + 4, c->ooo[k].end);
	}
	c->dsack.start = c->dsack.end = 0;
	if (n == 0)
		return (0);
	o[0] = o[1] = 1;
	o[2] = 5;
	o[3] = (uint8_t)(2 + 8 * n);
	return ((size_t)(4 + 8 * n));
}

/* A segment of the guest with len bytes of its stream from seq on. */
static void
g_send(struct conn *c, uint8_t flags, uint32_t seq, size_t len)
{
	uint8_t		 b[1500], *h = b + 20, *o = h + TCP_HDR;
	struct ipaddr	 src;
	uint32_t	 wnd = c->win >> 7;
	size_t		 i, optlen, l4;
	uint16_t	 sum;

	ipaddr_parse(&src, "10.77.0.2");
	memset(h, 0, TCP_HDR);
	if (flags & TH_SYN) {
		static const uint8_t	 syn[] = { 2, 4, 1380 >> 8,
					    1380 & 0xff, 4, 2, 8, 10, 0, 0,
					    0, 0, 0, 0, 0, 0, 1, 3, 3, 7 };

		memcpy(o, syn, sizeof(syn));
		put32(o + 8, (uint32_t)(S.s.now / MONO_MS(1)));
		optlen = sizeof(syn);
		wnd = 65535;
	} else {
		o[0] = o[1] = 1;
		o[2] = 8;
		o[3] = 10;
		put32(o + 4, (uint32_t)(S.s.now / MONO_MS(1)));
		put32(o + 8, c->ts_recent);
		optlen = 12 + put_blocks(c, o + 12);
	}
	for (i = 0; i < len; i++)
		o[optlen + i] = pattern(c, 1, seq - c->iss - 1 + i);
	put16(h, c->port);
	put16(h + 2, 80);
	put32(h + 4, seq);
	put32(h + 8, flags & TH_ACK ? c->rcv_nxt : 0);
	h[12] = (uint8_t)((TCP_HDR + optlen) / 4 << 4);
	h[13] = flags;
	put16(h + 14, (uint16_t)(wnd > 65535 ? 65535 : wnd));
	l4 = TCP_HDR + optlen + len;
	sum = cksum_fold(cksum_add(h, l4, cksum_pseudo(&src, &S.dst,
	    IPPROTO_TCP, l4)));
	memcpy(h + 16, &sum, 2);
	out_header(&S.s, NULL, b, &src, &S.dst, IPPROTO_TCP, l4, 0, 0x4000);
	transmit(&S.up, 0, b, 20 + l4);
	c->unacked = 0;
	c->delack = 0;
}

static void
g_ack(struct conn *c)
{
	g_send(c, TH_ACK, c->nxt, 0);
}

/* New data of the guest, and its FIN. */
static void
g_output(struct conn *c)
{
	uint32_t	 end = c->iss + 1 + (uint32_t)c->up_total, len, wnd;

	if (c->state != G_OPEN)
		return;
	wnd = c->wnd < GWIN * GMSS ? c->wnd : GWIN * GMSS;
	while (SEQ_LT(c->nxt, end) && SEQ_LT(c->nxt, c->una + wnd)) {
		len = end - c->nxt;
		if (len > GMSS)
			len = GMSS;
		if (len > c->una + wnd - c->nxt)
			len = c->una + wnd - c->nxt;
		g_send(c, TH_ACK, c->nxt, len);
		c->nxt += len;
	}
	if (c->nxt == end && c->una + wnd != c->nxt) {
		g_send(c, TH_FIN | TH_ACK, c->nxt, 0);
		c->nxt++;
	}
	if (c->una != c->nxt && c->rto_at == 0)
		c->rto_at = S.s.now + MONO_MS(400);
	/* a closed window is probed */
	if (c->una == c->nxt && SEQ_LT(c->nxt, end) && c->rto_at == 0)
		c->rto_at = S.s.now + MONO_MS(500);
}

static void
g_resend(struct conn *c)
{
	uint32_t	 end = c->iss + 1 + (uint32_t)c->up_total, len;

	if (SEQ_GEQ(c->una, end)) {
		g_send(c, TH_FIN | TH_ACK, c->una, 0);
		if (c->nxt == end)
			c->nxt++;
		return;
	}
	len = end - c->una;
	if (len > GMSS)
		len = GMSS;
	/* a window probe has one byte */
	if (c->wnd == 0)
		len = 1;
	g_send(c, TH_ACK, c->una, len);
	if (SEQ_LT(c->nxt, c->una + len))
		c->nxt = c->una + len;
}

static void
g_timeout(struct conn *c)
{
	c->rto_at = 0;
	if (c->state == G_SYN_SENT) {
		g_send(c, TH_SYN, c->iss, 0);
		c->rto_at = S.s.now + MONO_SEC(1ULL << (c->backoff < 4 ?
		    c->backoff++ : 4));
		return;
	}
	if (c->state != G_OPEN)
		return;
	c->recover = c->nxt;
	g_resend(c);
	if (c->backoff < 6)
		c->backoff++;
	c->rto_at = S.s.now + (MONO_MS(400) << c->backoff);
}

static void
g_acked(struct conn *c, uint32_t ack, uint32_t len)
{
	uint32_t	 end = c->iss + 1 + (uint32_t)c->up_total;

	if (SEQ_GT(ack, c->nxt))
		fail("conn %d: ack of what was not sent", c->id);
	if (SEQ_GT(ack, c->una)) {
		c->una = ack;
		c->dupacks = 0;
		c->backoff = 0;
		c->rto_at = 0;
		if (SEQ_LT(c->una, c->recover))
			g_resend(c);	/* a partial one */
		if (c->una != c->nxt)
			c->rto_at = S.s.now + MONO_MS(400);
		if (ack == end + 1)
			c->fin_acked = 1;
	} else if (ack == c->una && len == 0 && c->una != c->nxt &&
	    ++c->dupacks == 3) {
		c->recover = c->nxt;
		g_resend(c);
	}
}

/* Enter a received range; returns 0 if it brought nothing new. */
static void
g_range(struct conn *c, uint32_t start, uint32_t end)
{
	int	 i, j;

	for (i = 0; i < c->nooo && SEQ_GT(start, c->ooo[i].end); i++)
		continue;
	if (i < c->nooo && SEQ_GEQ(start, c->ooo[i].start) &&
	    SEQ_LEQ(end, c->ooo[i].end)) {
		c->dsack.start = start;
		c->dsack.end = end;
		c->recent = i;
		return;
	}
	for (j = i; j < c->nooo && SEQ_LEQ(c->ooo[j].start, end); j++) {
		if (SEQ_LT(c->ooo[j].start, start))
			start = c->ooo[j].start;
		if (SEQ_GT(c->ooo[j].end, end))
			end = c->ooo[j].end;
	}
	if (i == j && c->nooo == MAX_RANGES)
		return;
	memmove(&c->ooo[i + 1], &c->ooo[j], (size_t)(c->nooo - j) *
	    sizeof(c->ooo[0]));
	c->nooo += 1 - (j - i);
	c->ooo[i].start = start;
	c->ooo[i].end = end;
	c->recent = i;
}

static void
g_data(struct conn *c, uint32_t seq, const uint8_t *p, uint32_t len)
{
	uint64_t	 off;
	uint32_t	 i, old = c->rcv_nxt;

	if (SEQ_GT(seq + len, c->rcv_nxt + c->win + GMSS))
		fail("conn %d: beyond the window", c->id);
	off = (uint32_t)(seq - c->irs - 1);
	for (i = 0; i < len; i++)
		if (p[i] != pattern(c, 0, off + i))
			fail("conn %d: byte %llu down is wrong", c->id,
			    (unsigned long long)(off + i));
	if (SEQ_LEQ(seq + len, c->rcv_nxt)) {
		c->dsack.start = seq;
		c->dsack.end = seq + len;
		g_ack(c);
		return;
	}
	if (SEQ_GT(seq, c->rcv_nxt)) {
		g_range(c, seq, seq + len);
		g_ack(c);
		return;
	}
	c->rcv_nxt = seq + len;
	while (c->nooo > 0 && SEQ_LEQ(c->ooo[0].start, c->rcv_nxt)) {
		if (SEQ_GT(c->ooo[0].end, c->rcv_nxt))
			c->rcv_nxt = c->ooo[0].end;
		memmove(&c->ooo[0], &c->ooo[1], (size_t)--c->nooo *
		    sizeof(c->ooo[0]));
		if (c->recent > 0)
			c->recent--;
		c->unacked = 2;
	}
	c->down_got += c->rcv_nxt - old;
	if (++c->unacked >= 2 || c->nooo > 0)
		g_ack(c);
	else if (c->delack == 0)
		c->delack = S.s.now + MONO_MS(40);
}

static void
g_input(const uint8_t *b, size_t len)
{
	struct ipaddr	 src, dst;
	const uint8_t	*h = b + 20, *data;
	struct conn	*c = NULL;
	uint32_t	 seq, ack, dlen, tsval = 0;
	size_t		 hlen, i;
	int		 k;

	if (len < 40 || b[9] != IPPROTO_TCP)
		return;
	ipaddr_from4(&src, b + 12);
	ipaddr_from4(&dst, b + 16);
	if (cksum_fold(cksum_add(h, len - 20, cksum_pseudo(&src, &dst,
	    IPPROTO_TCP, len - 20))) != 0)
		return;
	for (k = 0; k < S.nconns; k++)
		if (S.c[k].port == be16(h + 2))
			c = &S.c[k];
	if (c == NULL)
		fail("segment for nobody");
	hlen = (size_t)(h[12] >> 4) * 4;
	data = h + hlen;
	dlen = (uint32_t)(len - 20 - hlen);
	seq = be32(h + 4);
	ack = be32(h + 8);
	if (c->state >= G_DONE) {
		/* what comes late is answered, as TIME-WAIT does */
		if (c->state == G_DONE && (dlen > 0 || h[13] & TH_FIN))
			g_ack(c);
		return;
	}
	if (h[13] & TH_RST) {
		c->state = G_FAILED;
		return;
	}
	for (i = TCP_HDR; i + 1 < hlen && h[i] != 0;
	    i += h[i] == 1 ? 1 : h[i + 1] == 0 ? 60 : h[i + 1])
		if (h[i] == 8 && i + 10 <= hlen)
			tsval = be32(h + i + 2);
	if (h[13] & TH_SYN) {
		if (c->state == G_SYN_SENT) {
			if (ack != c->iss + 1)
				fail("conn %d: wrong SYN-ACK", c->id);
			c->irs = seq;
			c->rcv_nxt = seq + 1;
			c->una = c->nxt = c->iss + 1;
			c->wnd = be16(h + 14);
			c->state = G_OPEN;
			c->rto_at = 0;
			c->backoff = 0;
		}
		c->ts_recent = tsval;
		g_ack(c);
		g_output(c);
		return;
	}
	if (c->state != G_OPEN)
		return;
	if (SEQ_LEQ(seq, c->rcv_nxt) &&
	    (int32_t)(tsval - c->ts_recent) > 0)
		c->ts_recent = tsval;
	if (SEQ_GEQ(ack, c->una))
		c->wnd = (uint32_t)be16(h + 14) << S.s.conf.tcp.wscale;
	g_acked(c, ack, dlen);
	if (dlen > 0)
		g_data(c, seq, data, dlen);
	if (h[13] & TH_FIN) {
		c->fin_seen = 1;
		c->fin_seq = seq + dlen;
	}
	if (c->fin_seen && c->rcv_nxt == c->fin_seq) {
		c->rcv_nxt++;
		g_ack(c);
	} else if (h[13] & TH_FIN)
		g_ack(c);
	/* a probe wants an answer */
	if (dlen == 0 && SEQ_LT(seq, c->rcv_nxt) && !(h[13] & TH_FIN))
		g_ack(c);
	g_output(c);
	if (c->fin_seen && c->rcv_nxt == c->fin_seq + 1 && c->fin_acked) {
		c->state = G_DONE;
		c->done_at = S.s.now;
		c->rto_at = c->delack = 0;
	}
}

/* ---- the run */

static void
engine_input(const uint8_t *p, size_t len)
{
	struct pktq_desc	 d;

	memset(&d, 0, sizeof(d));
	if ((d.slot = pktq_alloc(&S.in_p)) == PKTQ_NOSLOT) {
		if (pktq_reclaim(&S.in_p) <= 0)
			fail("no slot comes back");
		d.slot = pktq_alloc(&S.in_p);
	}
	memcpy(pktq_slot(&S.in_p, d.slot), p, len);
	d.peer = 3;
	d.len = (uint16_t)len;
	d.time = S.s.now;
	if (pktq_publish(&S.in_p, &d, PKTQ_BULK) != 0)
		fail("queue full");
	pktq_release(&S.in_p, d.slot);
	pktq_flush(&S.in_p);
	(void)slirp_input(&S.s, 256);
	pktq_return_flush(&S.in_c);
}

static void
collect(void)
{
	struct pktq_desc	 d[64];
	int			 i, n;

	pktq_flush(&S.out_p);
	while ((n = pktq_fetch(&S.out_c, d, 64)) > 0) {
		for (i = 0; i < n; i++) {
			transmit(&S.down, 1, pktq_slot(&S.out_c, d[i].slot) +
			    d[i].off, d[i].len);
			if (pktq_return(&S.out_c, d[i].slot) == -1)
				fail("slot returned twice");
		}
	}
	if (n == -1)
		fail("queue broken");
	pktq_return_flush(&S.out_c);
}

/* The scoreboard, counted again. */
static void
recount(const struct tcpcb *t, int n)
{
	const struct tseg	*g;
	uint32_t		 i, sacked = 0, lost = 0, ns = 0, nl = 0;
	uint32_t		 seq = t->snd_una;

	for (i = 0; i < t->x->seg_n; i++) {
		g = tcp_seg(t, i);
		if (i > 0 && g->seq != seq)
			fail("conn %d: a gap in the queue", n);
		seq = g->seq + tcp_seg_size(g);
		if (g->flags & TSEG_SACKED) {
			sacked += tcp_seg_size(g);
			ns++;
		}
		if (g->flags & TSEG_LOST) {
			lost += tcp_seg_size(g);
			nl++;
			if (SEQ_LT(g->seq, t->x->lost_seq))
				fail("conn %d: lost before the first", n);
		}
	}
	if (t->x->seg_n > 0 && seq != t->snd_nxt)
		fail("conn %d: the queue ends elsewhere", n);
	if (sacked != t->x->sacked || lost != t->x->lost ||
	    ns != t->x->seg_sacked || nl != t->x->seg_lost)
		fail("conn %d: the scoreboard counts otherwise", n);
	/* pacing, short of a wanted gap, silences nobody for long */
	if (t->x->t_pace > S.s.now + MONO_SEC(10))
		fail("conn %d: paced too far", n);
}

static void
check_flows(void)
{
	static unsigned int	 calls;
	struct tcpcb		*t;
	int			 i;

	for (i = 0; i < S.nconns; i++) {
		if (S.c[i].f == NULL)
			continue;
		t = (struct tcpcb *)S.c[i].f;
		if (SEQ_GT(t->snd_una, t->snd_nxt))
			fail("conn %d: una after nxt", i);
		if (t->x == NULL) {
			if (t->snd_una != t->snd_nxt || t->rq != NULL)
				fail("conn %d: quiet with data", i);
			continue;
		}
		if (t->x->seg_n > 0 && t->x->t_rexmt == 0)
			fail("conn %d: data and no timer", i);
		if (t->x->sacked + t->x->lost > t->snd_nxt - t->snd_una)
			fail("conn %d: more lost than sent", i);
		if (++calls % RECOUNT == 0)
			recount(t, i);
	}
}

static void
engine_run(void)
{
	int	 i, more = 1;

	for (i = 0; i < 1000 && more; i++) {
		more = slirp_run(&S.s, 64);
		collect();
		if (turns_any(&S.s, TURN_WAITING))
			more = 1;
	}
	if (more)
		fail("the engine does not come to rest");
	check_flows();
}

static void
earliest(mono_t *next, mono_t t)
{
	if (t != 0 && (*next == 0 || t < *next))
		*next = t;
}

/* The next moment at which anything happens; 0: never. */
static mono_t
next_event(void)
{
	const struct conn	*c;
	mono_t			 next = wheel_next(&S.s.wheel);
	int			 i;

	if (next != 0)
		next = awake(next + S.timers_late);

	if (S.nheap > 0)
		earliest(&next, S.heap[0].when);
	for (i = 0; i < S.nconns; i++) {
		c = &S.c[i];
		earliest(&next, c->rto_at);
		earliest(&next, c->delack);
		earliest(&next, c->start);
		if (c->f != NULL) {
			earliest(&next, c->connect_at);
			earliest(&next, c->writable_at);
		}
	}
	return (next);
}

static void
conn_events(struct conn *c)
{
	mono_t	 now = S.s.now;

	if (c->start != 0 && c->start <= now) {
		c->start = 0;
		g_timeout(c);
	}
	if (c->f != NULL && c->connect_at != 0 && c->connect_at <= now) {
		slirp_host_event(&S.s, flow_id(c->f), HOST_WRITE);
		c->connect_at = 0;
		if (c->f != NULL)
			slirp_host_event(&S.s, flow_id(c->f), HOST_READ);
	}
	if (c->f != NULL && c->writable_at != 0 && c->writable_at <= now) {
		c->writable_at = 0;
		slirp_host_event(&S.s, flow_id(c->f), HOST_WRITE);
	}
	if (c->delack != 0 && c->delack <= now)
		g_ack(c);
	if (c->rto_at != 0 && c->rto_at <= now)
		g_timeout(c);
}

/* Go on until the time, or until nothing happens any more. */
static void
run_until(mono_t end)
{
	struct flight	 f;
	mono_t		 next;
	int		 i;

	while ((next = next_event()) != 0 && next <= end) {
		if (next > S.s.now)
			S.s.now = next;
		while (S.nheap > 0 && S.heap[0].when <= S.s.now) {
			f = heap_pop();
			if (f.to_guest)
				g_input(f.b, f.len);
			else
				engine_input(f.b, f.len);
			free(f.b);
		}
		for (i = 0; i < S.nconns; i++)
			conn_events(&S.c[i]);
		next = wheel_next(&S.s.wheel);
		if (next != 0 && S.s.now >= awake(next + S.timers_late))
			wheel_run(&S.s.wheel, S.s.now);
		engine_run();
	}
	if (S.s.now < end)
		S.s.now = end;
}

static void
begin(uint64_t seed)
{
	struct siphash_key	 key;

	memset(&S, 0, sizeof(S));
	memset(&key, (int)seed, sizeof(key));
	seed_with(seed);
	open_queues(SLOTS, &S.in_p, &S.in_c, &S.out_p, &S.out_c);
	if (slirp_init(&S.s, &sim_ops, NULL, MONO_SEC(1000), 1000, &key) ==
	    -1 || protocols_register(&S.s, &key) == -1)
		abort();
	S.s.in = &S.in_c;
	S.s.out = &S.out_p;
	S.s.conf.mtu = 1420;
	S.s.conf.udp_timeout = MONO_SEC(300);
	S.s.conf.tcp.gate_log = GATE_OFF;
	S.s.conf.naddrs = 1;
	if ((S.s.conf.addrs = calloc(1, sizeof(struct ipprefix))) == NULL)
		abort();
	ipprefix_parse(&S.s.conf.addrs[0], "10.77.0.1/24");
	ipaddr_parse(&S.dst, "192.0.2.2");
	S.peer = peer_set(&S.s, 3, "laptop");
}

static void
finish(void)
{
	while (S.nheap > 0)
		free(heap_pop().b);
	free(S.heap);
	collect();
	if (pktq_reclaim(&S.out_p) == -1 || S.out_p.nfree != SLOTS)
		fail("%u slots are missing", SLOTS - S.out_p.nfree);
	if (S.s.tcp->rcvbuf != 0 || S.peer->rcvbuf != 0 || S.peer->nslots != 0)
		fail("buffers are left");
	slirp_free(&S.s);
	pktq_detach(&S.in_p);
	pktq_detach(&S.in_c);
	pktq_detach(&S.out_p);
	pktq_detach(&S.out_c);
}

static struct conn *
add_conn(uint64_t down, uint64_t up, mono_t start)
{
	struct conn	*c = &S.c[S.nconns];

	c->id = S.nconns++;
	c->port = (uint16_t)(40000 + c->id);
	c->iss = (uint32_t)rnd();
	c->una = c->nxt = c->iss;
	c->win = 4 << 20;
	c->down_total = down;
	c->up_total = up;
	c->start = start;
	return (c);
}

static void
random_link(struct link *l, mono_t delay)
{
	static const int	 losses[] = { 0, 0, 1, 10, 50, 150 };

	memset(l, 0, sizeof(*l));
	l->delay = delay;
	l->loss = losses[rnd() % 6];
	l->burst = chance(300) ? MONO_MS(1 + rnd() % 20) : 0;
	/* nothing survives when half of everything is lost */
	if (l->burst > 0 && l->loss > 10)
		l->loss = 10;
	l->dup = chance(300) ? (int)(rnd() % 50) : 0;
	l->stall = chance(100) ? MONO_MS(rnd() % 2000) : 0;
	l->reorder = chance(300) ? (int)(rnd() % 200) : 0;
	l->corrupt = chance(300) ? (int)(rnd() % 20) : 0;
	if (chance(500)) {
		l->rate = 50000 + rnd() % 12500000;
		l->queue = 5000 + rnd() % 500000;
	}
}

/* A random path and a few connections over it; all of them must end well. */
static void
run_seed(uint64_t seed)
{
	struct conn	*c;
	mono_t		 rtt;
	int		 i, n;

	begin(seed);
	S.s.conf.tcp.cc = (uint8_t)(rnd() % CC_MAX);
	S.s.conf.tcp.sack = !chance(100);
	if (chance(100))
		S.s.conf.tcp.fast_dial = 5;
	if (chance(100))
		S.s.conf.tcp.mss = 536;
	if (chance(100))
		S.s.conf.tcp.wscale = (uint8_t)(rnd() % 9);
	rtt = rnd() % MONO_MS(chance(200) ? 600 : 60) + MONO_US(100);
	random_link(&S.down, rtt / 2);
	random_link(&S.up, rtt / 2);
	S.partial = chance(500);
	/* on a busy machine the engine is late */
	if (chance(300)) {
		S.period = MONO_US(500 + rnd() % 20000);
		S.asleep = chance(300) ? S.period : rnd() % S.period;
	}
	if (chance(100))
		S.timers_late = MONO_US(rnd() % 5000);
	if (chance(50))
		S.down.mtu = 700 + rnd() % 700;
	/* now and then every pause is long enough to forget the path */
	if (chance(300))
		S.s.tcp->doze = rnd() % MONO_MS(50);
	n = 1 + (int)(rnd() % 4);
	for (i = 0; i < n; i++) {
		c = add_conn(chance(200) ? 0 : rnd() % 1500000,
		    chance(200) ? 0 : rnd() % 400000, S.s.now + 1 +
		    rnd() % MONO_SEC(2));
		if (chance(300))
			c->win = 3000 + (uint32_t)(rnd() % 200000);
		/* over 2^32 on the way */
		if (chance(300))
			c->iss = (uint32_t)-(rnd() % 100000);
	}
	run_until(S.s.now + LIMIT);
	for (i = 0; i < S.nconns; i++) {
		c = &S.c[i];
		if (c->state != G_DONE)
			fail("conn %d: %s, %llu of %llu down, %llu of %llu "
			    "up", i, c->state == G_FAILED ? "reset" :
			    "not done", (unsigned long long)c->down_got,
			    (unsigned long long)c->down_total,
			    (unsigned long long)c->up_got,
			    (unsigned long long)c->up_total);
		if (c->up_got != c->up_total || c->down_got != c->down_total)
			fail("conn %d: not all of it", i);
		if (c->closed != 1)
			fail("conn %d: host socket %d", i, c->closed);
	}
	if (table_count(&S.s) != 0)
		fail("%u flows are left", table_count(&S.s));
	finish();
}

/* Downloads over one path for a while. */
static int
goodput(char **v, int n)
{
	uint64_t	 sum = 0;
	double		 secs = atof(v[5]), x, squares = 0;
	mono_t		 end;
	char		*names = v[0], *name;
	int		 i, flows = n > 6 ? atoi(v[6]) : 1, cc;

	if (n < 6)
		return (1);

	begin(1);
	if (flows < 1 || flows > MAX_CONNS)
		return (1);
	while ((name = strsep(&names, ",")) != NULL && S.ncc < 8) {
		if ((cc = tcpconf_cc(name)) == -1)
			return (1);
		S.cc[S.ncc++] = (uint8_t)cc;
	}
	if (n > 9) {
		S.period = (mono_t)(atof(v[7]) * 1e6);
		S.asleep = (mono_t)(atof(v[8]) * 1e6);
		S.timers_late = (mono_t)(atof(v[9]) * 1e6);
	}
	S.down.delay = S.up.delay = (mono_t)(atof(v[1]) * 500000);
	S.down.loss = atoi(v[2]);
	S.down.rate = (uint64_t)(atof(v[3]) * 125000);
	S.down.queue = (uint64_t)atoi(v[4]) * 1000;
	for (i = 0; i < flows; i++)
		add_conn(1ULL << 40, 0, S.s.now + 1 + (mono_t)i *
		    MONO_MS(300));
	end = S.s.now + (mono_t)(secs * 1e9);
	run_until(end);
	printf("%-8s rtt %s ms loss %.1f %% rate %s:", v[0], v[1],
	    atof(v[2]) / 10, v[3]);
	for (i = 0; i < flows; i++)
		sum += S.c[i].down_got;
	printf(" %.1f Mbit/s", (double)sum * 8 / secs / 1e6);
	if (flows > 1) {
		for (i = 0; i < flows; i++) {
			x = (double)S.c[i].down_got;
			squares += x * x;
			printf(" %.0f%%", x * 100 / (double)sum);
		}
		printf(", Jain %.2f", (double)sum * (double)sum / (flows *
		    squares));
	}
	printf(", sent %.2f, queue %.1f ms mean %.1f max, rtos %llu, "
	    "undos %llu of %llu\n",
	    (double)S.down.bytes / (double)(sum + 1),
	    (double)S.down.delay_sum / (double)S.down.packets / 1e6,
	    (double)S.down.delay_max / 1e6,
	    (unsigned long long)S.s.count.tcp_rtos,
	    (unsigned long long)S.s.count.tcp_undos,
	    (unsigned long long)S.s.count.tcp_fast_recoveries);
	return (0);
}

int
main(int argc, char *argv[])
{
	sim_name = "sim_tcp";
	sim_clock = clock_now;
	if (argc > 7 && strcmp(argv[1], "-g") == 0)
		return (goodput(argv + 2, argc - 2));
	printf("%llu passed, 0 failed\n",
	    (unsigned long long)run_seeds(argc, argv, run_seed));
	return (0);
}
