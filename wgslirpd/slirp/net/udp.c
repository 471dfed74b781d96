/* SPDX-License-Identifier: ISC */

/*
 * UDP: one unconnected socket for each guest address and port, whatever
 * it talks to (endpoint-independent mapping, RFC 4787 REQ-1).  Answers
 * are taken only from addresses that the guest has sent to (address-
 * dependent filtering), unless the configuration asks for another kind;
 * what the kernel learns from ICMP comes through the socket's error queue
 * and goes on to the guest.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cksum.h"
#include "egress.h"
#include "error.h"
#include "ip.h"
#include "out.h"
#include "rate.h"
#include "remotes.h"
#include "table.h"
#include "turns.h"
#include "udp.h"
#include "udpfwd.h"
#include "udpout.h"
#include "udpports.h"
#include "uplink.h"

#define UDP_HDR		UDP_HDR_LEN
#define RECV_BUDGET	64
#define RECV_TRAIN	64		/* datagrams that come together */
#define RECV_SINGLES	8		/* so many alone, and no train is due */
#define TRAIN_BYTES	65000
#define PCP_PORT	5351		/* of the gateway: ports for guests */
#define IDLE		MONO_SEC(30)	/* then it makes room for others */

/*
 * Datagrams of one batch that can go to the host with one call.  There are a
 * few at a time, so that guests who send at once do not cut each other's.
 */
#define UDP_TRAIN	64
#define UDP_TRAINS	4
struct train {
	struct flow		*f;		/* NULL: empty */
	struct slirp_peer	*peer;
	struct ipaddr		 dst;
	uint16_t		 dport;
	uint8_t			 closed;	/* the last one was short */
	uint8_t			 n;
	struct dgram_opts	 o;
	size_t			 total;
	struct iovec		 iov[UDP_TRAIN];
	/* the packets that they were in */
	const uint8_t		*pkt[UDP_TRAIN];
	uint16_t		 pktlen[UDP_TRAIN];
};
struct udp_state {
	struct udp_ports	 ports;
	struct train	 train[UDP_TRAINS];
	unsigned int	 next;		/* to go if all are in use */
};

