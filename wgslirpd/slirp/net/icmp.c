/* SPDX-License-Identifier: ISC */

/*
 * ICMP and ICMPv6: echo through unprivileged ping sockets, the gateway's
 * own answers, and errors toward the guests, both the engine's own and
 * those that the host's kernel reports, rebuilt with the headers that the
 * guest knows.
 *
 * A ping socket has an id that the kernel chose, and receives only what
 * has it; one socket for each guest address and id maps between the two.
 * Errors are limited for each peer, and never sent about other errors,
 * to multicast, or about later fragments (RFC 1122 3.2.2, RFC 4443 2.4).
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "slirp.h"

#define ICMP4_ECHOREPLY		0
#define ICMP4_UNREACH		3
#define ICMP4_ECHO		8
#define ICMP4_TIMXCEED		11
#define ICMP4_PARAM		12
#define ICMP6_UNREACH		1
#define ICMP6_TOOBIG		2
#define ICMP6_ECHO		128
#define ICMP6_ECHOREPLY		129

#define ICMP_HDR	8
#define ICMP_TIMEOUT	MONO_SEC(60)	/* RFC 5508 REQ-2 */
#define ICMP_RATE	100		/* errors a second and peer */
#define ICMP_BURST	50
#define RECV_BUDGET	64

struct icmp_flow {
	struct flow	 f;	/* sport: the guest's id */
	struct remotes	 remotes;
};

static int
limit_errors(struct slirp *s, struct slirp_peer *peer)
{
	if (bucket_take(&peer->errors, s->now, ICMP_RATE, ICMP_BURST))
		return (0);
	s->count.icmp_tx_limited++;
	return (-1);
}

static void
set_cksum(uint8_t *m, size_t len, const struct ipaddr *src,
    const struct ipaddr *dst)
{
	uint32_t	 sum = 0;
	uint16_t	 c;

	put16(m + 2, 0);
	if (src->af == 6)
		sum = cksum_pseudo(src, dst, IPPROTO_ICMPV6, len);
	c = cksum_fold(cksum_add(m, len, sum));
	memcpy(m + 2, &c, 2);
}

/* Send an error that quotes len bytes at quote to a guest. */
static void
send_error(struct slirp *s, struct slirp_peer *peer,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t type,
    uint8_t code, uint32_t info, const uint8_t *quote, size_t len)
{
	uint8_t	 m[ICMP_HDR + HDR_COPY + 64];

	if (len > sizeof(m) - ICMP_HDR)
		len = sizeof(m) - ICMP_HDR;
	m[0] = type;
	m[1] = code;
	put32(m + 4, info);
	memcpy(m + ICMP_HDR, quote, len);
	set_cksum(m, ICMP_HDR + len, src, dst);
	ip_send(s, peer, NULL, src, dst,
	    src->af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, m, ICMP_HDR + len,
	    0);
	s->count.icmp_tx_errors++;
}

static int
is_multicast(const struct ipaddr *a)
{
	return (a->af == 4 ? a->a[0] >= 224 : a->a[0] == 0xff);
}

/* Is the packet itself an ICMP error, or nothing one may answer? */
static int
no_error_about(const struct ippkt *p)
{
	const uint8_t	*h;

	if (is_multicast(&p->dst))
		return (1);
	if (p->proto == IPPROTO_ICMP)
		return ((h = pkt_get(p, p->l4, 1)) == NULL ||
		    *h != ICMP4_ECHO);
	if (p->proto == IPPROTO_ICMPV6)
		return ((h = pkt_get(p, p->l4, 1)) == NULL || *h < 128);
	return (0);
}

/*
 * Tell the guest that its packet went nowhere; type and code are those of
 * the packet's family, info the second word (MTU or pointer).
 */
void
icmp_unreach(struct slirp *s, const struct ippkt *p, uint8_t type,
    uint8_t code, uint32_t info)
{
	const struct ipaddr	*src;

	if (no_error_about(p) || limit_errors(s, p->peer) == -1)
		return;
	if ((src = ip_local(s, p->src.af)) == NULL)
		src = &p->dst;
	send_error(s, p->peer, src, &p->src, type, code, info, p->hdr,
	    p->hdrlen);
}

