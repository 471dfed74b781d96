/* SPDX-License-Identifier: ISC */

/*
 * UDP: one unconnected socket for each guest address and port, whatever
 * it talks to (endpoint-independent mapping, RFC 4787 REQ-1).  Answers
 * are taken only from addresses that the guest has sent to (address-
 * dependent filtering), unless the configuration asks for another kind;
 * what the kernel learns from ICMP comes through the socket's error queue
 * and goes on to the guest.
 *
 * A client of the host, through a forward or the proxy, has a flow without
 * a socket of its own: its datagrams come and go on the one that listens,
 * and appear in the tunnel from a port of the gateway.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "slirp.h"

#define UDP_HDR		8
#define RECV_BUDGET	64
#define RECV_TRAIN	64		/* datagrams that come together */
#define RECV_SINGLES	8		/* so many alone, and no train is due */
#define TRAIN_BYTES	65000
#define PORT_TRIES	64
#define PORT_FIRST	1024

struct udp_flow {
	struct flow	 f;
	struct remotes	 remotes;
	uint8_t		 other;		/* not only DNS */
	uint16_t	 segment;	/* of the train that came last, or 0 */
	uint8_t		 singles;	/* that came since */
};

/* What came at once: in the slots, size bytes in each, and then behind. */
struct arrival {
	struct ipaddr		 from;
	uint16_t		 port;
	struct dgram_opts	 o;
	size_t			 n;	/* bytes */
	size_t			 size;
	uint32_t		 slot[RECV_TRAIN];
	uint32_t		 nslots;
};

static mono_t
timeout(const struct slirp *s, const struct flow *f)
{
	const struct udp_flow	*u = (const struct udp_flow *)f;

	if (f->type == FLOW_UDP && !u->other &&
	    s->conf.dns_timeout < s->conf.udp_timeout)
		return (s->conf.dns_timeout);
	return (s->conf.udp_timeout);
}

void
udp_close(struct slirp *s, struct flow *f)
{
	if (s->train.f == f)
		udp_flush(s);
	if (f->type == FLOW_UDP) {
		s->host->close(s->harg, f, 0);
		remotes_free(&((struct udp_flow *)f)->remotes);
	} else
		s->host->forget(s->harg, (struct forward_flow *)f);
	flow_remove(s, f);
	s->count.udp_active--;
	free(f);
}

void
udp_timer(struct slirp *s, struct flow *f)
{
	/* what waited for the peer's rate */
	if (f->readable) {
		f->readable = 0;
		flow_ready(s, f);
	}
	if (s->now - f->active >= timeout(s, f))
		udp_close(s, f);
	else
		flow_schedule(s, f, f->active + timeout(s, f));
}

static struct flow *
udp_open(struct slirp *s, const struct ippkt *p, uint16_t sport,
    const struct flow_key *k)
{
	struct udp_flow	*u;
	struct flow	*f;

	if ((u = calloc(1, sizeof(*u))) == NULL)
		return (NULL);
	f = &u->f;
	f->type = FLOW_UDP;
	f->peer = p->peer;
	f->src = p->src;
	f->dst = p->dst;
	f->sport = sport;
	if (flow_add(s, f, k) == -1) {
		free(u);
		return (NULL);
	}
	if (s->host->udp_open(s->harg, f) == -1) {
		if (log_allow(&s->loglimit, s->now))
			log_warn("udp socket");
		flow_remove(s, f);
		free(u);
		return (NULL);
	}
	s->count.udp_opened++;
	s->count.udp_active++;
	return (f);
}

static void
note_sent(struct slirp *s, struct flow *f, size_t bytes, int n)
{
	f->rx_bytes += bytes;
	s->count.udp_rx_datagrams += (uint64_t)n;
	s->count.udp_rx_bytes += bytes;
}

/*
 * Send one datagram to the host; an error that was pending is told and it
 * is tried again.  p is the packet that it was in.
 */