struct udp_flow {
	struct flow	 f;
	struct remotes	 remotes;
	struct udp_port	 port;		/* of the host */
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

static void	 train_flush(struct slirp *, struct train *);

static mono_t
timeout(const struct slirp *s, const struct flow *f)
{
	const struct udp_flow	*u = (const struct udp_flow *)f;

	if (!u->other &&
	    s->conf.dns_timeout < s->conf.udp_timeout)
		return (s->conf.dns_timeout);
	return (s->conf.udp_timeout);
}

static void
udp_close(struct slirp *s, struct flow *f)
{
	int	 i;

	for (i = 0; i < UDP_TRAINS; i++)
		if (s->udp->train[i].f == f)
			train_flush(s, &s->udp->train[i]);
	udp_ports_drop(&s->udp->ports, &((struct udp_flow *)f)->port);
	host_of(s, f)->close(host_arg(s, f), f, 0);
	remotes_free(&((struct udp_flow *)f)->remotes, &f->peer->nremotes);
	flow_remove(s, f);
	s->count.udp_active--;
	free(f);
}

static void
udp_timer(struct slirp *s, struct flow *f)
{
	/* what waited for the peer's rate */
	if (f->readable) {
		f->readable = 0;
		turns_ready(s, f);
	}
	if (f->kept)
		flow_schedule(s, f, s->now + timeout(s, f));
	else if (s->now - f->active >= timeout(s, f))
		udp_close(s, f);
	else
		flow_schedule(s, f, f->active + timeout(s, f));
}

/* A mapping that leaves by a way, or is for the host itself (NULL). */
static struct flow *
udp_open(struct slirp *s, const struct ippkt *p, uint16_t sport,
    const struct flow_key *k, const struct way *w)
{
	struct udp_flow	*u;
	struct flow	*f;
	int		 save_errno;

	if ((u = calloc(1, sizeof(*u))) == NULL)
		return (NULL);
	f = &u->f;
	f->type = FLOW_UDP;
	f->peer = p->peer;
	f->src = p->src;
	f->dst = p->dst;
	f->sport = sport;
	if (w == NULL)
		f->target = TARGET_LOOPBACK;
	else if (egress_take(s, f, w) == -1) {
		free(u);
		return (NULL);
	}
	if (flow_add(s, f, k) == -1) {
		free(u);
		errno = 0;		/* whatever made room has left there */
		return (NULL);
	}
	if (host_of(s, f)->udp_open(host_arg(s, f), f) == -1) {
		save_errno = errno;
		/* that there is no way there is told the guest */
		if (save_errno != ENETUNREACH && save_errno != EACCES) {
			if (log_allow(&s->loglimit, s->now))
				log_warn("udp socket");
			save_errno = 0;
		}
		flow_remove(s, f);
		free(u);
		errno = save_errno;
		return (NULL);
	}
	/* who sends to the host's addresses may mean it */
	if (w != NULL && w->c.kind == WAY_HOST)
		udp_ports_add(&s->udp->ports, &u->port, f);
	s->count.udp_opened++;
	s->count.udp_active++;
	return (f);
}

struct flow *
udp_pin(struct slirp *s, struct slirp_peer *p, const struct ipaddr *src,
    uint16_t sport, const struct way *w, int fd)
{
	struct udp_flow	*u;
	struct flow_key	 k;
	struct flow	*f;

	flow_key(&k, p, FLOW_UDP, src, sport, NULL, 0);
	k.way = w->id;
	/* what it had sent by another port has come to its end */
	if ((f = flow_find(s, &k)) != NULL)
		udp_close(s, f);
	if ((u = calloc(1, sizeof(*u))) == NULL)
		return (NULL);
	f = &u->f;
	f->type = FLOW_UDP;
	f->peer = p;
	f->src = *src;
	f->sport = sport;
	f->dst.af = src->af;
	f->kept = 1;
	if (flow_add(s, f, &k) == -1) {
		free(u);
		return (NULL);
	}
	if (s->host->adopt(s->harg, f, fd) == -1) {
		flow_remove(s, f);
		free(u);
		return (NULL);
	}
	udp_ports_add(&s->udp->ports, &u->port, f);
	s->count.udp_opened++;
	s->count.udp_active++;
	flow_schedule(s, f, s->now + s->conf.udp_timeout);
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
		if (host_of(s, f)->sendto(host_arg(s, f), f, dst, dport, iov,
		    1, o) != -1) {
			note_sent(s, f, iov->iov_len, 1);
			return;
		}
		if (errno == EAGAIN || errno == ENOBUFS)
			break;
		if (errno == EMSGSIZE) {
			/* the queued error has the MTU */
			error_too_big(s, f, p);
			break;
		}
		if (i == 1 && error_of_errno(errno, p->src.af, &type,
		    &code) == 0)
			error_unreach(s, p, type, code, 0);
		if (i == 0)
			error_drain(s, f);
	}
	s->count.udp_drop_send++;
}

