/* SPDX-License-Identifier: ISC */

/*
 * IP: the checks on everything that comes from a guest, and the headers
 * of everything that goes to one (RFC 791, 1122, 1812, 8200).
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "slirp.h"

#define IP4_HDR		20
#define IP6_HDR		40
#define IP4_MF		0x2000
#define IP4_DF		0x4000
#define IP4_OFFMASK	0x1fff
#define IPOPT_LSRR_	131
#define IPOPT_SSRR_	137
#define IPOPT_EOL_	0
#define IPOPT_NOP_	1
#define IP6_MIN_MTU	1280
#define MAX_EXT		8

/* What a packet to this peer may have, headers included. */
uint16_t
ip_mtu(const struct slirp *s, const struct slirp_peer *p)
{
	if (p->pmtu != 0 && p->pmtu < s->conf.mtu &&
	    s->now - p->pmtu_at < PATH_AGE)
		return (p->pmtu);
	return (s->conf.mtu);
}

/*
 * The path to the peer takes packets of no more than mtu bytes, somebody
 * there says.  Less than every host has to take is not believed.
 */
void
ip_learn_mtu(struct slirp *s, struct slirp_peer *p, uint8_t af,
    uint32_t mtu)
{
	uint32_t	 least = af == 4 ? MTU_MIN : IP6_MIN_MTU;

	if (mtu < least)
		mtu = least;
	if (mtu >= ip_mtu(s, p))
		return;
	p->pmtu = (uint16_t)mtu;
	p->pmtu_at = s->now;
}

size_t
ip_hdr_len(const struct ipaddr *a)
{
	return (a->af == 4 ? IP4_HDR : IP6_HDR);
}

/* Is it one of the gateway's own tunnel addresses? */
int
ip_is_local(const struct slirp *s, const struct ipaddr *a)
{
	size_t	 i;

	for (i = 0; i < s->conf.naddrs; i++)
		if (ipaddr_cmp(&s->conf.addrs[i].addr, a) == 0)
			return (1);
	return (0);
}

/* The gateway's address of a family (4 or 6), or NULL if it has none. */
const struct ipaddr *
ip_local(const struct slirp *s, uint8_t af)
{
	size_t	 i;

	for (i = 0; i < s->conf.naddrs; i++)
		if (s->conf.addrs[i].addr.af == af)
			return (&s->conf.addrs[i].addr);
	return (NULL);
}

/*
 * A packet slot toward the guests.  bulk: leave a reserve for the rest.
 * PKTQ_NOSLOT if there is none.
 */
uint32_t
ip_slot(struct slirp *s, int bulk)
{
	if (s->out->nfree <= (bulk ? SLOTS_RESERVED : 0) &&
	    pktq_reclaim(s->out) == -1)
		fatalx("crypto broke the packet queue");
	if (s->out->nfree <= (bulk ? SLOTS_RESERVED : 0))
		return (PKTQ_NOSLOT);
	return (pktq_alloc(s->out));
}

/*
 * Build a header at p for len bytes of payload.  frag is the IPv4 flags
 * and offset field.
 */
void
ip_header(struct slirp *s, uint8_t *p, const struct ipaddr *src,
    const struct ipaddr *dst, uint8_t proto, size_t len, uint8_t tos,
    int frag)
{
	uint16_t	 sum;

	if (src->af == 4) {
		p[0] = 0x45;
		p[1] = tos;
		put16(p + 2, (uint32_t)(len + IP4_HDR));
		put16(p + 4, s->ip_id++);
		put16(p + 6, (uint32_t)frag);
		p[8] = s->conf.ttl;
		p[9] = proto;
		put16(p + 10, 0);
		memcpy(p + 12, src->a, 4);
		memcpy(p + 16, dst->a, 4);
		sum = cksum_fold(cksum_add(p, IP4_HDR, 0));
		memcpy(p + 10, &sum, 2);
	} else {
		p[0] = (uint8_t)(0x60 | tos >> 4);
		p[1] = (uint8_t)(tos << 4);
		put16(p + 2, 0);
		put16(p + 4, (uint32_t)len);
		p[6] = proto;
		p[7] = s->conf.ttl;
		memcpy(p + 8, src->a, 16);
		memcpy(p + 24, dst->a, 16);
	}
}

