/* SPDX-License-Identifier: ISC */

/*
 * What guests send, into a slirp engine with host sockets that are memory:
 * whole packets that are made up, segments of connections that are open,
 * datagrams, fragments, ICMP, and in between what hosts do and what the
 * system says of it.  In the end everything has to have come back.
 */

#include "fuzz.h"
#include "guest.h"

#define GUESTS	3

static struct guest	 g[GUESTS];
static struct fsock	*conn[GUESTS];

/* One packet, with its sums as they should be if fix says so. */
static void
inject(uint8_t *p, size_t n, uint8_t fix)
{
	uint16_t	 c;

	if (n > 0 && fix & 1)
		p[0] = fix & 8 ? (uint8_t)(0x60 | (p[0] & 15)) :
		    (uint8_t)(0x40 | ((p[0] & 15) < 5 ? 5 : p[0] & 15));
	if (n >= 20 && p[0] >> 4 == 4) {
		if (fix & 1)
			put16(p + 2, (uint32_t)n);
		if (fix & 2)
			memcpy(p + 12, "\12\115\0\2", 4);
		if (fix & 4 && (size_t)(p[0] & 15) * 4 <= n) {
			put16(p + 10, 0);
			c = cksum_fold(cksum_add(p, (size_t)(p[0] & 15) * 4,
			    0));
			memcpy(p + 10, &c, 2);
		}
	} else if (n >= 40 && p[0] >> 4 == 6) {
		if (fix & 1)
			put16(p + 4, (uint32_t)(n - 40));
		if (fix & 2)
			memcpy(p + 8, "\375\167\0\0\0\0\0\0\0\0\0\0\0\0\0\2",
			    16);
	}
	if (n > 0)
		w_inject(p, n);
}

/* A segment of a connection, near to where it is, or not. */
static void
segment(struct input *in)
{
	uint8_t		 l4[1600], p[1700];
	struct guest	*x = &g[in8(in) % GUESTS];
	size_t		 opts, n;
	uint32_t	 seq = x->seq, ack = x->ack;
	uint8_t		 how = in8(in);

	memset(l4, 0, sizeof(l4));
	put16(l4, x->port);
	put16(l4 + 2, x->dport);
	if (how & 1)
		seq += in16(in) - 0x8000U;
	if (how & 2)
		ack += in16(in) - 0x8000U;
	if (how & 4)
		seq = in32(in);
	if (how & 8)
		ack = in32(in);
	put32(l4 + 4, seq);
	put32(l4 + 8, ack);
	opts = how & 16 ? in8(in) % 41U : 0;
	(void)in_bytes(in, l4 + 20, opts);
	l4[12] = (uint8_t)((20 + (opts + 3) / 4 * 4) / 4 << 4);
	l4[13] = in8(in);
	put16(l4 + 14, how & 32 ? in16(in) : x->wnd);
	put16(l4 + 18, in8(in));
	n = how & 64 ? in16(in) % 1400U : in8(in) % 8U;
	opts = (opts + 3) / 4 * 4;
	(void)in_bytes(in, l4 + 20 + opts, n);
	if (!(how & 4) && !(l4[13] & TH_RST))
		x->seq = seq + (uint32_t)n;
	n = w_ip(p, &x->a, &x->dst, IPPROTO_TCP, l4, 20 + opts + n, 16);
	w_inject(p, n);
}

/* A piece of a datagram, of one of a few that are being put together. */
static void
fragment(struct input *in)
{
	uint8_t		 p[1700];
	struct ipaddr	 a, d;
	uint8_t		 how = in8(in);
	size_t		 n, off = in16(in) & 0x1fff;

	w_addr(&a, how & 1 ? "fd77::2" : "10.77.0.2");
	w_addr(&d, how & 1 ? "2001:db8::2" : "192.0.2.2");
	n = in8(in) * (how & 2 ? 8U : 5U) % 1480U;
	memset(p, 0, sizeof(p));
	if (!(how & 1)) {
		(void)in_bytes(in, p + 20, n);
		W.ip_id = how >> 4;
		w_header(p, &a, &d, how & 4 ? IPPROTO_UDP : IPPROTO_TCP, n,
		    (int)off | (how & 8 ? 0x2000 : 0));
		w_inject(p, 20 + n);
		return;
	}
	(void)in_bytes(in, p + 48, n);
	w_header(p, &a, &d, 44, n + 8, 0);
	p[40] = how & 4 ? IPPROTO_UDP : in8(in);
	put16(p + 42, (uint32_t)(off << 3 | (how & 8 ? 1 : 0)));
	put32(p + 44, how >> 4);
	w_inject(p, 48 + n);
}