/* The policy does not let the packet through: tell why, if it may. */
void
icmp_blocked(struct slirp *s, const struct ippkt *p, enum verdict v)
{
	int	 v4 = p->src.af == 4;

	s->count.ip_drop_policy++;
	if (v == VERDICT_DROP)
		return;
	if (policy_nowhere(s, &p->dst))
		icmp_unreach(s, p, v4 ? ICMP4_UNREACH : ICMP6_UNREACH,
		    v4 ? 1 : 3, 0);
	else
		icmp_unreach(s, p, v4 ? ICMP4_UNREACH : ICMP6_UNREACH,
		    v4 ? 13 : 1, 0);
}

/* ICMP type and code for a local error.  -1 if there is none. */
int
icmp_map_errno(int error, uint8_t af, uint8_t *type, uint8_t *code)
{
	*type = af == 4 ? ICMP4_UNREACH : ICMP6_UNREACH;
	switch (error) {
	case EHOSTUNREACH:
	case EHOSTDOWN:
		*code = af == 4 ? 1 : 3;
		return (0);
	case ENETUNREACH:
	case ENETDOWN:
		*code = 0;
		return (0);
	case EACCES:
	case EPERM:
		*code = af == 4 ? 13 : 1;
		return (0);
	case ECONNREFUSED:
		*code = af == 4 ? 3 : 4;
		return (0);
	case ENOPROTOOPT:
	case EPROTONOSUPPORT:
		*code = af == 4 ? 2 : 3;
		return (0);
	case EMSGSIZE:
		if (af == 6)
			*type = ICMP6_TOOBIG;
		*code = af == 4 ? 4 : 0;
		return (0);
	default:
		return (-1);
	}
}

/* The first 8 bytes of transport header, as the guest sent them. */
static void
quote_transport(const struct flow *f, uint8_t proto, uint32_t seq,
    const struct host_error *e, uint16_t dport, uint8_t q[8])
{
	uint32_t	 sum;
	uint16_t	 c;

	memset(q, 0, 8);
	if (proto == IPPROTO_TCP || proto == IPPROTO_UDP) {
		put16(q, f->sport);
		put16(q + 2, dport);
		if (proto == IPPROTO_TCP)
			put32(q + 4, seq);
		else
			put16(q + 4, (uint32_t)(8 + e->datalen));
		return;
	}
	if (e->datalen >= 8)
		memcpy(q, e->data, 8);
	q[0] = f->src.af == 4 ? ICMP4_ECHO : ICMP6_ECHO;
	/* the id changes: so does the sum (RFC 1624) */
	sum = (uint32_t)(uint16_t)~be16(q + 2) +
	    (uint32_t)(uint16_t)~be16(q + 4) + f->sport;
	put16(q + 4, f->sport);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	c = (uint16_t)~sum;
	put16(q + 2, c);
}

/*
 * Tell the guest what the host's kernel said about something of a flow:
 * the quoted headers are the guest's own, the source is whoever sent the
 * error.  proto is the flow's IP protocol, seq the sequence number that a
 * TCP guest expects.
 */
void
icmp_relay(struct slirp *s, struct flow *f, uint8_t proto, uint32_t seq,
    const struct host_error *e)
{
	const struct ipaddr	*src, *dst;
	struct ipaddr		 odst;
	uint8_t			 q[40 + 8], type, code;
	uint32_t		 info = 0;
	size_t			 hlen = ip_hdr_len(&f->src);

	if (e->icmp && e->af == f->src.af) {
		type = e->type;
		code = e->code;
	} else if (icmp_map_errno(e->error, f->src.af, &type, &code) == -1)
		return;
	if (f->src.af == 4 ? (type == ICMP4_UNREACH && code == 4) :
	    type == ICMP6_TOOBIG) {
		info = e->info;
		if (info == 0 || info > 65535)
			info = s->conf.mtu;
	} else if (f->src.af == 4 && type != ICMP4_UNREACH &&
	    type != ICMP4_TIMXCEED && type != ICMP4_PARAM)
		return;
	if (limit_errors(s, f->peer) == -1)
		return;
	odst = e->dst.af != 0 ? e->dst : f->dst;
	src = e->icmp && e->offender.af == f->src.af &&
	    !policy_is_loopback(&e->offender) ? &e->offender :
	    ip_local(s, f->src.af);
	/* the guest knows the host's loopback as the gateway */
	if (policy_is_loopback(&odst) && ip_local(s, odst.af) != NULL)
		odst = *ip_local(s, odst.af);
	if (src == NULL)
		src = &odst;
	dst = &f->src;
	ip_header(s, q, &f->src, &odst, proto, 8 + e->datalen, 0, 0);
	quote_transport(f, proto, seq, e, e->dst.af != 0 ? e->dport :
	    f->dport, q + hlen);
	send_error(s, f->peer, src, dst, type, code, info, q, hlen + 8);
}