/* What an error about a packet of the train needs to know of it. */
static void
train_packet(const struct train *t, int i, struct ippkt *p)
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
static void
train_flush(struct slirp *s, struct train *t)
{
	struct flow		*f = t->f;
	const struct ipaddr	*dst;
	struct dgram_opts	 o = t->o;
	struct ippkt		 p;
	int			 i;

	if (f == NULL)
		return;
	dst = f->target == TARGET_LOOPBACK ? policy_loopback(t->dst.af) :
	    &t->dst;
	if (t->n > 1 && host_of(s, f)->sendto(host_arg(s, f), f, dst, t->dport,
	    t->iov, t->n, &o) != -1)
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

static void
udp_flush(struct slirp *s)
{
	int	 i;

	for (i = 0; i < UDP_TRAINS; i++)
		train_flush(s, &s->udp->train[i]);
}

/* The train of a flow to a destination, or one that is empty. */
static struct train *
train_for(struct slirp *s, const struct flow *f, const struct ipaddr *dst,
    uint16_t dport)
{
	struct udp_state	*u = s->udp;
	struct train		*t, *empty = NULL;

	for (t = u->train; t < u->train + UDP_TRAINS; t++)
		if (t->f == NULL)
			empty = t;
		else if (t->f == f && t->dport == dport &&
		    ipaddr_cmp(&t->dst, dst) == 0)
			return (t);
	if (empty == NULL) {
		empty = &u->train[u->next++ % UDP_TRAINS];
		train_flush(s, empty);
	}
	return (empty);
}

/*
 * Send a datagram to the host, together with those of this batch that are
 * like it: as long as the first, or shorter and the last.
 */
static void
udp_send(struct slirp *s, struct flow *f, const struct ippkt *p,
    uint16_t dport, size_t len)
{
	struct train	*t = train_for(s, f, &p->dst, dport);

	if (t->f != NULL && (t->closed || t->n == UDP_TRAIN || len == 0 ||
	    len > t->o.segment || t->total + len > TRAIN_BYTES ||
	    t->o.ttl != p->ttl || t->o.tos != p->tos || t->o.df != p->df ||
	    !p->stable))
		train_flush(s, t);
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
		train_flush(s, t);
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
	int		 v4 = p->src.af == 4;

	if (udp_forward_input(s, p, sport, dport, data, len))
		return (0);
	if (dport == DNS_PORT && s->names != NULL) {
		/* what is decided upon is copied first */
		memcpy(s->dgram, data, len);
		s->names->datagram(s, p->peer, &p->src, sport, &p->dst,
		    s->dgram, len);
		return (0);
	}
	if (dport == PCP_PORT && s->pcp != NULL) {
		memcpy(s->dgram, data, len);
		s->pcp(s, p->peer, &p->src, sport, &p->dst, s->dgram, len);
		return (0);
	}
	if (policy_check_local(s, p->peer, &p->src, IPPROTO_UDP, dport))
		return (1);
	/* nothing listens there */
	s->count.ip_drop_policy++;
	error_unreach(s, p, v4 ? 3 : 1, v4 ? 3 : 4, 0);
	return (0);
}

/* Has the guest of a mapping sent to this address, and port, of the host? */
static int
expects(const struct slirp *s, struct udp_flow *u, const struct ipaddr *from,
    uint16_t port)
{
	return (s->conf.filtering == FILTER_NONE || u->f.kept ||
	    (s->conf.filtering == FILTER_PORT ?
	    remotes_find(&u->remotes, from, port) :
	    remotes_at(&u->remotes, from, NULL)) != NULL);
}

/*
 * A datagram to an address of the host: it may be meant for the mapping of
 * another guest, or the same one, who knows the sender by the address and port
 * of the sender's own mapping (RFC 4787 REQ-9).  Whom it is from counts as
 * it would from outside.  Returns whether there was such a mapping; nothing
 * reaches the host.
 */
static int
hairpin(struct slirp *s, const struct ippkt *p, struct flow *f,
    const struct flow_key *k, const struct way *w, uint16_t sport,
    uint16_t dport, size_t len)
{
	struct flow	*to;
	struct udp_flow	*u;
	uint16_t	 port;

	if (w == NULL || w->c.kind != WAY_HOST ||
	    !policy_hairpin(s, p->peer, &p->src, &p->dst, dport) ||
	    udp_ports_find(s, &s->udp->ports, p->dst.af, dport) == NULL)
		return (0);
	if (f == NULL && (f = udp_open(s, p, sport, k, w)) == NULL) {
		s->count.ip_drop_budget++;
		return (1);
	}
	u = (struct udp_flow *)f;
	if ((port = udp_ports_of(s, &s->udp->ports, &u->port)) == 0) {
		s->count.udp_drop_send++;
		return (1);
	}
	/* it is not marked as passed: only here, and not by the socket */
	(void)remotes_note(&u->remotes, &p->dst, dport, &f->peer->nremotes);
	f->active = s->now;
	u->other = 1;
	note_sent(s, f, len, 1);
	flow_schedule(s, f, s->now + timeout(s, f));
	/* the one that was there may have made room for this one */
	to = udp_ports_find(s, &s->udp->ports, p->dst.af, dport);
	if (to == NULL || !expects(s, (struct udp_flow *)to, &p->dst, port) ||
	    !policy_hairpin(s, to->peer, &to->src, &p->dst, port)) {
		s->count.udp_drop_filtered++;
		return (1);
	}
	if (!rate_open(&to->peer->out, s->now, to->peer->rate_out)) {
		s->count.udp_drop_rate++;
		return (1);
	}
	memcpy(s->dgram + UDP_HDR, p->data + p->l4 + UDP_HDR, len);
	to->tx_bytes += len;
	udp_answer(s, to->peer, &to->lane, &p->dst, port, &to->src, to->sport,
	    s->dgram + UDP_HDR, len);
	return (1);
}

static void
udp_event(struct slirp *s, struct flow *f, int what)
{
	if (what & HOST_ERROR)
		error_drain(s, f);
	/* by a proxy it may be able to send now */
	if (what & (HOST_READ | HOST_WRITE))
		turns_ready(s, f);
}

/* Does the policy let the guest talk to this one still? */
static int
still_passes(const struct slirp *s, const struct udp_flow *u,
    struct remote *r)
{
	if (r->passed == s->policy)
		return (1);
	if (r->failed == s->policy)
		return (0);
	if (!policy_would_pass(s, u->f.peer, &u->f.src, &r->addr,
	    IPPROTO_UDP, r->port, own_address(s, &r->addr))) {
		r->failed = s->policy;
		return (0);
	}
	r->passed = s->policy;
	return (1);
}

/* The gateway's address that the guest sent to at this port of loopback. */
static struct remote *
sent_to_gateway(const struct slirp *s, struct udp_flow *u, uint8_t af,
    uint16_t port)
{
	struct remote	*r;
	size_t		 i;

	for (i = 0; i < s->conf.naddrs; i++)
		if (s->conf.addrs[i].addr.af == af && (r = remotes_find(
		    &u->remotes, &s->conf.addrs[i].addr, port)) != NULL &&
		    still_passes(s, u, r))
			return (r);
	return (NULL);
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
	int		 lo = policy_is_loopback(from);

	if (from->af != u->f.src.af)
		return (0);
	if (lo) {
		if ((r = sent_to_gateway(s, u, from->af, port)) != NULL)
			*from = r->addr;
		return (r != NULL);
	}
	/* who answers is most often who was asked */
	r = remotes_find(&u->remotes, from, port);
	if (r != NULL && still_passes(s, u, r))
		return (1);
	if (s->conf.filtering != FILTER_PORT)
		for (r = remotes_at(&u->remotes, from, NULL); r != NULL;
		    r = remotes_at(&u->remotes, from, r))
			if (still_passes(s, u, r))
				return (1);
	/* who calls at a port of the host, is one whom the guest could call */
	if (u->f.kept)
		return (egress_leaves_by(s, u->f.peer, &u->f.src, from,
		    IPPROTO_UDP, port, u->f.way_id));
	/* a stranger, but nobody of this host */
	return (s->conf.filtering == FILTER_NONE &&
	    policy_would_pass(s, u->f.peer, &u->f.src, from, IPPROTO_UDP,
	    port, 0));
}

static struct remotes *
remotes_of(struct flow *f)
{
	return (&((struct udp_flow *)f)->remotes);
}

/* No way is up, or it has no address of this family: the guest is told. */
static void
no_way(struct slirp *s, const struct ippkt *p, int error)
{
	uint8_t	 type, code;

	s->count.egress_none++;
	if (error_of_errno(error, p->src.af, &type, &code) == 0)
		error_unreach(s, p, type, code, 0);
}

/* A datagram of an uplink: the answer to a guest's, or to this process. */
static void
uplink_input(struct slirp *s, struct ippkt *p, uint16_t sport, uint16_t dport,
    size_t len)
{
	struct flow	*f;
	struct ipaddr	 from = p->src;
	uint8_t		*data = s->dgram + UDP_HDR;

	memcpy(data, p->data + p->l4 + UDP_HDR, len);
	if ((f = uplink_find(s, p, 0, dport, sport, data, len)) == NULL)
		return;
	if (!known_sender(s, (struct udp_flow *)f, &from, sport)) {
		s->count.udp_drop_filtered++;
		return;
	}
	if (!rate_open(&f->peer->out, s->now, f->peer->rate_out)) {
		s->count.udp_drop_rate++;
		return;
	}
	f->tx_bytes += len;
	s->count.udp_tx_datagrams++;
	s->count.udp_tx_bytes += len;
	udp_header(data - UDP_HDR, &from, sport, &f->src, f->sport, len);
	out_send(s, f->peer, &f->lane, &from, &f->src, IPPROTO_UDP,
	    data - UDP_HDR, len + UDP_HDR, p->tos);
}

static void
udp_input(struct slirp *s, struct ippkt *p)
{
	const uint8_t	*h;
	const struct rule	*by;
	struct flow_key	 k;
	struct flow	*f;
	struct remote	*r;
	struct way	*w = NULL;
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
	if (rate_over(s, p->peer, len))
		return;
	if (is_uplink(p->peer)) {
		uplink_input(s, p, sport, dport, len);
		return;
	}
	local = own_address(s, &p->dst);
	if (local && !local_input(s, p, sport, dport, len))
		return;
	flow_key(&k, p->peer, FLOW_UDP, &p->src, sport, NULL, 0);
	if (local) {
		k.way = WAY_ID_LOCAL;
		f = flow_find(s, &k);
	} else if ((f = egress_mapping(s, p, dport, remotes_of,
	    &k, &w)) == NULL) {
		v = policy_check(s, p->peer, &p->src, &p->dst, IPPROTO_UDP,
		    dport, &by);
		if (v == VERDICT_PASS) {
			w = egress_way(s, egress_of(s, p->peer, by));
			k.way = w != NULL ? w->id : 0;
		}
		f = w != NULL ? flow_find(s, &k) : NULL;
		if (v != VERDICT_PASS) {
			if (!hairpin(s, p, f, &k, w, sport, dport, len))
				error_blocked(s, p, v);
			return;
		}
		if (w == NULL || (f == NULL && !egress_takes(s, w, FLOW_UDP))) {
			no_way(s, p, w == NULL ? ENETUNREACH : EACCES);
			return;
		}
	}
	if (f == NULL) {
		errno = 0;
		if ((f = udp_open(s, p, sport, &k, w)) == NULL) {
			if (errno == ENETUNREACH || errno == EACCES)
				no_way(s, p, errno);
			else
				s->count.ip_drop_budget++;
			return;
		}
	}
	f->dst = p->dst;
	f->dport = dport;
	f->active = s->now;
	if (dport != DNS_PORT)
		((struct udp_flow *)f)->other = 1;
	if ((r = remotes_note(&((struct udp_flow *)f)->remotes, &p->dst,
	    dport, &f->peer->nremotes)) != NULL)
		r->passed = r->leaves = s->policy;
	flow_schedule(s, f, s->now + timeout(s, f));
	udp_send(s, f, p, dport, len);
}

/* A datagram whose payload is in its place in a slot. */
static void
send_slot(struct slirp *s, struct flow *f, uint32_t slot,
    const struct arrival *a, size_t len)
{
	size_t	 hlen = ip_hdr_len(&f->src) + UDP_HDR;
	uint8_t	*p = pktq_slot(s->out, slot) + SLOT_PAYLOAD;

	udp_header(p - UDP_HDR, &a->from, a->port, &f->src, f->sport, len);
	out_header(s, f->peer, p - hlen, &a->from, &f->src, IPPROTO_UDP,
	    len + UDP_HDR, (uint8_t)a->o.tos, 0);
	out_publish(s, slot, SLOT_PAYLOAD - hlen, hlen + len, f->peer,
	    &f->lane);
}

/* One of len bytes behind room for a header. */
static void
send_copy(struct slirp *s, struct flow *f, uint8_t *data,
    const struct arrival *a, size_t len)
{
	uint32_t	 slot;

	if (ip_hdr_len(&f->src) + UDP_HDR + len > out_mtu(s, f->peer)) {
		/* the header goes over what has gone */
		udp_header(data - UDP_HDR, &a->from, a->port, &f->src,
		    f->sport, len);
		out_send(s, f->peer, &f->lane, &a->from, &f->src, IPPROTO_UDP,
		    data - UDP_HDR, len + UDP_HDR, (uint8_t)a->o.tos);
		return;
	}
	if ((slot = out_slot(s, 1)) == PKTQ_NOSLOT) {
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

	room = out_mtu(s, f->peer) - ip_hdr_len(&f->src) - UDP_HDR;
	a->size = room;
	if (u->segment != 0 && u->segment <= room) {
		a->size = u->segment;
		most = (uint32_t)((DGRAM_MAX - UDP_HDR - 1) / a->size);
		if (most > RECV_TRAIN)
			most = RECV_TRAIN;
	}
	for (a->nslots = 0; a->nslots < most; a->nslots++) {
		if ((a->slot[a->nslots] = out_slot(s, 1)) == PKTQ_NOSLOT)
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
	n = host_of(s, f)->recvfrom(host_arg(s, f), f, iov,
	    (int)a->nslots + 1, &a->from, &a->port, &a->o);
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
		out_bulk(s, &f->lane);
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
static int
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
		    !pktq_bulk_done(s->out, f->lane.bulk_mark))) {
			turns_wait(s, f);
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
			turns_wait(s, f);
			return (0);
		}
		give_slots(s, &a);
		if (r == 0)
			continue;
		if (error == EAGAIN)
			return (0);
		error_drain(s, f);
	}
	return (1);
}

