/* SPDX-License-Identifier: ISC */

/*
 * Errors toward the guests, by ICMP and ICMPv6: the engine's own, and those
 * that the host's kernel reports, rebuilt with the headers that the guest
 * knows.  They are limited for each peer, and never sent about other errors,
 * to multicast, or about later fragments (RFC 1122 3.2.2, RFC 4443 2.4).
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <string.h>

#include "bytes.h"
#include "cksum.h"
#include "error.h"
#include "out.h"

#define ICMP_RATE	100		/* errors a second and peer */
#define ICMP_BURST	50
#define DRAIN_BUDGET	64
/* An error with it is no longer than 576 bytes (RFC 1812 4.3.2.3). */
#define QUOTE_MAX	(576 - IP6_HDR_LEN - ICMP_HDR_LEN)

static int
limit_errors(struct slirp *s, struct slirp_peer *peer)
{
	if (bucket_take(&peer->errors, s->now, ICMP_RATE, ICMP_BURST))
		return (0);
	s->count.icmp_tx_limited++;
	return (-1);
}

/* Send an error that quotes len bytes at quote to a guest. */
static void
send_error(struct slirp *s, struct slirp_peer *peer,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t type,
    uint8_t code, uint32_t info, const uint8_t *quote, size_t len)
{
	uint8_t	 m[ICMP_HDR_LEN + QUOTE_MAX];

	if (len > QUOTE_MAX)
		len = QUOTE_MAX;
	m[0] = type;
	m[1] = code;
	put32(m + 4, info);
	memcpy(m + ICMP_HDR_LEN, quote, len);
	cksum_icmp(m, ICMP_HDR_LEN + len, src, dst);
	out_send(s, peer, NULL, src, dst,
	    src->af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6, m, ICMP_HDR_LEN + len,
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
error_unreach(struct slirp *s, const struct ippkt *p, uint8_t type,
    uint8_t code, uint32_t info)
{
	const struct ipaddr	*src;
	uint8_t			 quote[QUOTE_MAX];
	size_t			 len = p->len;

	/* who is behind an uplink is no guest, and we are no router there */
	if (is_uplink(p->peer) || no_error_about(p) ||
	    limit_errors(s, p->peer) == -1)
		return;
	if ((src = own_of(s, p->src.af)) == NULL)
		src = &p->dst;
	if (len > sizeof(quote))
		len = sizeof(quote);
	/* its start is what was decided upon */
	memcpy(quote, p->data, len);
	memcpy(quote, p->hdr, len < p->hdrlen ? len : p->hdrlen);
	send_error(s, p->peer, src, &p->src, type, code, info, quote, len);
}

/* The policy does not let the packet through: tell why, if it may. */
void
error_blocked(struct slirp *s, const struct ippkt *p, enum verdict v)
{
	int	 v4 = p->src.af == 4;

	s->count.ip_drop_policy++;
	if (v == VERDICT_DROP)
		return;
	if (policy_nowhere(s, &p->dst))
		error_unreach(s, p, v4 ? ICMP4_UNREACH : ICMP6_UNREACH,
		    v4 ? 1 : 3, 0);
	else
		error_unreach(s, p, v4 ? ICMP4_UNREACH : ICMP6_UNREACH,
		    v4 ? 13 : 1, 0);
}

/* ICMP type and code for a local error.  -1 if there is none. */
int
error_of_errno(int error, uint8_t af, uint8_t *type, uint8_t *code)
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
error_relay(struct slirp *s, struct flow *f, uint8_t proto, uint32_t seq,
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
	} else if (error_of_errno(e->error, f->src.af, &type, &code) == -1)
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
	    own_of(s, f->src.af);
	/* the guest knows the host's loopback as the gateway */
	if (policy_is_loopback(&odst) && own_of(s, odst.af) != NULL)
		odst = *own_of(s, odst.af);
	if (src == NULL)
		src = &odst;
	dst = &f->src;
	out_header(s, NULL, q, &f->src, &odst, proto, 8 + e->datalen, 0, 0);
	quote_transport(f, proto, seq, e, e->dst.af != 0 ? e->dport :
	    f->dport, q + hlen);
	send_error(s, f->peer, src, dst, type, code, info, q, hlen + 8);
}

/*
 * Tell the guest everything that waits in a socket's error queue.  What the
 * host itself found too long is not told, and the MTU of its way returned:
 * whoever sent it has the packet at hand.
 */
static uint32_t
drain(struct slirp *s, struct flow *f, int own_mtu)
{
	struct host_error	 e;
	uint32_t		 mtu = 0;
	uint8_t			 proto;
	int			 n;

	proto = s->flow_ops[f->type]->ipproto[f->src.af == 6];
	for (n = 0; n < DRAIN_BUDGET &&
	    host_of(s, f)->errqueue(host_arg(s, f), f, &e) == 0; n++) {
		if (own_mtu && !e.icmp && e.error == EMSGSIZE)
			mtu = e.info;
		else
			error_relay(s, f, proto, 0, &e);
	}
	return (mtu);
}

void
error_drain(struct slirp *s, struct flow *f)
{
	(void)drain(s, f, 0);
}

/*
 * A packet of a guest was longer than the host's way to its destination
 * takes: tell so, about that packet.
 */
void
error_too_big(struct slirp *s, struct flow *f, const struct ippkt *p)
{
	uint32_t	 mtu = drain(s, f, 1);

	/* without an answer it would be told what it knows already */
	if (mtu < (p->src.af == 4 ? 68 : 1280) || mtu >= p->len)
		return;
	if (p->src.af == 4)
		error_unreach(s, p, ICMP4_UNREACH, 4, mtu);
	else
		error_unreach(s, p, ICMP6_TOOBIG, 0, mtu);
}
