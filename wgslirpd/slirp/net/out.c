/* SPDX-License-Identifier: ISC */

/*
 * Packets on their way to the guests: slots, IP headers, fragments, and who
 * passes whom in the queue (RFC 791, 8200).
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cksum.h"
#include "out.h"
#include "packet.h"
#include "rate.h"

#define IP4_MF		0x2000
#define IP6_MIN_MTU	1280

struct out_state {
	uint8_t		 ttl;		/* of what follows, 0: as configured */
	uint32_t	 round;		/* of the express packets */
	mono_t		 round_at;
};

/* -1 if there is no memory. */
int
out_init(struct slirp *s)
{
	if ((s->tx = calloc(1, sizeof(*s->tx))) == NULL)
		return (-1);
	return (0);
}

void
out_free(struct slirp *s)
{
	free(s->tx);
	s->tx = NULL;
}

/* A new round begins now and then: who sends little may pass others again. */
void
out_round(struct slirp *s)
{
	if (s->now - s->tx->round_at < EXPRESS_ROUND)
		return;
	s->tx->round_at = s->now;
	s->tx->round++;
}

/* What is sent from now on has this TTL, or with 0 the configuration's. */
void
out_ttl(struct slirp *s, uint8_t ttl)
{
	s->tx->ttl = ttl;
}

/* What a packet to this peer may have, headers included. */
uint16_t
out_mtu(const struct slirp *s, const struct slirp_peer *p)
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
out_learn_mtu(struct slirp *s, struct slirp_peer *p, uint8_t af,
    uint32_t mtu)
{
	uint32_t	 least = af == 4 ? MTU_MIN : IP6_MIN_MTU;

	if (mtu < least)
		mtu = least;
	if (mtu >= out_mtu(s, p))
		return;
	p->pmtu = (uint16_t)mtu;
	p->pmtu_at = s->now;
}

/*
 * A packet slot toward the guests.  bulk: leave a reserve for the rest.
 * PKTQ_NOSLOT if there is none.
 */
uint32_t
out_slot(struct slirp *s, int bulk)
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
 * and offset field.  Each peer has identifications of its own, so that none
 * can count the packets of another (RFC 7739); a header that is only quoted
 * has no peer.
 */
void
out_header(struct slirp *s, struct slirp_peer *peer, uint8_t *p,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    size_t len, uint8_t tos, int frag)
{
	uint8_t		 ttl = s->tx->ttl != 0 ? s->tx->ttl : s->conf.ttl;
	uint32_t	 id;
	uint16_t	 sum;

	if (src->af == 4) {
		id = peer != NULL ? peer->ip_id++ : 0;
		/* in words, as cksum_add() reads them */
		put32(p, 0x45U << 24 | (uint32_t)tos << 16 |
		    (uint16_t)(len + IP4_HDR_LEN));
		put32(p + 4, id << 16 | (uint32_t)frag);
		put32(p + 8, (uint32_t)ttl << 24 | (uint32_t)proto << 16);
		memcpy(p + 12, src->a, 4);
		memcpy(p + 16, dst->a, 4);
		sum = cksum_fold(cksum_add(p, IP4_HDR_LEN, 0));
		memcpy(p + 10, &sum, 2);
	} else {
		put32(p, 0x6U << 28 | (uint32_t)tos << 20);
		put32(p + 4, (uint32_t)len << 16 | (uint32_t)proto << 8 | ttl);
		memcpy(p + 8, src->a, 16);
		memcpy(p + 24, dst->a, 16);
	}
}

/* Give an IPv4 header the identification that it had when it came. */
void
out_quote_id(uint8_t *p, uint16_t id)
{
	uint16_t	 sum;

	put16(p + 4, id);
	put16(p + 10, 0);
	sum = cksum_fold(cksum_add(p, IP4_HDR_LEN, 0));
	memcpy(p + 10, &sum, 2);
}

/* What goes this way now is a train, which does not pass others. */
void
out_bulk(struct slirp *s, struct lane *lane)
{
	lane->round = s->tx->round;
	lane->nround = EXPRESS_FLOW;
}

/*
 * The first few packets of a flow and of a peer in a round pass what others
 * have waiting, unless some of their own flow would be passed, too.
 */
static enum pktq_class
class_of(struct slirp *s, struct slirp_peer *peer, struct lane *lane)
{
	if (peer->lane.round != s->tx->round) {
		peer->lane.round = s->tx->round;
		peer->lane.nround = 0;
	}
	if (lane != NULL) {
		if (lane->round != s->tx->round) {
			lane->round = s->tx->round;
			lane->nround = 0;
		}
		if (lane->nround == EXPRESS_FLOW ||
		    !pktq_bulk_done(s->out, lane->bulk_mark))
			return (PKTQ_BULK);
	}
	if (peer->lane.nround == EXPRESS_PEER || !pktq_express_room(s->out))
		return (PKTQ_BULK);
	if (lane != NULL)
		lane->nround++;
	peer->lane.nround++;
	return (PKTQ_EXPRESS);
}

