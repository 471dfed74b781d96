/* SPDX-License-Identifier: ISC */

/*
 * IP: the checks on everything that comes from a guest (RFC 791, 1122, 1812,
 * 8200), and which protocol gets it.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cksum.h"
#include "error.h"
#include "frag.h"
#include "ip.h"

#define IP4_HDR		IP4_HDR_LEN
#define IP6_HDR		IP6_HDR_LEN
#define IP4_MF		0x2000
#define IP4_DF		0x4000
#define IP4_OFFMASK	0x1fff
#define IPOPT_LSRR_	131
#define IPOPT_SSRR_	137
#define IPOPT_EOL_	0
#define IPOPT_NOP_	1
#define OPT6_PAD1	0
#define MAX_EXT		8
#define MAX_PROTOS	8

/* Who takes what, by the protocol number. */
struct ip_protos {
	const struct proto_ops	*v4[256];
	const struct proto_ops	*v6[256];
	const struct proto_ops	*all[MAX_PROTOS];	/* each once */
	int			 n;
};

/* -1 if there is no memory. */
int
ip_init(struct slirp *s)
{
	s->ip = calloc(1, sizeof(*s->ip));
	return (s->ip == NULL ? -1 : 0);
}

void
ip_free(struct slirp *s)
{
	free(s->ip);
	s->ip = NULL;
}

/* Have a protocol's packets given to ops, over IPv4 (4) or IPv6 (6). */
void
ip_register(struct slirp *s, int af, uint8_t proto,
    const struct proto_ops *ops)
{
	struct ip_protos	*ip = s->ip;
	int			 i;

	(af == 4 ? ip->v4 : ip->v6)[proto] = ops;
	for (i = 0; i < ip->n; i++)
		if (ip->all[i] == ops)
			return;
	if (ip->n == MAX_PROTOS)
		fatalx("too many protocols");
	ip->all[ip->n++] = ops;
}

/* Each protocol once: the next from *i on, which is 0 at first; or NULL. */
const struct proto_ops *
ip_next(const struct slirp *s, int *i)
{
	return (*i < s->ip->n ? s->ip->all[(*i)++] : NULL);
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

/* From behind an uplink, and not to our address there? */
static int
not_ours(const struct ippkt *p)
{
	return (is_uplink(p->peer) &&
	    ipaddr_cmp(&p->dst, &p->peer->own[p->dst.af == 6]) != 0);
}

/*
 * A whole datagram whose transport header is known: hand it on, unless
 * its time to live ends here.
 */
static void
ip_transport(struct slirp *s, struct ippkt *p)
{
	const struct proto_ops	*ops;
	int			 local = own_address(s, &p->dst);

	if (!local) {
		if (p->ttl <= 1) {
			s->count.ip_drop_ttl++;
			error_unreach(s, p, p->src.af == 4 ? 11 : 3, 0, 0);
			return;
		}
		p->ttl--;
	}
	ops = p->src.af == 4 ? s->ip->v4[p->proto] : s->ip->v6[p->proto];
	if (ops != NULL) {
		ops->input(s, p);
		return;
	}
	s->count.ip_drop_protocol++;
	if (p->src.af == 4)
		error_unreach(s, p, ICMP4_UNREACH, 2, 0);
	else
		error_unreach(s, p, ICMP6_PARAM, 1, (uint32_t)p->nhoff);
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
	struct ippkt	 whole;
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
	if (bad_source(&p->src) || not_ours(p)) {
		s->count.ip_drop_source++;
		return;
	}
	if (hlen > IP4_HDR && bad_options(p, hlen)) {
		s->count.ip_drop_option++;
		return;
	}
	if (frag & (IP4_MF | IP4_OFFMASK)) {
		if (frag_input(s, p, be16(h + 4),
		    (size_t)(frag & IP4_OFFMASK) * 8, (frag & IP4_MF) != 0,
		    p->l4, p->l4len, &whole)) {
			ip_transport(s, &whole);
			frag_done(&whole);
		}
		return;
	}
	ip_transport(s, p);
}

/*
 * Options of a hop-by-hop or destination header of n bytes that are not known
 * here say themselves whether the packet goes on, and whether the sender is
 * told (RFC 8200 4.2).  Returns whether it ends here.
 */
static int
bad_options6(struct slirp *s, const struct ippkt *p, size_t n)
{
	const uint8_t	*o;
	size_t		 i, len, end = p->l4 + n;

	for (i = p->l4 + 2; i < end; i += len) {
		if ((o = pkt_get(p, i, 1)) == NULL)
			return (1);
		if (*o == OPT6_PAD1) {
			len = 1;
			continue;
		}
		if ((o = pkt_get(p, i, 2)) == NULL || i + 2 + o[1] > end)
			return (1);
		len = (size_t)o[1] + 2;
		if (*o >> 6 == 0)
			continue;	/* skip it, whatever it is */
		if (*o >> 6 == 2 || (*o >> 6 == 3 && p->dst.a[0] != 0xff))
			error_unreach(s, p, ICMP6_PARAM, 2, (uint32_t)i);
		return (1);
	}
	return (0);
}

/*
 * Walk the extension headers from p->l4 on, where a header of type
 * p->proto starts.  Returns 1 at a transport header, 0 if the packet was
 * dealt with.
 */
static int
walk_ext6(struct slirp *s, struct ippkt *p)
{
	struct ippkt	 whole;
	const uint8_t	*h;
	size_t		 n;
	int		 i;

	p->nhoff = 6;

	for (i = 0; i < MAX_EXT; i++) {
		switch (p->proto) {
		case IPPROTO_HOPOPTS:
			if (i > 0) {
				error_unreach(s, p, ICMP6_PARAM, 1,
				    (uint32_t)p->nhoff);
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
				error_unreach(s, p, ICMP6_PARAM, 0,
				    (uint32_t)p->l4 + 2);
				goto option;
			}
			if (n > p->l4len)
				goto malformed;
			if (p->proto != IPPROTO_ROUTING &&
			    bad_options6(s, p, n))
				goto option;
			break;
		case IPPROTO_FRAGMENT6:
			/* not within what was put together already */
			if ((h = pkt_get(p, p->l4, 8)) == NULL || !p->stable)
				goto malformed;
			n = 8;
			if ((be16(h + 2) & ~6U) == 0)
				break;	/* an atomic fragment, RFC 6946 */
			p->proto = h[0];
			if (frag_input(s, p, be32(h + 4), be16(h + 2) & ~7U,
			    h[3] & 1, p->l4 + 8, p->l4len - 8, &whole)) {
				if (walk_ext6(s, &whole))
					ip_transport(s, &whole);
				frag_done(&whole);
			}
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
		p->nhoff = p->l4;
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
	if (bad_source(&p->src) || not_ours(p)) {
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