static void
send_one(struct slirp *s, struct flow *f, const struct ippkt *p,
    const struct ipaddr *dst, uint16_t dport, const struct iovec *iov,
    const struct dgram_opts *o)
{
	uint8_t	 type, code;
	int	 i;

	for (i = 0; i < 2; i++) {
		if (s->host->sendto(s->harg, f, dst, dport, iov, 1, o) !=
		    -1) {
			note_sent(s, f, iov->iov_len, 1);
			return;
		}
		if (errno == EAGAIN || errno == ENOBUFS)
			break;
		if (errno == EMSGSIZE) {
			/* the queued error has the MTU */
			icmp_drain(s, f);
			break;
		}
		if (i == 1 && icmp_map_errno(errno, p->src.af, &type,
		    &code) == 0)
			icmp_unreach(s, p, type, code, 0);
		if (i == 0)
			icmp_drain(s, f);
	}
	s->count.udp_drop_send++;
}

/* What an error about a packet of the train needs to know of it. */
static void
train_packet(const struct udp_train *t, int i, struct ippkt *p)
{
	memset(p, 0, sizeof(*p));
	p->data = t->pkt[i];
	p->len = t->pktlen[i];
	p->hdrlen = p->len < sizeof(p->hdr) ? p->len : sizeof(p->hdr);
	memcpy(p->hdr, p->data, p->hdrlen);
	p->peer = t->peer;
	p->src = t->f->src;
	p->dst = t->dst;
	p->proto = IPPROTO_UDP;
}

/* Send the datagrams that were gathered, while their slots are held. */
void
udp_flush(struct slirp *s)
{
	struct udp_train	*t = &s->train;
	struct flow		*f = t->f;
	const struct ipaddr	*dst;
	struct dgram_opts	 o = t->o;
	struct ippkt		 p;
	int			 i;

	if (f == NULL)
		return;
	dst = ip_is_local(s, &t->dst) ? policy_loopback(t->dst.af) : &t->dst;
	if (t->n > 1 && s->host->sendto(s->harg, f, dst, t->dport, t->iov,
	    t->n, &o) != -1)
		note_sent(s, f, t->total, t->n);
	else {
		/* each by itself: an error is about one of them */
		o.segment = 0;
		for (i = 0; i < t->n; i++) {
			train_packet(t, i, &p);
			send_one(s, f, &p, dst, t->dport, &t->iov[i], &o);
		}
	}
	t->f = NULL;
	t->n = 0;
}

/*
 * Send a datagram to the host, together with those of this batch that are
 * like it: as long as the first, or shorter and the last.
 */
static void
udp_send(struct slirp *s, struct flow *f, const struct ippkt *p,
    uint16_t dport, size_t len)
{
	struct udp_train	*t = &s->train;

	if (t->f != NULL && (t->f != f || t->closed || t->n == UDP_TRAIN ||
	    len == 0 || len > t->o.segment || t->dport != dport ||
	    t->total + len > TRAIN_BYTES || t->o.ttl != p->ttl ||
	    t->o.tos != p->tos || t->o.df != p->df || !p->stable ||
	    ipaddr_cmp(&t->dst, &p->dst) != 0))
		udp_flush(s);
	if (t->f == NULL) {
		t->f = f;
		t->peer = p->peer;
		t->dst = p->dst;
		t->dport = dport;
		t->closed = 0;
		t->total = 0;
		t->o.ttl = p->ttl;
		t->o.tos = p->tos;
		t->o.df = p->df;
		t->o.segment = len;
	}
	t->iov[t->n].iov_base =
	    (void *)(uintptr_t)(p->data + p->l4 + UDP_HDR);
	t->iov[t->n].iov_len = len;
	t->pkt[t->n] = p->data;
	t->pktlen[t->n++] = (uint16_t)p->len;
	t->total += len;
	if (len < t->o.segment)
		t->closed = 1;
	/* what was put together is not there for long */
	if (!p->stable)
		udp_flush(s);
}

/*
 * What may become of a datagram to the gateway itself.  Returns whether it
 * goes on to the host's loopback address.
 */
