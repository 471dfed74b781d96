/* SPDX-License-Identifier: ISC */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shm.h"
#include "slirp/protocols.h"
#include "world.h"

struct world	 W;
uint32_t	 w_flows = 1000;

struct fsock *
fs_of(struct flow *f)
{
	return (&W.fs[f->fd]);
}

static int
f_open(struct flow *f)
{
	struct fsock	*x;

	if (W.open_error != 0) {
		errno = W.open_error;
		return (-1);
	}
	if (W.nfs == MAXF) {
		errno = EMFILE;
		return (-1);
	}
	x = &W.fs[W.nfs];
	free(x->in);
	free(x->out);
	memset(x, 0, sizeof(*x));
	x->in = malloc(FBUF);
	x->out = malloc(FBUF);
	x->cap = FBUF;
	x->used = 1;
	x->f = f;
	f->fd = W.nfs++;
	return (0);
}

static int
f_tcp_open(void *a, struct flow *f, int ttl)
{
	(void)a;
	if (f_open(f) == -1)
		return (-1);
	fs_of(f)->ttl = ttl;
	return (0);
}

static int
f_adopt(void *a, struct flow *f, int fd)
{
	(void)a;
	(void)fd;
	if (f_open(f) == -1)
		return (-1);
	fs_of(f)->connected = 1;
	return (0);
}

static void
f_answered(struct flow *f, int error)
{
	fs_of(f)->answered = error == 0 ? -1 : error;
}

static void
f_reply(struct forward_flow *w, const uint8_t *data, size_t len)
{
	(void)w;
	assert_true(len <= sizeof(W.reply));
	memcpy(W.reply, data, len);
	W.replylen = len;
	W.replies++;
}

static void
f_forget(struct forward_flow *w)
{
	(void)w;
	W.forgotten++;
}

static int
f_dgram_open(void *a, struct flow *f)
{
	(void)a;
	return (f_open(f));
}

static void
f_close(void *a, struct flow *f, int reset)
{
	(void)a;
	if (f->fd == -1)
		return;
	fs_of(f)->closed = reset ? 2 : 1;
	fs_of(f)->f = NULL;
	f->fd = -1;
}

static ssize_t
f_readv(void *a, struct flow *f, const struct iovec *iov, int n)
{
	struct fsock	*x = fs_of(f);
	size_t		 k, total = 0;
	int		 i;

	(void)a;
	for (i = 0; i < n && x->inpos < x->inlen; i++) {
		k = x->inlen - x->inpos;
		if (k > iov[i].iov_len)
			k = iov[i].iov_len;
		memcpy(iov[i].iov_base, x->in + x->inpos, k);
		x->inpos += k;
		total += k;
	}
	if (total > 0)
		return ((ssize_t)total);
	if (x->error != 0) {
		errno = x->error;
		return (-1);
	}
	if (x->eof)
		return (0);
	errno = EAGAIN;
	return (-1);
}

static ssize_t
f_writev(void *a, struct flow *f, const struct iovec *iov, int n)
{
	struct fsock	*x = fs_of(f);
	size_t		 k, total = 0;
	int		 i;

	(void)a;
	assert_int_equal(x->shut, 0);
	if (x->werror != 0) {
		errno = x->werror;
		return (-1);
	}
	for (i = 0; i < n && x->outlen < x->cap; i++) {
		k = x->cap - x->outlen;
		if (k > iov[i].iov_len)
			k = iov[i].iov_len;
		memcpy(x->out + x->outlen, iov[i].iov_base, k);
		x->outlen += k;
		total += k;
	}
	if (total == 0) {
		errno = EAGAIN;
		return (-1);
	}
	return ((ssize_t)total);
}

static int
f_shutdown(void *a, struct flow *f)
{
	(void)a;
	fs_of(f)->shut = 1;
	return (0);
}

static int
f_connected(void *a, struct flow *f)
{
	(void)a;
	return (fs_of(f)->connected);
}

static int
f_error(void *a, struct flow *f)
{
	(void)a;
	return (fs_of(f)->connected ? 0 : fs_of(f)->error);
}

static int
f_errqueue(void *a, struct flow *f, struct host_error *e)
{
	struct fsock	*x = fs_of(f);

	(void)a;
	if (x->queued == 0)
		return (-1);
	memset(e, 0, sizeof(*e));
	e->error = x->queued;
	e->icmp = 1;
	e->af = 4;
	e->type = 3;
	e->code = 1;
	ipaddr_parse(&e->offender, "203.0.113.9");
	x->queued = x->error = 0;
	return (0);
}