static void
datagram(struct input *in)
{
	static const char *const	 to[] = { "192.0.2.2", "192.0.2.3",
					    "10.77.0.1", "10.77.0.9",
					    "255.255.255.255", "224.0.0.1" };
	uint8_t				 b[1400];
	size_t				 n;
	uint8_t				 how = in8(in);

	n = in_bytes(in, b, how & 128 ? in16(in) % 1400U : in8(in));
	if (how & 64)
		g_udp_send("fd77::2", "2001:db8::7", (uint16_t)(1000 + how % 8),
		    in16(in), b, n);
	else
		g_udp_send("10.77.0.2", to[how % 6U],
		    (uint16_t)(1000 + how % 4), in8(in), b, n);
}

/* What a host, or the system, does to one of the sockets. */
static void
host(struct input *in)
{
	static const int	 errors[] = { 0, ECONNREFUSED, ECONNRESET,
				    ETIMEDOUT, EHOSTUNREACH, EMSGSIZE,
				    ENOBUFS, EPIPE, EPERM, EINTR };
	struct fsock		*x;
	uint8_t			 b[1400], how;
	size_t			 n;
	int			 what = 0;

	if (W.nfs == 0)
		return;
	x = &W.fs[in8(in) % W.nfs];
	how = in8(in);
	if (x->f == NULL)
		return;
	switch (how % 8) {
	case 0:
		x->connected = 1;
		what = HOST_WRITE;
		break;
	case 1:
		n = in_bytes(in, b, in16(in) % sizeof(b));
		if (x->inlen + n > FBUF)
			return;
		memcpy(x->in + x->inlen, b, n);
		x->inlen += n;
		if (x->f->type != FLOW_TCP) {
			w_addr(&x->from, how & 64 ? "192.0.2.2" :
			    "198.51.100.1");
			x->fport = in8(in);
			x->segment = how & 32 ? in8(in) : 0;
			x->eof++;
		}
		what = HOST_READ;
		break;
	case 2:
		x->eof = 1;
		what = HOST_READ;
		break;
	case 3:
		x->error = errors[in8(in) % 10U];
		what = HOST_READ | HOST_WRITE | HOST_ERROR;
		break;
	case 4:
		x->werror = errors[in8(in) % 10U];
		what = HOST_WRITE;
		break;
	case 5:
		x->queued = errors[in8(in) % 10U];
		what = HOST_ERROR;
		break;
	case 6:
		x->cap = how & 128 ? FBUF : x->outlen + in8(in);
		what = HOST_WRITE;
		break;
	case 7:
		what = in8(in) & 7;
		break;
	}
	slirp_host_event(&W.s, flow_id(x->f), what);
	w_run();
}

static void
begin(struct input *in)
{
	struct seg	 s;
	uint8_t		 how = in8(in), conf = in8(in);
	int		 i;

	w_open();
	W.s.conf.tcp.cc = conf % CC_MAX;
	W.s.conf.tcp.ecn = conf >> 4 & 1;
	W.open_error = 0;
	for (i = 0; i < GUESTS; i++) {
		g_init(&g[i], i & 1, 1000);
		g[i].port = (uint16_t)(40000 + i);
		g[i].sack = how & 1;
		g[i].ws = how >> 1 & 1;
		conn[i] = NULL;
		if (how >> (2 + i) & 1)
			conn[i] = g_connect(&g[i], 0);
	}
	while (g_next(&s))
		continue;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static uint8_t	 p[1500];
	struct input	 in = { data, len };
	size_t		 n;
	uint8_t		 op;
	int		 i, steps = 0;

	begin(&in);
	while (in.n > 0 && steps++ < 100) {
		op = in8(&in);
		switch (op % 8) {
		case 0:
			n = in_bytes(&in, p, op & 128 ? in16(&in) % 1500U :
			    in8(&in));
			inject(p, n, op >> 3);
			break;
		case 1:
		case 2:
			segment(&in);
			break;
		case 3:
			fragment(&in);
			break;
		case 4:
			datagram(&in);
			break;
		case 5:
			host(&in);
			break;
		case 6:
			w_jump(op & 128 ? in16(&in) : in8(&in));
			break;
		case 7:
			W.open_error = op & 128 ? EMFILE : op & 64 ?
			    ENETUNREACH : 0;
			break;
		}
		W.npkts = 0;
		MUST(W.peer->nslots <= SLOTS);
	}
	w_close();
	/* those of this world are its own */
	for (i = 0; i < MAXF; i++)
		W.fs[i].in = W.fs[i].out = NULL;
	return (0);
}