static int
local_input(struct slirp *s, struct ippkt *p, uint16_t sport,
    uint16_t dport, size_t len)
{
	const uint8_t	*data = p->data + p->l4 + UDP_HDR;
	struct flow_key	 k;
	struct flow	*f;
	int		 v4 = p->src.af == 4;

	flow_key(&k, p->peer, FLOW_FORWARD, &p->src, sport, &p->dst, dport);
	if (p->peer->nvia > 0 && (f = flow_find(s, &k)) != NULL) {
		f->active = s->now;
		f->rx_bytes += len;
		s->count.udp_rx_datagrams++;
		s->count.udp_rx_bytes += len;
		s->host->reply(s->harg, (struct forward_flow *)f, data, len);
		return (0);
	}
	if (dport == DNS_PORT && s->dns != NULL) {
		/* what is decided upon is copied first */
		memcpy(s->dgram, data, len);
		s->dns(s, p->peer, &p->src, sport, &p->dst, s->dgram, len);
		return (0);
	}
	if (policy_check_local(s, p->peer, &p->src, IPPROTO_UDP, dport))
		return (1);
	/* nothing listens there */
	s->count.ip_drop_policy++;
	icmp_unreach(s, p, v4 ? 3 : 1, v4 ? 3 : 4, 0);
	return (0);
}

void
udp_input(struct slirp *s, struct ippkt *p)
{
	const uint8_t	*h;
	struct flow_key	 k;
	struct flow	*f;
	struct remote	*r = NULL;
	enum verdict	 v;
	uint16_t	 sport, dport;
	size_t		 len;
	int		 local;

	if ((h = pkt_get(p, p->l4, UDP_HDR)) == NULL ||
	    (len = be16(h + 4)) < UDP_HDR || len > p->l4len) {
		s->count.ip_drop_malformed++;
		return;
	}
	if ((h[6] | h[7]) != 0 ? cksum_fold(cksum_add(p->data + p->l4, len,
	    cksum_pseudo(&p->src, &p->dst, IPPROTO_UDP, len))) != 0 :
	    p->src.af != 4) {
		s->count.ip_drop_checksum++;
		return;
	}
	sport = be16(h);
	dport = be16(h + 2);
	len -= UDP_HDR;
	if (sport == 0 || dport == 0) {
		s->count.ip_drop_malformed++;
		return;
	}
	if (flow_over_rate(s, p->peer, len))
		return;
	local = ip_is_local(s, &p->dst);
	if (local && !local_input(s, p, sport, dport, len))
		return;
	flow_key(&k, p->peer, FLOW_UDP, &p->src, sport, NULL, 0);
	if ((f = flow_find(s, &k)) != NULL)
		r = remotes_find(&((struct udp_flow *)f)->remotes, &p->dst,
		    dport);
	if (!local && (r == NULL || r->passed != s->policy) &&
	    (v = policy_check(s, p->peer, &p->src, &p->dst, IPPROTO_UDP,
	    dport)) != VERDICT_PASS) {
		icmp_blocked(s, p, v);
		return;
	}
	if (f == NULL && (f = udp_open(s, p, sport, &k)) == NULL) {
		s->count.ip_drop_budget++;
		return;
	}
	f->dst = p->dst;
	f->dport = dport;
	f->active = s->now;
	if (dport != DNS_PORT)
		((struct udp_flow *)f)->other = 1;
	if ((r = remotes_note(&((struct udp_flow *)f)->remotes, &p->dst,
	    dport, s->now)) != NULL)
		r->passed = s->policy;
	flow_schedule(s, f, s->now + timeout(s, f));
	udp_send(s, f, p, dport, len);
}

void
udp_event(struct slirp *s, struct flow *f, int what)
{
	if (what & HOST_ERROR)
		icmp_drain(s, f);
	if (what & HOST_READ)
		flow_ready(s, f);
}

