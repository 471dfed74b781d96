/* SPDX-License-Identifier: ISC */

/*
 * ICMP and ICMPv6: echo through unprivileged ping sockets, the gateway's own
 * answers to pings, and errors that guests send.
 *
 * A ping socket has an id that the kernel chose, and receives only what
 * has it; one socket for each guest address and id maps between the two.
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
#include "icmp.h"
#include "ip.h"
#include "out.h"
#include "rate.h"
#include "remotes.h"
#include "table.h"
#include "turns.h"
#include "uplink.h"

#define ICMP_TIMEOUT	MONO_SEC(60)	/* RFC 5508 REQ-2 */
#define RECV_BUDGET	64
#define IDLE		MONO_SEC(30)	/* then it makes room for others */

struct icmp_flow {
	struct flow	 f;	/* sport: the guest's id */
	struct remotes	 remotes;
};

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
	cksum_icmp(s->dgram, p->l4len, &p->dst, &p->src);
	out_send(s, p->peer, NULL, &p->dst, &p->src, p->proto, s->dgram,
	    p->l4len, p->tos);
	s->count.icmp_echo_local++;
}

static struct flow *
icmp_open(struct slirp *s, const struct ippkt *p, uint16_t id,
    const struct flow_key *k, const struct way *w)
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
	if (egress_take(s, f, w) == -1) {
		s->count.egress_none++;
		free(c);
		return (NULL);
	}
	if (flow_add(s, f, k) == -1) {
		free(c);
		return (NULL);
	}
	if (host_of(s, f)->icmp_open(host_arg(s, f), f) == -1) {
		if (log_allow(&s->loglimit, s->now))
			log_debug("ping socket: %s", strerror(errno));
		flow_remove(s, f);
		free(c);
		return (NULL);
	}
	s->count.icmp_active++;
	return (f);
}

static void
icmp_close(struct slirp *s, struct flow *f)
{
	host_of(s, f)->close(host_arg(s, f), f, 0);
	flow_remove(s, f);
	s->count.icmp_active--;
	remotes_free(&((struct icmp_flow *)f)->remotes,
	    &f->peer->nremotes);
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
	size_t		 off = p->l4 + ICMP_HDR_LEN;

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
	const uint8_t	*h = pkt_get(p, p->l4, ICMP_HDR_LEN), *q;
	struct ipaddr	 src, dst;
	struct flow_key	 k;
	struct flow	*f;
	size_t		 off;
	struct guest_error	 e;
	uint8_t		 proto;

	s->count.icmp_rx_errors++;
	if (h == NULL || (off = quoted(p, &src, &dst, &proto)) == 0 ||
	    (q = pkt_get(p, off, 8)) == NULL)
		return;
	memset(&e, 0, sizeof(e));
	e.af = p->src.af;
	e.type = h[0];
	e.code = h[1];
	if (p->src.af == 4 && h[0] == ICMP4_UNREACH && h[1] == 4)
		e.mtu = be16(h + 6);
	else if (p->src.af == 6 && h[0] == ICMP6_TOOBIG)
		e.mtu = be32(h + 4);
	/* our packet went from src to dst: the flow has them reversed */
	if (proto == IPPROTO_TCP) {
		e.seq = be32(q + 4);
		flow_key(&k, p->peer, FLOW_TCP, &dst, be16(q + 2), &src,
		    be16(q));
	} else if (is_uplink(p->peer)) {
		/* what went there was a mapping's */
		if (proto == IPPROTO_UDP)
			uplink_error(s, p, 0, &src, &dst, be16(q + 2), be16(q),
			    q, 8);
		else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
			uplink_error(s, p, 1, &src, &dst, 0, be16(q + 4), q,
			    8);
		return;
	} else if (proto == IPPROTO_UDP)
		flow_key(&k, p->peer, FLOW_UDP, &dst, be16(q + 2), NULL, 0);
	else
		return;
	if ((f = flow_find(s, &k)) != NULL &&
	    s->flow_ops[f->type]->told != NULL)
		s->flow_ops[f->type]->told(s, f, &e);
}

static struct remotes *
remotes_of(struct flow *f)
{
	return (&((struct icmp_flow *)f)->remotes);
}