/* Tell the guest everything that waits in a socket's error queue. */
void
icmp_drain(struct slirp *s, struct flow *f)
{
	struct host_error	 e;
	uint8_t			 proto;
	int			 n;

	proto = f->type == FLOW_UDP ? IPPROTO_UDP : f->src.af == 4 ?
	    IPPROTO_ICMP : IPPROTO_ICMPV6;
	for (n = 0; n < RECV_BUDGET &&
	    s->host->errqueue(s->harg, f, &e) == 0; n++)
		icmp_relay(s, f, proto, 0, &e);
}

static int
bad_cksum(const struct ippkt *p)
{
	uint32_t	 sum = 0;

	if (p->proto == IPPROTO_ICMPV6)
		sum = cksum_pseudo(&p->src, &p->dst, p->proto, p->l4len);
	return (cksum_fold(cksum_add(p->data + p->l4, p->l4len, sum)) != 0);
}

/* Ping to the gateway itself: always answered. */
static void
echo_local(struct slirp *s, struct ippkt *p)
{
	if (!rate_open(&p->peer->out, s->now, p->peer->rate_out))
		return;
	memcpy(s->dgram, p->data + p->l4, p->l4len);
	s->dgram[0] = p->src.af == 4 ? ICMP4_ECHOREPLY : ICMP6_ECHOREPLY;
	s->dgram[1] = 0;
	set_cksum(s->dgram, p->l4len, &p->dst, &p->src);
	ip_send(s, p->peer, NULL, &p->dst, &p->src, p->proto, s->dgram,
	    p->l4len, p->tos);
	s->count.icmp_echo_local++;
}

static struct flow *
icmp_open(struct slirp *s, const struct ippkt *p, uint16_t id,
    const struct flow_key *k)
{
	struct icmp_flow	*c;
	struct flow		*f;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	f = &c->f;
	f->type = FLOW_ICMP;
	f->peer = p->peer;
	f->src = p->src;
	f->dst = p->dst;
	f->sport = id;
	if (flow_add(s, f, k) == -1) {
		free(c);
		return (NULL);
	}
	if (s->host->icmp_open(s->harg, f) == -1) {
		if (log_allow(&s->loglimit, s->now))
			log_debug("ping socket: %s", strerror(errno));
		flow_remove(s, f);
		free(c);
		return (NULL);
	}
	s->count.icmp_active++;
	return (f);
}

void
icmp_close(struct slirp *s, struct flow *f)
{
	s->host->close(s->harg, f, 0);
	flow_remove(s, f);
	s->count.icmp_active--;
	remotes_free(&((struct icmp_flow *)f)->remotes);
	free(f);
}

static int
is_error(uint8_t af, uint8_t type)
{
	return (af == 4 ? type == ICMP4_UNREACH || type == ICMP4_TIMXCEED ||
	    type == ICMP4_PARAM : type < 128);
}

/*
 * The header of ours that an error from the guest quotes: offset of its
 * transport header in the packet, or 0 if it is none of ours.
 */