static ssize_t
f_sendto(void *a, struct flow *f, const struct ipaddr *dst, uint16_t port,
    const struct iovec *iov, int n, const struct dgram_opts *o)
{
	struct fsock	*x = fs_of(f);
	size_t		 total = 0;
	int		 i;

	(void)a;
	if (o->segment != 0 && n > 1 && W.no_gso) {
		errno = EIO;
		return (-1);
	}
	if (x->werror != 0) {
		errno = x->werror;
		x->werror = 0;
		return (-1);
	}
	x->outlen = 0;
	for (i = 0; i < n; i++) {
		memcpy(x->out + x->outlen, iov[i].iov_base, iov[i].iov_len);
		x->outlen += iov[i].iov_len;
		total += iov[i].iov_len;
	}
	x->dst = *dst;
	x->dport = port;
	x->ttl = o->ttl;
	/* datagrams sent */
	x->shut += n > 1 && o->segment != 0 ? (int)((total + o->segment - 1) /
	    o->segment) : 1;
	W.sends++;
	return ((ssize_t)total);
}

static ssize_t
f_recvfrom(void *a, struct flow *f, const struct iovec *iov, int n,
    struct ipaddr *from, uint16_t *port, struct dgram_opts *o)
{
	struct fsock	*x = fs_of(f);
	ssize_t		 r;

	(void)a;
	if (x->eof-- <= 0) {
		x->eof = 0;
		errno = EAGAIN;
		return (-1);
	}
	r = f_readv(NULL, f, iov, n);
	*from = x->from;
	*port = x->fport;
	memset(o, 0, sizeof(*o));
	o->segment = x->segment;
	return (r == -1 ? 0 : r);
}

static uint16_t
f_local_port(void *a, struct flow *f)
{
	(void)a;
	return ((uint16_t)(40000 + f->fd));
}

static const struct host_ops	 fake_ops = {
	.tcp_open = f_tcp_open,
	.udp_open = f_dgram_open,
	.local_port = f_local_port,
	.icmp_open = f_dgram_open,
	.close = f_close,
	.readv = f_readv,
	.writev = f_writev,
	.shutdown = f_shutdown,
	.connected = f_connected,
	.error = f_error,
	.errqueue = f_errqueue,
	.sendto = f_sendto,
	.recvfrom = f_recvfrom,
	.adopt = f_adopt
};

static const struct client_ops	 fake_clients = {
	.answered = f_answered,
	.reply = f_reply,
	.forget = f_forget
};

void
w_addr(struct ipaddr *a, const char *s)
{
	assert_int_equal(ipaddr_parse(a, s), 0);
}

/* Of all worlds: what has its filter on is given them, and makes none. */
static int	 areas[2];

void
w_open(void)
{
	int	 i;

	memset(&W, 0, sizeof(W));
	for (i = 0; i < 2; i++) {
		if (areas[i] == 0)
			areas[i] = pktq_area_create(SLOTS);
		W.fd[i] = areas[i];
	}
	assert_int_equal(pktq_attach_producer(&W.in_p, W.fd[0], SLOTS, -1),
	    0);
	assert_int_equal(pktq_attach_consumer(&W.in_c, W.fd[0], SLOTS, -1),
	    0);
	assert_int_equal(pktq_attach_producer(&W.out_p, W.fd[1], SLOTS, -1),
	    0);
	assert_int_equal(pktq_attach_consumer(&W.out_c, W.fd[1], SLOTS, -1),
	    0);
	/* the other worlds before this one have used them */
	memset(W.in_p.sh, 0, W.in_p.ctl_size);
	memset(W.out_p.sh, 0, W.out_p.ctl_size);
	assert_int_equal(slirp_init(&W.s, &fake_ops, NULL, MONO_SEC(1000),
	    w_flows, NULL), 0);
	assert_int_equal(protocols_register(&W.s, NULL), 0);
	W.s.clients = &fake_clients;
	W.s.in = &W.in_c;
	W.s.out = &W.out_p;
	W.s.conf.addrs = calloc(2, sizeof(struct ipprefix));
	W.s.conf.naddrs = 2;
	ipprefix_parse(&W.s.conf.addrs[0], "10.77.0.1/24");
	ipprefix_parse(&W.s.conf.addrs[1], "fd77::1/64");
	W.pkts = malloc(MAXPKT * sizeof(*W.pkts));
	W.from = 3;
	W.peer = peer_set(&W.s, 3, "laptop");
}

/* Take what goes to the guest; slots go back at once. */
void
w_collect(void)
{
	struct pktq_desc	 d[64];
	int			 i, n;

	pktq_flush(&W.out_p);
	while ((n = pktq_fetch(&W.out_c, d, 64)) > 0) {
		for (i = 0; i < n; i++) {
			if (W.npkts < MAXPKT) {
				W.pkts[W.npkts].len = d[i].len;
				memcpy(W.pkts[W.npkts++].b,
				    pktq_slot(&W.out_c, d[i].slot) +
				    d[i].off, d[i].len);
			}
			assert_int_equal(pktq_return(&W.out_c, d[i].slot),
			    0);
		}
	}
	assert_int_equal(n, 0);
	pktq_return_flush(&W.out_c);
}