/* What the flow sends now is a train, which does not pass others. */
void
ip_bulk(struct slirp *s, struct flow *f)
{
	f->round = s->round;
	f->nround = EXPRESS_FLOW;
}

/*
 * The first few packets of a flow and of a peer in a round pass what others
 * have waiting, unless some of their own flow would be passed, too.
 */
static enum pktq_class
class_of(struct slirp *s, struct slirp_peer *peer, struct flow *f)
{
	if (peer->round != s->round) {
		peer->round = s->round;
		peer->nround = 0;
	}
	if (f != NULL) {
		if (f->round != s->round) {
			f->round = s->round;
			f->nround = 0;
		}
		if (f->nround == EXPRESS_FLOW ||
		    !pktq_bulk_done(s->out, f->bulk_mark))
			return (PKTQ_BULK);
	}
	if (peer->nround == EXPRESS_PEER || !pktq_express_room(s->out))
		return (PKTQ_BULK);
	if (f != NULL)
		f->nround++;
	peer->nround++;
	return (PKTQ_EXPRESS);
}

/*
 * Show a packet in a slot to the crypto engine; the slot stays owned.  f is
 * the flow whose packets stay in order, or NULL.
 */
void
ip_publish(struct slirp *s, uint32_t slot, size_t off, size_t len,
    struct slirp_peer *peer, struct flow *f)
{
	enum pktq_class		 c = class_of(s, peer, f);
	struct pktq_desc	 d;

	memset(&d, 0, sizeof(d));
	d.time = s->now;
	d.slot = slot;
	d.peer = peer->id;
	d.off = (uint16_t)off;
	d.len = (uint16_t)len;
	if (pktq_publish(s->out, &d, c) == 0) {
		if (f != NULL && c == PKTQ_BULK)
			f->bulk_mark = pktq_bulk_mark(s->out);
		s->count.ip_tx_packets++;
		s->count.ip_tx_bytes += len;
		if (peer->rate_out != 0)
			rate_charge(&peer->out, s->now, peer->rate_out, len);
	}
}

static void
send_fragments6(struct slirp *s, struct slirp_peer *peer, struct flow *f,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    const uint8_t *data, size_t len, uint8_t tos, size_t room)
{
	uint32_t	 slot, id = s->frag_id++;
	uint8_t		*p;
	size_t		 off, n;

	room = (room - 8) & ~(size_t)7;
	for (off = 0; off < len; off += n) {
		n = len - off < room ? len - off : room;
		if ((slot = ip_slot(s, 0)) == PKTQ_NOSLOT) {
			s->count.ip_drop_noslot++;
			return;
		}
		p = pktq_slot(s->out, slot);
		ip_header(s, p, src, dst, IPPROTO_FRAGMENT6, n + 8, tos, 0);
		p[IP6_HDR] = proto;
		p[IP6_HDR + 1] = 0;
		put16(p + IP6_HDR + 2, (uint32_t)(off |
		    (off + n < len ? 1 : 0)));
		put32(p + IP6_HDR + 4, id);
		memcpy(p + IP6_HDR + 8, data + off, n);
		ip_publish(s, slot, 0, IP6_HDR + 8 + n, peer, f);
		pktq_release(s->out, slot);
		s->count.frag_tx++;
	}
}

static void
send_fragments4(struct slirp *s, struct slirp_peer *peer, struct flow *f,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    const uint8_t *data, size_t len, uint8_t tos, size_t room)
{
	uint32_t	 slot, id = s->ip_id;
	uint8_t		*p;
	size_t		 off, n;

	room &= ~(size_t)7;
	for (off = 0; off < len; off += n) {
		n = len - off < room ? len - off : room;
		if ((slot = ip_slot(s, 0)) == PKTQ_NOSLOT) {
			s->count.ip_drop_noslot++;
			return;
		}
		p = pktq_slot(s->out, slot);
		s->ip_id = id;	/* all of them have the same */
		ip_header(s, p, src, dst, proto, n, tos, (int)(off / 8) |
		    (off + n < len ? IP4_MF : 0));
		memcpy(p + IP4_HDR, data + off, n);
		ip_publish(s, slot, 0, IP4_HDR + n, peer, f);
		pktq_release(s->out, slot);
		s->count.frag_tx++;
	}
}

/*
 * Send a datagram of len bytes, transport header included, to a guest; it
 * is fragmented if it exceeds the MTU.  For what is not bulk TCP; f is as for
 * ip_publish().
 */