static size_t
quoted(const struct ippkt *p, struct ipaddr *src, struct ipaddr *dst,
    uint8_t *proto)
{
	const uint8_t	*h;
	size_t		 off = p->l4 + ICMP_HDR;

	if (p->src.af == 4) {
		if ((h = pkt_get(p, off, 20)) == NULL || h[0] >> 4 != 4 ||
		    (h[0] & 15) < 5 || (be16(h + 6) & 0x1fff) != 0)
			return (0);
		*proto = h[9];
		ipaddr_from4(src, h + 12);
		ipaddr_from4(dst, h + 16);
		return (off + (size_t)(h[0] & 15) * 4);
	}
	/* a fragment of ours tells what it was, if it was the first */
	if ((h = pkt_get(p, off, 40)) == NULL || h[0] >> 4 != 6)
		return (0);
	*proto = h[6];
	ipaddr_from6(src, h + 8);
	ipaddr_from6(dst, h + 24);
	off += 40;
	if (*proto == IPPROTO_FRAGMENT6) {
		if ((h = pkt_get(p, off, 8)) == NULL ||
		    (be16(h + 2) & ~7U) != 0)
			return (0);
		*proto = h[0];
		off += 8;
	}
	return (off);
}

/*
 * A guest, or a router behind it, could not take a packet of ours.  That
 * is news for TCP, which sends smaller segments or gives up asking; a UDP
 * mapping lives on (RFC 4787 REQ-12), and what is sent from now on is
 * fragmented to fit.
 */
static void
error_input(struct slirp *s, struct ippkt *p)
{
	const uint8_t	*h = pkt_get(p, p->l4, ICMP_HDR), *q;
	struct ipaddr	 src, dst;
	struct flow_key	 k;
	struct flow	*f;
	size_t		 off;
	uint32_t	 mtu = 0;
	uint8_t		 proto;

	s->count.icmp_rx_errors++;
	if ((off = quoted(p, &src, &dst, &proto)) == 0 ||
	    (q = pkt_get(p, off, 8)) == NULL)
		return;
	if (p->src.af == 4 && h[0] == ICMP4_UNREACH && h[1] == 4)
		mtu = be16(h + 6);
	else if (p->src.af == 6 && h[0] == ICMP6_TOOBIG)
		mtu = be32(h + 4);
	/* our packet went from src to dst: the flow has them reversed */
	if (proto == IPPROTO_TCP) {
		flow_key(&k, p->peer, FLOW_TCP, &dst, be16(q + 2), &src,
		    be16(q));
		if ((f = flow_find(s, &k)) != NULL)
			tcp_icmp(s, f, be32(q + 4), mtu, h[0], h[1]);
		return;
	}
	flow_key(&k, p->peer, FLOW_UDP, &dst, be16(q + 2), NULL, 0);
	if (mtu != 0 && proto == IPPROTO_UDP && flow_find(s, &k) != NULL)
		ip_learn_mtu(s, p->peer, p->src.af, mtu);
}

/* Find or make the mapping of an echo that may be sent; NULL if not. */
static struct flow *
echo_flow(struct slirp *s, struct ippkt *p, uint16_t id)
{
	struct flow_key	 k;
	struct flow	*f;
	struct remote	*r = NULL;
	enum verdict	 v;

	flow_key(&k, p->peer, FLOW_ICMP, &p->src, id, NULL, 0);
	if ((f = flow_find(s, &k)) != NULL)
		r = remotes_find(&((struct icmp_flow *)f)->remotes, &p->dst,
		    0);
	if ((r == NULL || r->passed != s->policy) &&
	    (v = policy_check(s, p->peer, &p->src, &p->dst, IPPROTO_ICMP,
	    0)) != VERDICT_PASS) {
		icmp_blocked(s, p, v);
		return (NULL);
	}
	if (f == NULL && (f = icmp_open(s, p, id, &k)) == NULL) {
		s->count.icmp_drop_socket++;
		return (NULL);
	}
	if ((r = remotes_note(&((struct icmp_flow *)f)->remotes, &p->dst, 0,
	    s->now)) != NULL)
		r->passed = s->policy;
	return (f);
}

