/* SPDX-License-Identifier: ISC */

/*
 * From peer to peer, without leaving this process.
 */

#include <sys/types.h>

#include "output.h"
#include "overlay.h"

#define ECN_CE	3

/* A prefix whose packets go to the host, whatever the peers have. */
int
wg_exclude(struct wg_device *d, const struct ipprefix *p)
{
	return (aip_insert(&d->excludes, p, d, &d->excluded));
}

void
wg_exclude_clear(struct wg_device *d)
{
	aip_remove_owner(&d->excludes, &d->excluded);
}

/* Whose an address is, from peer to peer; NULL: the host's. */
static struct wg_peer *
overlay_route(struct wg_device *d, int af, const uint8_t *addr)
{
	if (af == 4)
		return (aip_lookup4(&d->excludes, addr) != NULL ? NULL :
		    aip_route4(&d->aips, addr));
	return (aip_lookup6(&d->excludes, addr) != NULL ? NULL :
	    aip_route6(&d->aips, addr));
}

/*
 * May a packet with this header come from the slirp engine for a peer?  It
 * speaks for the host, and for no other peer: where peers reach each other,
 * none of an address that would go to one, and else of none that is exactly
 * one's own.  hdr is a whole IPv4 or IPv6 header.
 */
int
wg_source_ok(struct wg_device *d, const struct wg_peer *to,
    const uint8_t *hdr)
{
	const struct wg_peer	*owner;
	int			 af = hdr[0] >> 4;
	const uint8_t		*src = af == 4 ? hdr + 12 : hdr + 8;

	if (d->overlay)
		owner = overlay_route(d, af, src);
	else
		owner = af == 4 ? aip_host4(&d->aips, src) :
		    aip_host6(&d->aips, src);
	return (owner == NULL || owner == to);
}

/* Add to the IPv4 header's checksum (RFC 1624). */
static void
adjust_cksum(uint8_t *pkt, uint32_t add)
{
	uint32_t	 sum = ((uint32_t)pkt[10] << 8 | pkt[11]) + add;

	sum = (sum & 0xffff) + (sum >> 16);
	pkt[10] = (uint8_t)(sum >> 8);
	pkt[11] = (uint8_t)sum;
}

/*
 * One hop less to live, with the IPv4 checksum adjusted (RFC 1624).  -1
 * if it ends here.
 */
static int
decrement_ttl(uint8_t *pkt)
{
	if (pkt[0] >> 4 == 6) {
		if (pkt[7] <= 1)
			return (-1);
		pkt[7]--;
		return (0);
	}
	if (pkt[8] <= 1)
		return (-1);
	pkt[8]--;
	adjust_cksum(pkt, 0x100);
	return (0);
}

/*
 * The path marked the outer header: carry that inside (RFC 6040 4.2).
 * -1 if the packet does not take part and has to be dropped.
 */
int
wg_carry_ce(uint8_t *pkt)
{
	int	 ecn = pkt[0] >> 4 == 4 ? pkt[1] & 3 : pkt[1] >> 4 & 3;

	if (ecn == ECN_CE)
		return (0);
	if (ecn == 0)
		return (-1);
	if (pkt[0] >> 4 == 6)
		pkt[1] |= ECN_CE << 4;
	else {
		adjust_cksum(pkt, 0x10000U - 1 - (uint32_t)(ECN_CE - ecn));
		pkt[1] |= ECN_CE;
	}
	return (0);
}

/*
 * To a peer of this worker, to another one's, or to another gateway, which is
 * the first worker's to speak with.
 */
static void
send_on(struct wg_device *d, struct wg_peer *to, const uint8_t *pkt,
    size_t len, mono_t now)
{
	uint8_t	 worker = to->away ? 0 : to->worker;

	d->count.wg_overlay_packets++;
	if (worker != d->worker) {
		if (d->ops->send != NULL)
			d->ops->send(d->arg, worker, pkt, len);
	} else if (to->away && d->ops->far != NULL)
		d->ops->far(d->arg, to, pkt, len, now);
	else if (wg_output(d, to, pkt, len, pkt[0] >> 4 == 4 ? pkt[1] & 3 :
	    pkt[1] >> 4 & 3, now) == -1) {
		d->count.wg_overlay_packets--;
		d->count.wg_drop_send++;
	}
}

/*
 * Send an inner packet straight on to another peer, sealed from where it
 * was opened.  Returns 0 if it is for the slirp engine, which also tells
 * a guest whose time to live ends.
 */
int
wg_overlay_input(struct wg_device *d, uint8_t *pkt, size_t len, mono_t now)
{
	struct wg_peer	*to;
	int		 af = pkt[0] >> 4;

	if (!d->overlay || (to = overlay_route(d, af, af == 4 ? pkt + 16 :
	    pkt + 24)) == NULL ||
	    decrement_ttl(pkt) == -1)
		return (0);
	send_on(d, to, pkt, len, now);
	return (1);
}

/*
 * A packet that somebody else has opened: its length, and whose its two ends
 * are, or NULL.  0: it is none, or peers do not reach each other.
 */
static size_t
ends_of(struct wg_device *d, const uint8_t *pkt, size_t len,
    struct wg_peer **from, struct wg_peer **to)
{
	size_t	 want;
	int	 af = len > 0 ? pkt[0] >> 4 : 0;

	if (af == 4 && len >= 20)
		want = (size_t)pkt[2] << 8 | pkt[3];
	else if (af == 6 && len >= 40)
		want = ((size_t)pkt[4] << 8 | pkt[5]) + 40;
	else
		return (0);
	if (!d->overlay || want > len || want < 20)
		return (0);
	*from = overlay_route(d, af, af == 4 ? pkt + 12 : pkt + 8);
	*to = overlay_route(d, af, af == 4 ? pkt + 16 : pkt + 24);
	return (want);
}

/*
 * The same for one that another gateway has passed on: from a peer that is
 * there to one that is here, or that may be asked for a session.  It has been
 * one hop less there.  -1: it is not that, and is dropped.
 */
int
wg_overlay_far(struct wg_device *d, const uint8_t *pkt, size_t len,
    uint8_t gateway, mono_t now)
{
	struct wg_peer	*from, *to;
	size_t		 want = ends_of(d, pkt, len, &from, &to);

	if (want == 0 || from == NULL || !from->away ||
	    from->gateway != gateway || to == NULL || to->away ||
	    (wg_is_here(d, to) && to->current == NULL &&
	    to->ep.remote.sa.sa_family == AF_UNSPEC))
		return (-1);
	send_on(d, to, pkt, want, now);
	return (0);
}

/*
 * The same for one of another worker: from a peer that lives there, or, if that
 * is the first one, is at another gateway, to one that lives here, or is at a
 * gateway that is reached from here.
 */
int
wg_overlay_across(struct wg_device *d, const uint8_t *pkt, size_t len,
    uint32_t worker, mono_t now)
{
	struct wg_peer	*from, *to;
	size_t		 want = ends_of(d, pkt, len, &from, &to);

	if (want == 0 || from == NULL || from == to || to == NULL ||
	    (from->away ? 0 : from->worker) != worker ||
	    (to->away ? 0 : to->worker) != d->worker)
		return (-1);
	send_on(d, to, pkt, want, now);
	return (0);
}