void
ip_send(struct slirp *s, struct slirp_peer *peer, struct flow *f,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    uint8_t *data, size_t len, uint8_t tos)
{
	size_t		 hlen = ip_hdr_len(src), mtu = ip_mtu(s, peer);
	uint32_t	 slot;
	uint8_t		*p;

	if (hlen + len > mtu) {
		if (src->af == 4)
			send_fragments4(s, peer, f, src, dst, proto, data,
			    len, tos, mtu - hlen);
		else
			send_fragments6(s, peer, f, src, dst, proto, data,
			    len, tos, mtu - hlen);
		return;
	}
	if ((slot = ip_slot(s, 0)) == PKTQ_NOSLOT) {
		s->count.ip_drop_noslot++;
		return;
	}
	p = pktq_slot(s->out, slot);
	ip_header(s, p, src, dst, proto, len, tos, 0);
	memcpy(p + hlen, data, len);
	ip_publish(s, slot, 0, hlen + len, peer, f);
	pktq_release(s->out, slot);
}

/* Can this be a guest's address at all? */
static int
bad_source(const struct ipaddr *a)
{
	static const uint8_t	 zero[16];

	if (a->af == 4)
		return (a->a[0] == 0 || a->a[0] == 127 || a->a[0] >= 224);
	return (a->a[0] == 0xff || memcmp(a->a, zero, 15) == 0);
}

/*
 * A whole datagram whose transport header is known: hand it on, unless
 * its time to live ends here.
 */
void
ip_transport(struct slirp *s, struct ippkt *p)
{
	int	 local = ip_is_local(s, &p->dst);

	if (!local) {
		if (p->ttl <= 1) {
			s->count.ip_drop_ttl++;
			icmp_unreach(s, p, p->src.af == 4 ? 11 : 3, 0, 0);
			return;
		}
		p->ttl--;
	}
	switch (p->proto) {
	case IPPROTO_TCP:
		tcp_input(s, p);
		break;
	case IPPROTO_UDP:
		udp_input(s, p);
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		if ((p->proto == IPPROTO_ICMP) == (p->src.af == 4)) {
			icmp_input(s, p);
			break;
		}
		/* FALLTHROUGH */
	default:
		s->count.ip_drop_protocol++;
		if (p->src.af == 4)
			icmp_unreach(s, p, 3, 2, 0);
		else
			icmp_unreach(s, p, 4, 1, 6);
	}
}

/* Options that would route the packet elsewhere are refused. */
static int
bad_options(const struct ippkt *p, size_t hlen)
{
	const uint8_t	*o;
	size_t		 i, n;

	for (i = IP4_HDR; i < hlen; i += n) {
		if ((o = pkt_get(p, i, 1)) == NULL || *o == IPOPT_EOL_)
			return (0);
		if (*o == IPOPT_NOP_) {
			n = 1;
			continue;
		}
		if (*o == IPOPT_LSRR_ || *o == IPOPT_SSRR_)
			return (1);
		if ((o = pkt_get(p, i, 2)) == NULL || o[1] < 2 ||
		    i + o[1] > hlen)
			return (1);
		n = o[1];
	}
	return (0);
}

static void
input4(struct slirp *s, struct ippkt *p)
{
	const uint8_t	*h;
	size_t		 hlen;
	uint16_t	 frag;

	if ((h = pkt_get(p, 0, IP4_HDR)) == NULL ||
	    (hlen = (size_t)(h[0] & 15) * 4) < IP4_HDR ||
	    be16(h + 2) != p->len || hlen > p->len ||
	    (h = pkt_get(p, 0, hlen)) == NULL) {
		s->count.ip_drop_malformed++;
		return;
	}
	if (cksum_fold(cksum_add(h, hlen, 0)) != 0) {
		s->count.ip_drop_checksum++;
		return;
	}
	ipaddr_from4(&p->src, h + 12);
	ipaddr_from4(&p->dst, h + 16);
	p->tos = h[1];
	p->ttl = h[8];
	p->proto = h[9];
	p->l4 = hlen;
	p->l4len = p->len - hlen;
	frag = be16(h + 6);
	p->df = (frag & IP4_DF) != 0;
	if (bad_source(&p->src)) {
		s->count.ip_drop_source++;
		return;
	}
	if (hlen > IP4_HDR && bad_options(p, hlen)) {
		s->count.ip_drop_option++;
		return;
	}
	if (frag & (IP4_MF | IP4_OFFMASK)) {
		frag_input(s, p, be16(h + 4),
		    (size_t)(frag & IP4_OFFMASK) * 8, (frag & IP4_MF) != 0,
		    p->l4, p->l4len);
		return;
	}
	ip_transport(s, p);
}

