/* SPDX-License-Identifier: ISC */

/*
 * UDP: one unconnected socket for each guest address and port, whatever
 * it talks to (endpoint-independent mapping, RFC 4787 REQ-1).  Answers
 * are taken only from addresses that the guest has sent to (address-
 * dependent filtering); what the kernel learns from ICMP comes through
 * the socket's error queue and goes on to the guest.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "slirp.h"

#define UDP_HDR		8
#define DNS_PORT	53
#define DNS_TIMEOUT	MONO_SEC(10)
#define RECV_BUDGET	64

struct udp_flow {
	struct flow	 f;
	struct remotes	 remotes;
	uint8_t		 other;		/* not only DNS */
};

static mono_t
timeout(const struct slirp *s, const struct flow *f)
{
	const struct udp_flow	*u = (const struct udp_flow *)f;

	if (!u->other && DNS_TIMEOUT < s->conf.udp_timeout)
		return (DNS_TIMEOUT);
	return (s->conf.udp_timeout);
}

void
udp_close(struct slirp *s, struct flow *f)
{
	struct udp_flow	*u = (struct udp_flow *)f;

	s->host->close(s->harg, f, 0);
	flow_remove(s, f);
	s->count.udp_active--;
	remotes_free(&u->remotes);
	free(u);
}

void
udp_timer(struct slirp *s, struct flow *f)
{
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

/* Send to the host; an error that was pending is told and tried again. */
static void
udp_send(struct slirp *s, struct flow *f, const struct ippkt *p,
    uint16_t dport, size_t len)
{
	struct iovec	 iov;
	uint8_t		 type, code;
	int		 i;

	iov.iov_base = (void *)(uintptr_t)(p->data + p->l4 + UDP_HDR);
	iov.iov_len = len;
	for (i = 0; i < 2; i++) {
		if (s->host->sendto(s->harg, f, &p->dst, dport, &iov, 1,
		    p->ttl, p->tos, p->df) != -1) {
			f->rx_bytes += len;
			s->count.udp_rx_datagrams++;
			s->count.udp_rx_bytes += len;
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

void
udp_input(struct slirp *s, struct ippkt *p)
{
	const uint8_t	*h;
	struct flow_key	 k;
	struct flow	*f;
	uint16_t	 sport, dport;
	size_t		 len;
	int		 v4 = p->src.af == 4;

	if ((h = pkt_get(p, p->l4, UDP_HDR)) == NULL ||
	    (len = be16(h + 4)) < UDP_HDR || len > p->l4len) {
		s->count.ip_drop_malformed++;
		return;
	}
	if ((h[6] | h[7]) != 0 ? cksum_fold(cksum_add(p->data + p->l4, len,
	    cksum_pseudo(&p->src, &p->dst, IPPROTO_UDP, len))) != 0 : !v4) {
		s->count.ip_drop_checksum++;
		return;
	}
	sport = be16(h);
	dport = be16(h + 2);
	if (sport == 0 || dport == 0) {
		s->count.ip_drop_malformed++;
		return;
	}
	if (!policy_pass(s, p->peer, &p->src, &p->dst, IPPROTO_UDP, dport)) {
		/* on the gateway itself nothing listens */
		if (ip_is_local(s, &p->dst)) {
			s->count.ip_drop_policy++;
			icmp_unreach(s, p, v4 ? 3 : 1, v4 ? 3 : 4, 0);
		} else
			icmp_blocked(s, p);
		return;
	}
	flow_key(&k, p->peer, FLOW_UDP, &p->src, sport, NULL, 0);
	if ((f = flow_find(s, &k)) == NULL &&
	    (f = udp_open(s, p, sport, &k)) == NULL) {
		s->count.ip_drop_budget++;
		return;
	}
	f->dst = p->dst;
	f->dport = dport;
	f->active = s->now;
	if (dport != DNS_PORT)
		((struct udp_flow *)f)->other = 1;
	remotes_note(&((struct udp_flow *)f)->remotes, &p->dst, s->now);
	flow_schedule(s, f, s->now + timeout(s, f));
	udp_send(s, f, p, dport, len - UDP_HDR);
}

void
udp_event(struct slirp *s, struct flow *f, int what)
{
	if (what & HOST_READ)
		flow_ready(s, f);
}

/* Put a header before len bytes of payload at p. */
static void
udp_header(const struct flow *f, const struct ipaddr *from, uint16_t port,
    uint8_t *p, size_t len)
{
	uint16_t	 c;

	put16(p, port);
	put16(p + 2, f->sport);
	put16(p + 4, (uint32_t)(len + UDP_HDR));
	put16(p + 6, 0);
	c = cksum_fold(cksum_add(p, len + UDP_HDR,
	    cksum_pseudo(from, &f->src, IPPROTO_UDP, len + UDP_HDR)));
	if (c == 0)
		c = 0xffff;
	memcpy(p + 6, &c, 2);
}

/*
 * Take what the host sent, straight into packet slots; what exceeds a
 * slot runs over into a buffer and is fragmented.  Returns whether there
 * may be more.
 */
int
udp_ready(struct slirp *s, struct flow *f)
{
	struct udp_flow	*u = (struct udp_flow *)f;
	struct ipaddr	 from;
	struct iovec	 iov[2];
	uint32_t	 slot;
	uint16_t	 port;
	uint8_t		*p;
	size_t		 hlen = ip_hdr_len(&f->src) + UDP_HDR, room;
	ssize_t		 n;
	int		 i, tos;

	room = ip_mtu(s, f->peer) - hlen;
	for (i = 0; i < RECV_BUDGET; i++) {
		if ((slot = ip_slot(s, 1)) == PKTQ_NOSLOT) {
			flow_wait_slots(s, f);
			return (0);
		}
		p = pktq_slot(s->out, slot) + SLOT_PAYLOAD;
		iov[0].iov_base = p;
		iov[0].iov_len = room;
		iov[1].iov_base = s->dgram + UDP_HDR + room;
		iov[1].iov_len = DGRAM_MAX - UDP_HDR - room;
		n = s->host->recvfrom(s->harg, f, iov, 2, &from, &port, &tos);
		if (n == -1) {
			pktq_release(s->out, slot);
			if (errno == EAGAIN) {
				icmp_drain(s, f);
				return (0);
			}
			icmp_drain(s, f);
			continue;
		}
		if (from.af != f->src.af || !remotes_have(&u->remotes, &from)) {
			pktq_release(s->out, slot);
			s->count.udp_drop_filtered++;
			continue;
		}
		f->tx_bytes += (uint64_t)n;
		s->count.udp_tx_datagrams++;
		s->count.udp_tx_bytes += (uint64_t)n;
		if ((size_t)n <= room) {
			udp_header(f, &from, port, p - UDP_HDR, (size_t)n);
			ip_header(s, p - hlen, &from, &f->src, IPPROTO_UDP,
			    (size_t)n + UDP_HDR, (uint8_t)tos, 0);
			ip_publish(s, slot, SLOT_PAYLOAD - hlen,
			    hlen + (size_t)n, f->peer);
			pktq_release(s->out, slot);
			continue;
		}
		memcpy(s->dgram + UDP_HDR, p, room);
		pktq_release(s->out, slot);
		udp_header(f, &from, port, s->dgram, (size_t)n);
		ip_send(s, f->peer, &from, &f->src, IPPROTO_UDP, s->dgram,
		    (size_t)n + UDP_HDR, (uint8_t)tos);
	}
	return (1);
}