/* Whether whoever was asked has answered. */
static int
udp_worth(const struct slirp *s, const struct flow *f)
{
	if (f->kept)
		return (WORTH_MUCH);
	if (f->tx_bytes == 0)
		return (WORTH_NOTHING);
	return (s->now - f->active >= IDLE ? WORTH_IDLE : WORTH_MUCH);
}

static const char *
udp_state_name(const struct flow *f)
{
	(void)f;
	return ("active");
}

/* A mapping lives on (RFC 4787 REQ-12); what is sent now is made to fit. */
static void
udp_told(struct slirp *s, struct flow *f, const struct guest_error *e)
{
	if (e->mtu != 0)
		out_learn_mtu(s, f->peer, e->af, e->mtu);
}

static int
udp_knows(struct slirp *s, struct flow *f, const struct ipaddr *a,
    uint16_t port)
{
	(void)s;
	return (remotes_find(remotes_of(f), a, port) != NULL);
}

static const struct flow_ops	 udp_flow_ops = {
	.ipproto = { IPPROTO_UDP, IPPROTO_UDP },
	.event = udp_event,
	.ready = udp_ready,
	.timer = udp_timer,
	.kill = udp_close,
	.worth = udp_worth,
	.state = udp_state_name,
	.told = udp_told,
	.knows = udp_knows
};

static void
udp_free(struct slirp *s)
{
	if (s->udp != NULL)
		udp_ports_free(&s->udp->ports);
	free(s->udp);
	s->udp = NULL;
}

static const struct proto_ops	 udp_proto = {
	.input = udp_input,
	.batch_end = udp_flush,
	.free = udp_free
};

int
udp_register(struct slirp *s)
{
	if ((s->udp = calloc(1, sizeof(*s->udp))) == NULL)
		return (-1);
	udp_ports_init(&s->udp->ports);
	flow_register(s, FLOW_UDP, &udp_flow_ops);
	udp_forward_register(s);
	ip_register(s, 4, IPPROTO_UDP, &udp_proto);
	ip_register(s, 6, IPPROTO_UDP, &udp_proto);
	return (0);
}