/*
 * Walk the extension headers from p->l4 on, where a header of type
 * p->proto starts.  Returns 1 at a transport header, 0 if the packet was
 * dealt with.
 */
static int
walk_ext6(struct slirp *s, struct ippkt *p)
{
	const uint8_t	*h;
	size_t		 n, nhoff = 6;
	int		 i;

	for (i = 0; i < MAX_EXT; i++) {
		switch (p->proto) {
		case IPPROTO_HOPOPTS:
			if (i > 0) {
				icmp_unreach(s, p, 4, 1, (uint32_t)nhoff);
				goto option;
			}
			/* FALLTHROUGH */
		case IPPROTO_DSTOPTS:
		case IPPROTO_ROUTING:
			if ((h = pkt_get(p, p->l4, 8)) == NULL)
				goto malformed;
			n = ((size_t)h[1] + 1) * 8;
			/* segments left: it wants to go elsewhere */
			if (p->proto == IPPROTO_ROUTING && h[3] != 0) {
				icmp_unreach(s, p, 4, 0,
				    (uint32_t)p->l4 + 2);
				goto option;
			}
			break;
		case IPPROTO_FRAGMENT6:
			/* not within what was put together already */
			if ((h = pkt_get(p, p->l4, 8)) == NULL || !p->stable)
				goto malformed;
			n = 8;
			if ((be16(h + 2) & ~6U) == 0)
				break;	/* an atomic fragment, RFC 6946 */
			p->proto = h[0];
			frag_input(s, p, be32(h + 4), be16(h + 2) & ~7U,
			    h[3] & 1, p->l4 + 8, p->l4len - 8);
			return (0);
		case IPPROTO_NONE:
			s->count.ip_drop_protocol++;
			return (0);
		default:
			return (1);
		}
		if (n > p->l4len)
			goto malformed;
		p->proto = h[0];
		nhoff = p->l4;
		p->l4 += n;
		p->l4len -= n;
	}
 option:
	s->count.ip_drop_option++;
	return (0);
 malformed:
	s->count.ip_drop_malformed++;
	return (0);
}

/* A datagram was put together: go on behind its fragment header. */
void
ip_resume(struct slirp *s, struct ippkt *p)
{
	if (p->src.af == 4 || walk_ext6(s, p))
		ip_transport(s, p);
}

static void
input6(struct slirp *s, struct ippkt *p)
{
	const uint8_t	*h;

	if ((h = pkt_get(p, 0, IP6_HDR)) == NULL ||
	    (size_t)be16(h + 4) + IP6_HDR != p->len) {
		s->count.ip_drop_malformed++;
		return;
	}
	ipaddr_from6(&p->src, h + 8);
	ipaddr_from6(&p->dst, h + 24);
	p->tos = (uint8_t)(h[0] << 4 | h[1] >> 4);
	p->ttl = h[7];
	p->proto = h[6];
	p->df = 1;
	p->l4 = IP6_HDR;
	p->l4len = p->len - IP6_HDR;
	if (bad_source(&p->src)) {
		s->count.ip_drop_source++;
		return;
	}
	if (walk_ext6(s, p))
		ip_transport(s, p);
}

/*
 * One packet from a guest: len bytes at data, received at time.  data may
 * be shared memory; what is decided upon is copied first.
 */
void
ip_input(struct slirp *s, struct slirp_peer *peer, const uint8_t *data,
    size_t len, mono_t when)
{
	struct ippkt	 p;

	p.data = data;
	p.len = len;
	p.hdrlen = len < sizeof(p.hdr) ? len : sizeof(p.hdr);
	memcpy(p.hdr, data, p.hdrlen);
	p.peer = peer;
	/* never later than now, whatever the crypto engine says */
	p.time = when <= s->now ? when : s->now;
	p.stable = 1;
	if (len > 0 && p.hdr[0] >> 4 == 4)
		input4(s, &p);
	else if (len > 0 && p.hdr[0] >> 4 == 6)
		input6(s, &p);
	else
		s->count.ip_drop_malformed++;
}