void
w_run(void)
{
	int	 i, more = 1;

	for (i = 0; i < 100 && more; i++) {
		more = slirp_run(&W.s, 64);
		w_collect();
		if (turns_any(&W.s, TURN_WAITING))
			more = 1;
	}
}

/* Let time pass, a millisecond at a time. */
void
w_time(unsigned int ms)
{
	while (ms-- > 0) {
		W.s.now += MONO_MS(1);
		wheel_run(&W.s.wheel, W.s.now);
		w_run();
	}
}

/* The same in one step. */
void
w_jump(unsigned int ms)
{
	W.s.now += MONO_MS(ms);
	wheel_run(&W.s.wheel, W.s.now);
	w_run();
}

/* Everything must have come back at the end. */
void
w_close(void)
{
	struct flow	*f;
	uint64_t	 at = 0;
	int		 i;

	while ((f = table_next(&W.s, &at)) != NULL)
		flow_kill(&W.s, f);
	assert_int_equal(table_count(&W.s), 0);
	w_collect();
	assert_true(pktq_reclaim(&W.out_p) >= 0);
	assert_int_equal(W.out_p.nfree, SLOTS);
	pktq_return_flush(&W.in_c);
	assert_true(pktq_reclaim(&W.in_p) >= 0);
	assert_int_equal(W.in_p.nfree, SLOTS);
	assert_int_equal(W.s.tcp->rcvbuf, 0);
	assert_int_equal(W.peer->nslots, 0);
	assert_int_equal(W.peer->nflows, 0);
	assert_int_equal(W.peer->nconnecting, 0);
	assert_int_equal(W.s.count.tcp_active, 0);
	assert_int_equal(W.s.count.tcp_connecting, 0);
	slirp_free(&W.s);
	pktq_detach(&W.in_p);
	pktq_detach(&W.in_c);
	pktq_detach(&W.out_p);
	pktq_detach(&W.out_c);
	for (i = 0; i < MAXF; i++) {
		free(W.fs[i].in);
		free(W.fs[i].out);
	}
	free(W.pkts);
}

/* Put a packet from the guest into the queue. */
void
w_queue(const uint8_t *p, size_t len)
{
	struct pktq_desc	 d;

	memset(&d, 0, sizeof(d));
	if ((d.slot = pktq_alloc(&W.in_p)) == PKTQ_NOSLOT) {
		assert_true(pktq_reclaim(&W.in_p) > 0);
		d.slot = pktq_alloc(&W.in_p);
	}
	memcpy(pktq_slot(&W.in_p, d.slot), p, len);
	d.peer = W.from;
	d.len = (uint16_t)len;
	d.time = W.s.now;
	assert_int_equal(pktq_publish(&W.in_p, &d, PKTQ_BULK), 0);
	pktq_release(&W.in_p, d.slot);
	pktq_flush(&W.in_p);
}

/* One packet, and what it brings about. */
void
w_inject(const uint8_t *p, size_t len)
{
	w_queue(p, len);
	assert_int_equal(slirp_input(&W.s, 256), 1);
	pktq_return_flush(&W.in_c);
	w_run();
}

/*
 * A guest's IP header, with the id that the world has and these fragment
 * bits.
 */
void
w_header(uint8_t *p, const struct ipaddr *src, const struct ipaddr *dst,
    uint8_t proto, size_t len, int frag)
{
	uint16_t	 c;

	out_header(&W.s, NULL, p, src, dst, proto, len, 0, frag);
	if (src->af != 4)
		return;
	put16(p + 4, W.ip_id);
	put16(p + 10, 0);
	c = cksum_fold(cksum_add(p, 20, 0));
	memcpy(p + 10, &c, 2);
}

/* An IP packet around a transport message whose sum is filled in. */
size_t
w_ip(uint8_t *p, const struct ipaddr *src, const struct ipaddr *dst,
    uint8_t proto, uint8_t *l4, size_t len, size_t sumoff)
{
	uint16_t	 c;
	uint32_t	 sum = 0;
	size_t		 h = ip_hdr_len(src);

	w_header(p, src, dst, proto, len, 0);
	W.ip_id++;
	if (sumoff != SIZE_MAX) {
		put16(l4 + sumoff, 0);
		if (proto != IPPROTO_ICMP)
			sum = cksum_pseudo(src, dst, proto, len);
		c = cksum_fold(cksum_add(l4, len, sum));
		memcpy(l4 + sumoff, &c, 2);
	}
	memcpy(p + h, l4, len);
	return (h + len);
}