/*
 * Show a packet in a slot to the crypto engine; the slot stays owned.  lane
 * is of the flow whose packets stay in order, or NULL.
 */
void
out_publish(struct slirp *s, uint32_t slot, size_t off, size_t len,
    struct slirp_peer *peer, struct lane *lane)
{
	enum pktq_class		 c = class_of(s, peer, lane);
	struct pktq_desc	 d;

	memset(&d, 0, sizeof(d));
	d.time = s->now;
	d.slot = slot;
	d.peer = peer->id;
	d.off = (uint16_t)off;
	d.len = (uint16_t)len;
	if (pktq_publish(s->out, &d, c) == 0) {
		if (lane != NULL && c == PKTQ_BULK)
			lane->bulk_mark = pktq_bulk_mark(s->out);
		s->count.ip_tx_packets++;
		s->count.ip_tx_bytes += len;
		if (s->tap != NULL)
			s->tap(peer, pktq_slot(s->out, slot) + off, len, 1);
		if (peer->rate_out != 0)
			rate_charge(&peer->out, s->now, peer->rate_out, len);
	}
}

static void
send_fragments6(struct slirp *s, struct slirp_peer *peer, struct lane *lane,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    const uint8_t *data, size_t len, uint8_t tos, size_t room)
{
	uint32_t	 slot, id = peer->frag_id++;
	uint8_t		*p;
	size_t		 off, n;

	room = (room - 8) & ~(size_t)7;
	for (off = 0; off < len; off += n) {
		n = len - off < room ? len - off : room;
		if ((slot = out_slot(s, 0)) == PKTQ_NOSLOT) {
			s->count.ip_drop_noslot++;
			return;
		}
		p = pktq_slot(s->out, slot);
		out_header(s, peer, p, src, dst, IPPROTO_FRAGMENT6, n + 8,
		    tos, 0);
		p[IP6_HDR_LEN] = proto;
		p[IP6_HDR_LEN + 1] = 0;
		put16(p + IP6_HDR_LEN + 2, (uint32_t)(off |
		    (off + n < len ? 1 : 0)));
		put32(p + IP6_HDR_LEN + 4, id);
		memcpy(p + IP6_HDR_LEN + 8, data + off, n);
		out_publish(s, slot, 0, IP6_HDR_LEN + 8 + n, peer, lane);
		pktq_release(s->out, slot);
		s->count.frag_tx++;
	}
}

static void
send_fragments4(struct slirp *s, struct slirp_peer *peer, struct lane *lane,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    const uint8_t *data, size_t len, uint8_t tos, size_t room)
{
	uint32_t	 slot;
	uint16_t	 id = peer->ip_id;
	uint8_t		*p;
	size_t		 off, n;

	room &= ~(size_t)7;
	for (off = 0; off < len; off += n) {
		n = len - off < room ? len - off : room;
		if ((slot = out_slot(s, 0)) == PKTQ_NOSLOT) {
			s->count.ip_drop_noslot++;
			return;
		}
		p = pktq_slot(s->out, slot);
		peer->ip_id = id;	/* all of them have the same */
		out_header(s, peer, p, src, dst, proto, n, tos, (int)(off / 8) |
		    (off + n < len ? IP4_MF : 0));
		memcpy(p + IP4_HDR_LEN, data + off, n);
		out_publish(s, slot, 0, IP4_HDR_LEN + n, peer, lane);
		pktq_release(s->out, slot);
		s->count.frag_tx++;
	}
}

/*
 * Send a datagram of len bytes, transport header included, to a guest; it
 * is fragmented if it exceeds the MTU.  For what is not bulk TCP; lane is as
 * for out_publish().
 */
void
out_send(struct slirp *s, struct slirp_peer *peer, struct lane *lane,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    uint8_t *data, size_t len, uint8_t tos)
{
	size_t		 hlen = ip_hdr_len(src), mtu = out_mtu(s, peer);
	uint32_t	 slot;
	uint8_t		*p;

	if (hlen + len > mtu) {
		if (src->af == 4)
			send_fragments4(s, peer, lane, src, dst, proto, data,
			    len, tos, mtu - hlen);
		else
			send_fragments6(s, peer, lane, src, dst, proto, data,
			    len, tos, mtu - hlen);
		return;
	}
	if ((slot = out_slot(s, 0)) == PKTQ_NOSLOT) {
		s->count.ip_drop_noslot++;
		return;
	}
	p = pktq_slot(s->out, slot);
	out_header(s, peer, p, src, dst, proto, len, tos, 0);
	memcpy(p + hlen, data, len);
	out_publish(s, slot, 0, hlen + len, peer, lane);
	pktq_release(s->out, slot);
}