/* Put a header before len bytes of payload at p + UDP_HDR. */
static void
udp_header(uint8_t *p, const struct ipaddr *from, uint16_t port,
    const struct ipaddr *to, uint16_t tport, size_t len)
{
	uint16_t	 c;

	put16(p, port);
	put16(p + 2, tport);
	put16(p + 4, (uint32_t)(len + UDP_HDR));
	put16(p + 6, 0);
	c = cksum_fold(cksum_add(p, len + UDP_HDR,
	    cksum_pseudo(from, to, IPPROTO_UDP, len + UDP_HDR)));
	if (c == 0)
		c = 0xffff;
	memcpy(p + 6, &c, 2);
}

/*
 * Send a datagram to a guest that answers no mapping's socket.  data has
 * len bytes and as much room before them as a UDP header takes.
 */
void
udp_answer(struct slirp *s, struct slirp_peer *peer, struct flow *f,
    const struct ipaddr *from, uint16_t port, const struct ipaddr *to,
    uint16_t tport, uint8_t *data, size_t len)
{
	udp_header(data - UDP_HDR, from, port, to, tport, len);
	ip_send(s, peer, f, from, to, IPPROTO_UDP, data - UDP_HDR,
	    len + UDP_HDR, 0);
	s->count.udp_tx_datagrams++;
	s->count.udp_tx_bytes += len;
}

/* A flow for a client of the host, to a service in the tunnel, or NULL. */
struct forward_flow *
udp_forward_open(struct slirp *s, struct slirp_peer *peer,
    const struct ipaddr *to, uint16_t port, enum flow_via via)
{
	const struct ipaddr	*from = ip_local(s, to->af);
	struct forward_flow	*w;
	struct flow_key		 k;
	uint16_t		 p = 0;
	int			 i;

	for (i = 0; from != NULL && i < PORT_TRIES && p == 0; i++) {
		p = (uint16_t)(PORT_FIRST +
		    arc4random_uniform(65536 - PORT_FIRST));
		flow_key(&k, peer, FLOW_FORWARD, to, port, from, p);
		if (flow_find(s, &k) != NULL)
			p = 0;
	}
	if (p == 0 || (w = calloc(1, sizeof(*w))) == NULL)
		return (NULL);
	w->f.type = FLOW_FORWARD;
	w->f.peer = peer;
	w->f.src = *to;
	w->f.dst = *from;
	w->f.sport = port;
	w->f.dport = p;
	w->f.via = (uint8_t)via;
	if (flow_add(s, &w->f, &k) == -1) {
		free(w);
		return (NULL);
	}
	s->count.udp_opened++;
	s->count.udp_active++;
	flow_schedule(s, &w->f, s->now + s->conf.udp_timeout);
	return (w);
}

/* What the client sends; room before data as for udp_answer(). */
void
udp_forward_send(struct slirp *s, struct forward_flow *w, uint8_t *data,
    size_t len)
{
	struct flow	*f = &w->f;

	if (!rate_open(&f->peer->out, s->now, f->peer->rate_out)) {
		s->count.udp_drop_rate++;
		return;
	}
	f->active = s->now;
	f->tx_bytes += len;
	s->count.udp_forwarded++;
	udp_answer(s, f->peer, f, &f->dst, f->dport, &f->src, f->sport, data,
	    len);
}

/* Does the policy let the guest talk to this one still? */
static int
still_passes(const struct slirp *s, const struct udp_flow *u,
    struct remote *r)
{
	if (r->passed != s->policy) {
		if (!policy_would_pass(s, u->f.peer, &u->f.src, &r->addr,
		    IPPROTO_UDP, r->port, ip_is_local(s, &r->addr)))
			return (0);
		r->passed = s->policy;
	}
	return (1);
}

/*
 * The address by which the guest knows a sender: what came from loopback
 * was sent to the gateway.  Returns 0 if the guest does not expect it, or
 * may not talk to it any more.
 */
static int
known_sender(const struct slirp *s, struct udp_flow *u,
    struct ipaddr *from, uint16_t port)
{
	struct remote	*r;
	uint16_t	 i;
	int		 lo = policy_is_loopback(from);