/* Find or make the mapping of an echo that may be sent; NULL if not. */
static struct flow *
echo_flow(struct slirp *s, struct ippkt *p, uint16_t id)
{
	struct flow_key	 k;
	struct flow	*f;
	const struct rule	*by;
	struct remote	*r;
	struct way	*w;
	enum verdict	 v;
	uint8_t		 type, code;

	flow_key(&k, p->peer, FLOW_ICMP, &p->src, id, NULL, 0);
	if ((f = egress_mapping(s, p, 0, remotes_of, &k, &w)) != NULL) {
		(void)remotes_note(remotes_of(f), &p->dst, 0,
		    &f->peer->nremotes);
		return (f);
	}
	if ((v = policy_check(s, p->peer, &p->src, &p->dst, IPPROTO_ICMP, 0,
	    &by)) != VERDICT_PASS) {
		error_blocked(s, p, v);
		return (NULL);
	}
	w = egress_way(s, egress_of(s, p->peer, by));
	k.way = w != NULL ? w->id : 0;
	errno = 0;
	if ((f = flow_find(s, &k)) == NULL &&
	    (f = icmp_open(s, p, id, &k, w)) == NULL) {
		s->count.icmp_drop_socket++;
		if ((errno == ENETUNREACH || errno == EACCES) &&
		    error_of_errno(errno, p->src.af, &type, &code) == 0)
			error_unreach(s, p, type, code, 0);
		return (NULL);
	}
	if ((r = remotes_note(remotes_of(f), &p->dst, 0,
	    &f->peer->nremotes)) != NULL)
		r->passed = r->leaves = s->policy;
	return (f);
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

/* The answer to a ping, of n bytes in the buffer, goes to who asked. */
static void
echo_reply(struct slirp *s, struct flow *f, const struct ipaddr *from,
    size_t n, uint8_t tos)
{
	if (from->af != f->src.af || !knows(s, f, from) ||
	    !rate_open(&f->peer->out, s->now, f->peer->rate_out) ||
	    s->dgram[0] != (f->src.af == 4 ? ICMP4_ECHOREPLY :
	    ICMP6_ECHOREPLY))
		return;
	put16(s->dgram + 4, f->sport);
	cksum_icmp(s->dgram, n, from, &f->src);
	out_send(s, f->peer, &f->lane, from, &f->src, f->src.af == 4 ?
	    IPPROTO_ICMP : IPPROTO_ICMPV6, s->dgram, n, tos);
	f->tx_bytes += n;
	s->count.icmp_echo_rx++;
}

/* The same from behind an uplink, by its id. */
static void
uplink_reply(struct slirp *s, struct ippkt *p, uint16_t id)
{
	struct flow	*f;

	if ((f = uplink_find(s, p, 1, id, 0, NULL, 0)) == NULL)
		return;
	memcpy(s->dgram, p->data + p->l4, p->l4len);
	echo_reply(s, f, &p->src, p->l4len, p->tos);
}

static void
icmp_input(struct slirp *s, struct ippkt *p)
{
	const uint8_t	*h;
	struct flow	*f;
	struct iovec	 iov[2];
	struct dgram_opts	 o;
	uint8_t		 hdr[ICMP_HDR_LEN];

	if ((h = pkt_get(p, p->l4, ICMP_HDR_LEN)) == NULL) {
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
	if (is_uplink(p->peer)) {
		if (h[0] == (p->src.af == 4 ? ICMP4_ECHOREPLY :
		    ICMP6_ECHOREPLY) && !rate_over(s, p->peer, p->l4len))
			uplink_reply(s, p, be16(h + 4));
		return;
	}
	if (h[0] != (p->src.af == 4 ? ICMP4_ECHO : ICMP6_ECHO) || h[1] != 0)
		return;
	if (rate_over(s, p->peer, p->l4len))
		return;
	if (own_address(s, &p->dst)) {
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
	iov[1].iov_base = (void *)(uintptr_t)(p->data + p->l4 + ICMP_HDR_LEN);
	iov[1].iov_len = p->l4len - ICMP_HDR_LEN;
	o.ttl = p->ttl;
	o.tos = p->tos;
	o.df = p->df;
	o.segment = 0;
	if (host_of(s, f)->sendto(host_arg(s, f), f, &p->dst, 0, iov, 2,
	    &o) == -1) {
		if (errno == EMSGSIZE) {
			/* the queued error has the MTU */
			error_too_big(s, f, p);
			return;
		}
		error_drain(s, f);
		if (host_of(s, f)->sendto(host_arg(s, f), f, &p->dst, 0, iov,
		    2, &o) == -1) {
			uint8_t	 type, code;

			if (error_of_errno(errno, p->src.af, &type,
			    &code) == 0)
				error_unreach(s, p, type, code, 0);
			return;
		}
	}
	s->count.icmp_echo_tx++;
}

static void
icmp_event(struct slirp *s, struct flow *f, int what)
{
	if (what & HOST_ERROR)
		error_drain(s, f);
	if (what & HOST_READ)
		turns_ready(s, f);
}

/*
 * Take answers to pings, and errors about them.  Returns whether there
 * may be more.
 */
static int
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
		n = host_of(s, f)->recvfrom(host_arg(s, f), f, &iov, 1, &from,
		    &port, &o);
		if (n == -1) {
			if (errno == EAGAIN)
				return (0);
			error_drain(s, f);
			continue;
		}
		if (n >= ICMP_HDR_LEN)
			echo_reply(s, f, &from, (size_t)n, (uint8_t)o.tos);
	}
	return (1);
}

static void
icmp_timer(struct slirp *s, struct flow *f)
{
	if (s->now - f->active >= ICMP_TIMEOUT)
		icmp_close(s, f);
	else
		flow_schedule(s, f, f->active + ICMP_TIMEOUT);
}

/* Whether whoever was asked has answered. */
static int
icmp_worth(const struct slirp *s, const struct flow *f)
{
	if (f->tx_bytes == 0)
		return (WORTH_NOTHING);
	return (s->now - f->active >= IDLE ? WORTH_IDLE : WORTH_MUCH);
}

static const char *
icmp_state(const struct flow *f)
{
	(void)f;
	return ("active");
}

static int
icmp_knows(struct slirp *s, struct flow *f, const struct ipaddr *a,
    uint16_t port)
{
	(void)s;
	(void)port;
	return (remotes_find(remotes_of(f), a, 0) != NULL);
}

static const struct flow_ops	 icmp_flow = {
	.ipproto = { IPPROTO_ICMP, IPPROTO_ICMPV6 },
	.event = icmp_event,
	.ready = icmp_ready,
	.timer = icmp_timer,
	.kill = icmp_close,
	.worth = icmp_worth,
	.state = icmp_state,
	.knows = icmp_knows
};

static const struct proto_ops	 icmp_proto = {
	.input = icmp_input
};

void
icmp_register(struct slirp *s)
{
	flow_register(s, FLOW_ICMP, &icmp_flow);
	ip_register(s, 4, IPPROTO_ICMP, &icmp_proto);
	ip_register(s, 6, IPPROTO_ICMPV6, &icmp_proto);
}