void
icmp_input(struct slirp *s, struct ippkt *p)
{
	const uint8_t	*h;
	struct flow	*f;
	struct iovec	 iov[2];
	struct dgram_opts	 o;
	uint8_t		 hdr[ICMP_HDR];

	if ((h = pkt_get(p, p->l4, ICMP_HDR)) == NULL) {
		s->count.ip_drop_malformed++;
		return;
	}
	if (bad_cksum(p)) {
		s->count.ip_drop_checksum++;
		return;
	}
	if (is_error(p->src.af, h[0])) {
		error_input(s, p);
		return;
	}
	if (h[0] != (p->src.af == 4 ? ICMP4_ECHO : ICMP6_ECHO) || h[1] != 0)
		return;
	if (flow_over_rate(s, p->peer, p->l4len))
		return;
	if (ip_is_local(s, &p->dst)) {
		echo_local(s, p);
		return;
	}
	if ((f = echo_flow(s, p, be16(h + 4))) == NULL)
		return;
	f->dst = p->dst;
	f->active = s->now;
	f->rx_bytes += p->l4len;
	flow_schedule(s, f, s->now + ICMP_TIMEOUT);
	/* the kernel fills in its own id and the sum */
	memcpy(hdr, h, sizeof(hdr));
	iov[0].iov_base = hdr;
	iov[0].iov_len = sizeof(hdr);
	iov[1].iov_base = (void *)(uintptr_t)(p->data + p->l4 + ICMP_HDR);
	iov[1].iov_len = p->l4len - ICMP_HDR;
	o.ttl = p->ttl;
	o.tos = p->tos;
	o.df = p->df;
	o.segment = 0;
	if (s->host->sendto(s->harg, f, &p->dst, 0, iov, 2, &o) == -1) {
		if (errno == EMSGSIZE) {
			/* the queued error has the MTU */
			icmp_drain(s, f);
			return;
		}
		icmp_drain(s, f);
		if (s->host->sendto(s->harg, f, &p->dst, 0, iov, 2, &o) ==
		    -1) {
			uint8_t	 type, code;

			if (icmp_map_errno(errno, p->src.af, &type,
			    &code) == 0)
				icmp_unreach(s, p, type, code, 0);
			return;
		}
	}
	s->count.icmp_echo_tx++;
}

void
icmp_event(struct slirp *s, struct flow *f, int what)
{
	if (what & HOST_ERROR)
		icmp_drain(s, f);
	if (what & HOST_READ)
		flow_ready(s, f);
}

/* Has the guest sent to this one, and may it still? */
static int
knows(const struct slirp *s, struct flow *f, const struct ipaddr *from)
{
	struct remote	*r;

	r = remotes_find(&((struct icmp_flow *)f)->remotes, from, 0);
	if (r == NULL || (r->passed != s->policy && !policy_would_pass(s,
	    f->peer, &f->src, from, IPPROTO_ICMP, 0, 0)))
		return (0);
	r->passed = s->policy;
	return (1);
}

/*
 * Take answers to pings, and errors about them.  Returns whether there
 * may be more.
 */
int
icmp_ready(struct slirp *s, struct flow *f)
{
	struct ipaddr	 from;
	struct iovec	 iov;
	uint16_t	 port;
	struct dgram_opts	 o;
	ssize_t		 n;
	int		 i;

	for (i = 0; i < RECV_BUDGET; i++) {
		iov.iov_base = s->dgram;
		iov.iov_len = DGRAM_MAX;
		n = s->host->recvfrom(s->harg, f, &iov, 1, &from, &port, &o);
		if (n == -1) {
			if (errno == EAGAIN)
				return (0);
			icmp_drain(s, f);
			continue;
		}
		if (n < ICMP_HDR || from.af != f->src.af ||
		    !knows(s, f, &from) ||
		    !rate_open(&f->peer->out, s->now, f->peer->rate_out) ||
		    s->dgram[0] != (f->src.af == 4 ? ICMP4_ECHOREPLY :
		    ICMP6_ECHOREPLY))
			continue;
		put16(s->dgram + 4, f->sport);
		set_cksum(s->dgram, (size_t)n, &from, &f->src);
		ip_send(s, f->peer, f, &from, &f->src, f->src.af == 4 ?
		    IPPROTO_ICMP : IPPROTO_ICMPV6, s->dgram, (size_t)n,
		    (uint8_t)o.tos);
		f->tx_bytes += (uint64_t)n;
		s->count.icmp_echo_rx++;
	}
	return (1);
}

void
icmp_timer(struct slirp *s, struct flow *f)
{
	if (s->now - f->active >= ICMP_TIMEOUT)
		icmp_close(s, f);
	else
		flow_schedule(s, f, f->active + ICMP_TIMEOUT);
}