	if (from->af != u->f.src.af)
		return (0);
	for (i = 0; i < u->remotes.n; i++) {
		r = &u->remotes.v[i];
		if (lo ? r->port != port || !ip_is_local(s, &r->addr) :
		    ipaddr_cmp(&r->addr, from) != 0 ||
		    (s->conf.filtering == FILTER_PORT && r->port != port))
			continue;
		if (!still_passes(s, u, r))
			continue;
		if (lo)
			*from = r->addr;
		return (1);
	}
	/* a stranger, but nobody of this host */
	return (s->conf.filtering == FILTER_NONE && !lo &&
	    policy_would_pass(s, u->f.peer, &u->f.src, from, IPPROTO_UDP,
	    port, 0));
}

/* A datagram whose payload is in its place in a slot. */
static void
send_slot(struct slirp *s, struct flow *f, uint32_t slot,
    const struct arrival *a, size_t len)
{
	size_t	 hlen = ip_hdr_len(&f->src) + UDP_HDR;
	uint8_t	*p = pktq_slot(s->out, slot) + SLOT_PAYLOAD;

	udp_header(p - UDP_HDR, &a->from, a->port, &f->src, f->sport, len);
	ip_header(s, p - hlen, &a->from, &f->src, IPPROTO_UDP, len + UDP_HDR,
	    (uint8_t)a->o.tos, 0);
	ip_publish(s, slot, SLOT_PAYLOAD - hlen, hlen + len, f->peer, f);
}

/* One of len bytes behind room for a header. */
static void
send_copy(struct slirp *s, struct flow *f, uint8_t *data,
    const struct arrival *a, size_t len)
{
	uint32_t	 slot;

	if (ip_hdr_len(&f->src) + UDP_HDR + len > ip_mtu(s, f->peer)) {
		/* the header goes over what has gone */
		udp_header(data - UDP_HDR, &a->from, a->port, &f->src,
		    f->sport, len);
		ip_send(s, f->peer, f, &a->from, &f->src, IPPROTO_UDP,
		    data - UDP_HDR, len + UDP_HDR, (uint8_t)a->o.tos);
		return;
	}
	if ((slot = ip_slot(s, 1)) == PKTQ_NOSLOT) {
		s->count.ip_drop_noslot++;
		return;
	}
	memcpy(pktq_slot(s->out, slot) + SLOT_PAYLOAD, data, len);
	send_slot(s, f, slot, a, len);
	pktq_release(s->out, slot);
}

/*
 * Receive straight into packet slots: one, or as many as a train takes whose
 * datagrams are as long as those of the last one.  -1 with errno; ENOBUFS
 * if there is no slot.  The slots are the caller's, also then.
 */
static int
receive(struct slirp *s, struct flow *f, struct arrival *a)
{
	const struct udp_flow	*u = (const struct udp_flow *)f;
	struct iovec		 iov[RECV_TRAIN + 1];
	uint32_t		 most = 1;
	size_t			 room;
	ssize_t			 n;

	room = ip_mtu(s, f->peer) - ip_hdr_len(&f->src) - UDP_HDR;
	a->size = room;
	if (u->segment != 0 && u->segment <= room) {
		a->size = u->segment;
		most = (uint32_t)((DGRAM_MAX - UDP_HDR - 1) / a->size);
		if (most > RECV_TRAIN)
			most = RECV_TRAIN;
	}
	for (a->nslots = 0; a->nslots < most; a->nslots++) {
		if ((a->slot[a->nslots] = ip_slot(s, 1)) == PKTQ_NOSLOT)
			break;
		iov[a->nslots].iov_base = pktq_slot(s->out,
		    a->slot[a->nslots]) + SLOT_PAYLOAD;
		iov[a->nslots].iov_len = a->size;
	}
	if (a->nslots == 0) {
		errno = ENOBUFS;
		return (-1);
	}
	/* what is more lies where it would if all were there */
	iov[a->nslots].iov_base = s->dgram + UDP_HDR + a->nslots * a->size;
	iov[a->nslots].iov_len = DGRAM_MAX - UDP_HDR - a->nslots * a->size;
	n = s->host->recvfrom(s->harg, f, iov, (int)a->nslots + 1, &a->from,
	    &a->port, &a->o);
	if (n == -1)
		return (-1);
	a->n = (size_t)n;
	return (0);
}

static void
give_slots(struct slirp *s, struct arrival *a)
{
	while (a->nslots > 0)
		pktq_release(s->out, a->slot[--a->nslots]);
}

/* Send on what was received; returns how many datagrams it is. */
static int
pass_on(struct slirp *s, struct flow *f, struct arrival *a)
{
	struct udp_flow	*u = (struct udp_flow *)f;
	size_t		 seg = a->n, count = 1, off, len, i;

	if (a->o.segment != 0 && a->o.segment < a->n) {
		seg = a->o.segment;
		count = (a->n + seg - 1) / seg;
	}
	if (count > 1) {
		u->segment = (uint16_t)seg;
		u->singles = 0;
	} else if (++u->singles == RECV_SINGLES)
		u->segment = u->singles = 0;
	if (count > EXPRESS_FLOW)
		ip_bulk(s, f);
	f->tx_bytes += a->n;
	s->count.udp_tx_datagrams += count;
	s->count.udp_tx_bytes += a->n;
	if (count <= a->nslots && (count == 1 ? seg <= a->size :
	    seg == a->size)) {
		for (i = off = 0; i < count; i++, off += len) {
			len = a->n - off < seg ? a->n - off : seg;
			send_slot(s, f, a->slot[i], a, len);
		}
		return ((int)count);
	}
	/* it is otherwise than the last: put together, and cut anew */
	for (i = off = 0; i < a->nslots && off < a->n; i++, off += a->size)
		memcpy(s->dgram + UDP_HDR + off, pktq_slot(s->out,
		    a->slot[i]) + SLOT_PAYLOAD, a->n - off < a->size ?
		    a->n - off : a->size);
	give_slots(s, a);
	for (off = 0; off < a->n; off += len) {
		len = a->n - off < seg ? a->n - off : seg;
		send_copy(s, f, s->dgram + UDP_HDR + off, a, len);
	}
	return ((int)count);
}

/*
 * Take what the host sent, straight into packet slots; what exceeds a
 * slot runs over into a buffer and is fragmented.  Returns whether there
 * may be more.
 */
int
udp_ready(struct slirp *s, struct flow *f)
{
	const struct udp_flow	*u = (const struct udp_flow *)f;
	struct arrival		 a;
	int			 i, count, r, error;

	for (i = 0; i < RECV_BUDGET; i += count) {
		count = 1;
		/* who sends little goes on, for it passes what waits */
		if (s->out->nout[PKTQ_BULK] >= BULK_MOST &&
		    (u->segment != 0 ||
		    !pktq_bulk_done(s->out, f->bulk_mark))) {
			flow_wait_slots(s, f);
			return (0);
		}
		if (!rate_open(&f->peer->out, s->now, f->peer->rate_out)) {
			/* it waits in the socket */
			f->readable = 1;
			flow_schedule(s, f, bucket_when(&f->peer->out,
			    f->peer->rate_out,
			    rate_burst(f->peer->rate_out)) + 1);
			return (0);
		}
		r = receive(s, f, &a);
		error = errno;
		if (r == 0 && known_sender(s, (struct udp_flow *)f, &a.from,
		    a.port))
			count = pass_on(s, f, &a);
		else if (r == 0)
			s->count.udp_drop_filtered++;
		if (r == -1 && error == ENOBUFS && a.nslots == 0) {
			flow_wait_slots(s, f);
			return (0);
		}
		give_slots(s, &a);
		if (r == 0)
			continue;
		if (error == EAGAIN)
			return (0);
		icmp_drain(s, f);
	}
	return (1);
}
