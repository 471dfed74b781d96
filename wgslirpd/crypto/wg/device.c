/* SPDX-License-Identifier: ISC */

/*
 * The WireGuard protocol without I/O and without a clock: datagrams and
 * packets come in with their time, datagrams and packets go out through
 * struct wg_ops.
 *
 * Order of checks on what the network sends, cheapest first and without
 * any allocation before the sender proved something: type and exact
 * length; for handshakes mac1, then a bounded queue, then, under load, a
 * cookie and the rate limit; for data the index, the tag, the replay
 * window, and only then the endpoint, the keypair and the inner source.
 */

#include <sys/types.h>

#include <endian.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "peer.h"

#define LOAD_STICKY		MONO_SEC(1)
#define INITIATION_INTERVAL	MONO_MS(20)
#define TOS_HANDSHAKE		0x88	/* AF41, as Linux does */
#define REKEY_LAST_MINUTE	(REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - \
				REKEY_TIMEOUT)
#define PADDING			16
#define LOST_EVERY		4	/* initiations without an answer */
#define LOST_AFTER		2
#define ECN_CE			3

static void	 send_initiation(struct wg_device *, struct wg_peer *, int,
		    mono_t);
static void	 send_staged(struct wg_device *, struct wg_peer *, mono_t);

static uint32_t
get32(const uint8_t *p)
{
	uint32_t	 v;

	memcpy(&v, p, sizeof(v));
	return (le32toh(v));
}

static uint64_t
get64(const uint8_t *p)
{
	uint64_t	 v;

	memcpy(&v, p, sizeof(v));
	return (le64toh(v));
}

static mono_t
jitter(struct wg_device *d)
{
	uint32_t	 r;

	d->ops->random(d->arg, &r, sizeof(r));
	return (r % REKEY_TIMEOUT_JITTER);
}

/* The peer with reserved bytes at this address, or NULL. */
static const struct wg_peer *
reserved_peer(const struct wg_device *d, const struct wg_endpoint *ep)
{
	const struct wg_peer	*p;

	LIST_FOREACH(p, &d->reserved, reserved_entry)
		if (sa_equal(&p->ep.remote.sa, &ep->remote.sa))
			return (p);
	return (NULL);
}

/*
 * Send one whole message to an endpoint.  Reserved bytes go in last, so
 * that no MAC covers them.
 */
static int
send_message(struct wg_device *d, const struct wg_endpoint *ep,
    const void *msg, size_t len)
{
	const struct wg_peer	*p;
	uint8_t			*buf;

	if ((buf = d->ops->tx_buf(d->arg, ep, len, TOS_HANDSHAKE)) == NULL)
		return (-1);
	memcpy(buf, msg, len);
	if ((p = reserved_peer(d, ep)) != NULL)
		memcpy(buf + 1, p->reserved, sizeof(p->reserved));
	d->ops->tx_done(d->arg, len);
	return (0);
}

/* Has the peer used up what it may? */
static void
note_quota(struct wg_device *d, struct wg_peer *p)
{
	/* its session may be in use: it ends after this round */
	if (p->quota != 0 && p->rx_bytes + p->tx_bytes >= p->quota)
		p->over = d->over = 1;
}

/* What every authenticated packet does to the timers. */
static void
note_sent(struct wg_device *d, struct wg_peer *p, size_t len, mono_t now)
{
	p->tx_bytes += len;
	note_quota(d, p);
	timers_any_sent(&p->timers);
	timers_any_traversal(&p->timers, now);
}

static void
note_received(struct wg_device *d, struct wg_peer *p, size_t len,
    mono_t now)
{
	p->rx_bytes += len;
	note_quota(d, p);
	timers_any_received(&p->timers);
	timers_any_traversal(&p->timers, now);
}

static void
move_endpoint(struct wg_peer *p, const struct wg_endpoint *from)
{
	if (p->ep.ifindex != from->ifindex || p->ep.sock != from->sock ||
	    !sa_equal(&p->ep.remote.sa, &from->remote.sa) ||
	    ipaddr_cmp(&p->ep.local, &from->local) != 0)
		p->ep = *from;
}

/*
 * Start a handshake, unless one was sent within the last 5 s.  retry: it
 * continues an attempt, whose count goes on.
 */
static void
send_initiation(struct wg_device *d, struct wg_peer *p, int retry,
    mono_t now)
{
	struct wg_initiation	 m;
	struct timespec		 ts;
	uint8_t			 tai[NOISE_TAI64N_LEN], e[DH_LEN];
	int			 ok;

	if (!retry)
		p->timers.attempts = 0;
	if (!d->has_key || d->paused || p->cut ||
	    !timers_may_initiate(&p->timers, now))
		return;
	timers_handshake_initiated(&p->timers, now, jitter(d));
	if (p->ep.remote.sa.sa_family == AF_UNSPEC) {
		/* it may still come to us; give up in time otherwise */
		wg_peer_schedule(d, p);
		return;
	}
	wg_handshake_forget(p);
	wg_index_new(d, &p->hs_index, p, NULL);
	p->indexed = 1;
	d->ops->wall(d->arg, &ts);
	noise_tai64n(tai, (uint64_t)ts.tv_sec, (uint32_t)ts.tv_nsec);
	d->ops->random(d->arg, e, sizeof(e));
	ok = noise_create_initiation(&d->local, &p->noise, tai, e,
	    p->hs_index.index, &m);
	OPENSSL_cleanse(e, sizeof(e));
	if (ok == 0 && cookie_sign(&p->cookie, &m, sizeof(m), now) == 0) {
		timers_handshake_sent(&p->timers, now);
		note_sent(d, p, sizeof(m), now);
		if (send_message(d, &p->ep, &m, sizeof(m)) == 0)
			d->count.wg_tx_initiations++;
		if (p->timers.unanswered % LOST_EVERY == LOST_AFTER &&
		    d->ops->lost != NULL)
			d->ops->lost(d->arg, p);
	}
	wg_peer_schedule(d, p);
}

static void
send_response(struct wg_device *d, struct wg_peer *p, mono_t now)
{
	struct wg_response	 m;
	uint8_t			 e[DH_LEN];
	int			 ok;

	if (p->indexed)
		wg_index_drop(&p->hs_index);
	wg_index_new(d, &p->hs_index, p, NULL);
	p->indexed = 1;
	d->ops->random(d->arg, e, sizeof(e));
	ok = noise_create_response(&p->noise, e, p->hs_index.index, &m);
	OPENSSL_cleanse(e, sizeof(e));
	if (ok == -1 || cookie_sign(&p->cookie, &m, sizeof(m), now) == -1 ||
	    wg_session_derive(d, p, now) == -1) {
		wg_handshake_forget(p);
		return;
	}
	timers_session_derived(&p->timers, now);
	timers_handshake_sent(&p->timers, now);
	note_sent(d, p, sizeof(m), now);
	if (send_message(d, &p->ep, &m, sizeof(m)) == 0)
		d->count.wg_tx_responses++;
}

static int
session_usable(const struct wg_keypair *kp, mono_t now)
{
	return (kp != NULL && now - kp->birth < REJECT_AFTER_TIME &&
	    kp->counter < REJECT_AFTER_MESSAGES);
}

/*
 * Encrypt one packet with the current session, len 0 for a keepalive.
 * Plaintext is padded to 16 bytes, but not past the MTU.  Returns -1 if
 * there is no room to send it now.
 */
static int
send_data(struct wg_device *d, struct wg_peer *p, const uint8_t *pkt,
    size_t len, int ecn, mono_t now)
{
	struct wg_keypair	*kp = p->current;
	uint32_t		 w;
	uint64_t		 c;
	uint8_t			*buf;
	size_t			 padded;

	padded = (len + PADDING - 1) / PADDING * PADDING;
	if (padded > d->mtu)
		padded = len > d->mtu ? len : d->mtu;
	buf = d->ops->tx_buf(d->arg, &p->ep, padded + WG_DATA_OVERHEAD, ecn);
	if (buf == NULL)
		return (-1);
	w = htole32(WG_MSG_DATA);
	memcpy(buf, &w, 4);
	memcpy(buf + 1, p->reserved, sizeof(p->reserved));
	w = htole32(kp->remote_index);
	memcpy(buf + 4, &w, 4);
	c = htole64(kp->counter);
	memcpy(buf + 8, &c, 8);
	if (aead_seal(kp->send, kp->counter++, pkt, len, padded,
	    buf + WG_DATA_HDR_LEN) == -1) {
		d->count.wg_drop_send++;
		return (0);
	}
	d->ops->tx_done(d->arg, padded + WG_DATA_OVERHEAD);
	note_sent(d, p, padded + WG_DATA_OVERHEAD, now);
	if (len > 0) {
		if (p->timers.data_sent == 0)
			timers_data_sent(&p->timers, now, jitter(d));
		d->count.wg_tx_packets++;
	} else
		d->count.wg_tx_keepalives++;
	if (kp->counter > REKEY_AFTER_MESSAGES ||
	    (kp->initiator && now - kp->birth >= REKEY_AFTER_TIME))
		send_initiation(d, p, 0, now);
	wg_peer_schedule(d, p);
	return (0);
}

/*
 * Send a packet to a peer, or keep a copy of it and start a handshake if
 * there is no session.  Returns -1 if the network takes nothing now; the
 * caller tries again.
 */
int
wg_output(struct wg_device *d, struct wg_peer *p, const uint8_t *pkt,
    size_t len, int ecn, mono_t now)
{
	if (d->paused) {
		d->count.wg_drop_paused++;
		return (0);
	}
	if (p->cut) {
		d->count.wg_drop_cut++;
		return (0);
	}
	if (session_usable(p->current, now) &&
	    p->ep.remote.sa.sa_family != AF_UNSPEC)
		return (send_data(d, p, pkt, len, ecn, now));
	wg_stage(d, p, pkt, len, ecn);
	send_initiation(d, p, 0, now);
	return (0);
}

/* A keepalive, or what waits; starts a handshake if there is no session. */
static void
send_keepalive(struct wg_device *d, struct wg_peer *p, mono_t now)
{
	if (!session_usable(p->current, now))
		send_initiation(d, p, 0, now);
	else if (!TAILQ_EMPTY(&p->staged))
		send_staged(d, p, now);
	else if (send_data(d, p, NULL, 0, 0, now) == -1)
		d->count.wg_drop_send++;
}

static void
send_staged(struct wg_device *d, struct wg_peer *p, mono_t now)
{
	struct wg_staged	*s;

	while (session_usable(p->current, now) &&
	    (s = wg_unstage(d, p)) != NULL) {
		if (send_data(d, p, s->data, s->len, s->ecn, now) == -1)
			d->count.wg_drop_send++;
		free(s);
	}
}

static void
handshake_done(struct wg_device *d, struct wg_peer *p)
{
	timers_handshake_complete(&p->timers);
	d->ops->wall(d->arg, &p->last_handshake);
}

static void
input_initiation(struct wg_device *d, const struct wg_initiation *m,
    const struct wg_endpoint *from, mono_t now)
{
	struct noise_opened	 o;
	struct wg_peer		*p;

	if (noise_open_initiation(&d->local, m, &o) == -1) {
		d->count.wg_drop_handshake++;
		return;
	}
	p = wg_peer_by_key(d, o.public);
	if (p == NULL || (p->last_initiation != 0 &&
	    now - p->last_initiation < INITIATION_INTERVAL) ||
	    noise_consume_initiation(&p->noise, m, &o) == -1) {
		OPENSSL_cleanse(&o, sizeof(o));
		d->count.wg_drop_handshake++;
		return;
	}
	if (p->cut) {
		OPENSSL_cleanse(&o, sizeof(o));
		d->count.wg_drop_cut++;
		return;
	}
	p->last_initiation = now;
	d->count.wg_rx_initiations++;
	move_endpoint(p, from);
	note_received(d, p, sizeof(*m), now);
	send_response(d, p, now);
	wg_peer_schedule(d, p);
}

static void
input_response(struct wg_device *d, const struct wg_response *m,
    const struct wg_endpoint *from, mono_t now)
{
	struct wg_index	*x;
	struct wg_peer	*p;

	x = wg_index_find(d, le32toh(m->receiver));
	if (x == NULL || x->keypair != NULL ||
	    noise_consume_response(&d->local, &x->peer->noise, m) == -1) {
		d->count.wg_drop_handshake++;
		return;
	}
	p = x->peer;
	d->count.wg_rx_responses++;
	move_endpoint(p, from);
	note_received(d, p, sizeof(*m), now);
	if (wg_session_derive(d, p, now) == -1) {
		wg_handshake_forget(p);
		return;
	}
	timers_session_derived(&p->timers, now);
	handshake_done(d, p);
	/* the responder may only send once it has heard from us */
	send_keepalive(d, p, now);
	wg_peer_schedule(d, p);
}

static void
input_cookie(struct wg_device *d, const struct wg_cookie *m, mono_t now)
{
	struct wg_index	*x;

	x = wg_index_find(d, le32toh(m->receiver));
	if (x == NULL || cookie_consume(&x->peer->cookie, m, now) == -1)
		d->count.wg_drop_handshake++;
	else
		d->count.wg_rx_cookies++;
}

/* Queue a handshake message whose mac1 is valid; cookies are cheap. */
static void
queue_handshake(struct wg_device *d, const uint8_t *msg, size_t len,
    const struct wg_endpoint *from, mono_t now)
{
	struct wg_pending	*q;

	if (!d->has_key || cookie_check(&d->checker, msg, len,
	    &from->remote.sa, 0, now) == COOKIE_MAC_INVALID) {
		d->count.wg_drop_mac1++;
		return;
	}
	if (d->phead - d->ptail >= WG_HANDSHAKE_QUEUE) {
		d->count.wg_drop_queue++;
		return;
	}
	q = &d->pending[d->phead++ % WG_HANDSHAKE_QUEUE];
	q->from = *from;
	q->len = (uint16_t)len;
	memcpy(q->msg, msg, len);
	if (d->phead - d->ptail >= WG_UNDER_LOAD)
		d->loaded_until = now + LOAD_STICKY;
}

/* Under load: does the sender get its message looked at? */
static int
admit_handshake(struct wg_device *d, const struct wg_pending *q, mono_t now)
{
	struct wg_cookie	 reply;

	if (cookie_check(&d->checker, q->msg, q->len, &q->from.remote.sa, 1,
	    now) != COOKIE_MAC2) {
		if (cookie_reply(&d->checker, q->msg, q->len,
		    get32(q->msg + 4), &q->from.remote.sa, now,
		    &reply) == 0 && send_message(d, &q->from, &reply,
		    sizeof(reply)) == 0)
			d->count.wg_tx_cookies++;
		return (0);
	}
	if (!ratelimit_allow(&d->limit, &q->from.remote.sa, now)) {
		d->count.wg_drop_ratelimit++;
		return (0);
	}
	return (1);
}

/* Drop queued handshakes: the sockets they came by are not the same. */
void
wg_forget_pending(struct wg_device *d)
{
	d->ptail = d->phead;
}

/*
 * Work off up to max queued handshake messages, between batches of data.
 * Returns how many are left.
 */
int
wg_run_handshakes(struct wg_device *d, int max, mono_t now)
{
	struct wg_pending	*q;
	struct wg_initiation	 init;
	struct wg_response	 resp;

	for (; max > 0 && d->ptail != d->phead; max--) {
		q = &d->pending[d->ptail++ % WG_HANDSHAKE_QUEUE];
		if (now < d->loaded_until && !admit_handshake(d, q, now))
			continue;
		if (q->len == sizeof(init)) {
			memcpy(&init, q->msg, sizeof(init));
			input_initiation(d, &init, &q->from, now);
		} else {
			memcpy(&resp, q->msg, sizeof(resp));
			input_response(d, &resp, &q->from, now);
		}
	}
	return ((int)(d->phead - d->ptail));
}

/*
 * The inner packet's length, after checking that its source belongs to
 * the peer: the longest match among all peers' allowed IPs must be this
 * peer.  0 if it is to be dropped.
 */
static size_t
check_inner(struct wg_device *d, struct wg_peer *p, const uint8_t *pkt,
    size_t len)
{
	struct wg_peer	*owner;
	size_t		 want;

	if (len >= 20 && pkt[0] >> 4 == 4) {
		want = (size_t)pkt[2] << 8 | pkt[3];
		owner = aip_lookup4(&d->aips, pkt + 12);
		if (want < 20)
			want = SIZE_MAX;
	} else if (len >= 40 && pkt[0] >> 4 == 6) {
		want = ((size_t)pkt[4] << 8 | pkt[5]) + 40;
		owner = aip_lookup6(&d->aips, pkt + 8);
	} else {
		d->count.wg_drop_inner++;
		return (0);
	}
	if (want > len) {
		d->count.wg_drop_inner++;
		return (0);
	}
	if (owner != p) {
		d->count.wg_drop_source++;
		return (0);
	}
	return (want);
}

/*
 * Take nothing and send nothing until wg_resume(), and forget every
 * session.  Sockets, endpoints and the guests' flows stay.
 */
void
wg_pause(struct wg_device *d)
{
	struct wg_peer	*p;

	d->paused = 1;
	wg_forget_pending(d);
	TAILQ_FOREACH(p, &d->peers, entry) {
		timers_stop(&p->timers);
		wg_peer_zero(d, p);
		wg_stage_purge(d, p);
	}
}

/*
 * What a peer may use: bytes both ways, 0 for any, and until when, in Unix
 * seconds, 0 for ever.  Who was shut out may be let in by that.
 */
void
wg_peer_limit(struct wg_device *d, struct wg_peer *p, uint64_t quota,
    int64_t expires)
{
	struct timespec	 ts;

	p->quota = quota;
	p->expires = expires;
	p->over = 0;
	note_quota(d, p);
	d->ops->wall(d->arg, &ts);
	if (!p->over && (expires == 0 || (int64_t)ts.tv_sec < expires))
		p->cut = 0;
	d->over = 1;
}

/*
 * Shut out every peer whose quota or time is over: no session, and no
 * handshake any more.  To be called after a round, and now and then.
 */
void
wg_cut_peers(struct wg_device *d)
{
	struct timespec	 ts;
	struct wg_peer	*p;

	d->over = 0;
	d->ops->wall(d->arg, &ts);
	TAILQ_FOREACH(p, &d->peers, entry) {
		if (p->cut || (!p->over && (p->expires == 0 ||
		    (int64_t)ts.tv_sec < p->expires)))
			continue;
		p->cut = 1;
		timers_stop(&p->timers);
		wg_peer_zero(d, p);
		wg_stage_purge(d, p);
		d->count.wg_peers_cut++;
		if (d->ops->cut != NULL)
			d->ops->cut(d->arg, p);
	}
}

/* Go on; peers with a persistent keepalive are contacted at once. */
void
wg_resume(struct wg_device *d, mono_t now)
{
	struct wg_peer	*p;

	d->paused = 0;
	TAILQ_FOREACH(p, &d->peers, entry) {
		/* the network may be another one */
		memset(&p->ep.local, 0, sizeof(p->ep.local));
		p->ep.ifindex = 0;
		if (p->cut)
			continue;
		wg_peer_poke(d, p, now);
		wg_peer_schedule(d, p);
	}
}

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

/* Where an inner packet goes peer to peer; NULL: to the host. */
static struct wg_peer *
overlay_route(struct wg_device *d, const uint8_t *pkt)
{
	if (pkt[0] >> 4 == 4)
		return (aip_lookup4(&d->excludes, pkt + 16) != NULL ? NULL :
		    aip_route4(&d->aips, pkt + 16));
	return (aip_lookup6(&d->excludes, pkt + 24) != NULL ? NULL :
	    aip_route6(&d->aips, pkt + 24));
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
static int
carry_ce(uint8_t *pkt)
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
 * Send an inner packet straight on to another peer, sealed from where it
 * was opened.  Returns 0 if it is for the slirp engine, which also tells
 * a guest whose time to live ends.
 */
static int
overlay(struct wg_device *d, uint8_t *pkt, size_t len, mono_t now)
{
	struct wg_peer	*to;

	if (!d->overlay || (to = overlay_route(d, pkt)) == NULL ||
	    decrement_ttl(pkt) == -1)
		return (0);
	if (wg_output(d, to, pkt, len, pkt[0] >> 4 == 4 ? pkt[1] & 3 :
	    pkt[1] >> 4 & 3, now) == -1)
		d->count.wg_drop_send++;
	else
		d->count.wg_overlay_packets++;
	return (1);
}

static void
input_data(struct wg_device *d, const uint8_t *msg, size_t len,
    const struct wg_endpoint *from, int ecn, mono_t now)
{
	struct wg_keypair	*kp;
	struct wg_index		*x;
	struct wg_peer		*p;
	uint64_t		 counter;
	uint8_t			*out;
	size_t			 plain = len - WG_DATA_OVERHEAD;

	x = wg_index_find(d, get32(msg + 4));
	if (x == NULL || (kp = x->keypair) == NULL) {
		d->count.wg_drop_index++;
		return;
	}
	p = x->peer;
	if (now - kp->birth >= REJECT_AFTER_TIME) {
		d->count.wg_drop_expired++;
		return;
	}
	/* without room for the packet its news still counts */
	if ((out = d->ops->rx_buf(d->arg, plain)) == NULL) {
		if (plain > sizeof(d->scratch)) {
			d->count.wg_drop_noslot++;
			return;
		}
		out = d->scratch;
	}
	counter = get64(msg + 8);
	if (aead_open(kp->recv, counter, msg + WG_DATA_HDR_LEN,
	    len - WG_DATA_HDR_LEN, out) == -1) {
		d->count.wg_drop_auth++;
		return;
	}
	if (replay_check(&kp->replay, counter) == -1) {
		d->count.wg_drop_replay++;
		return;
	}
	move_endpoint(p, from);
	note_received(d, p, len, now);
	if (wg_session_confirm(p, kp)) {
		handshake_done(d, p);
		send_staged(d, p, now);
	}
	if (plain > 0) {
		if (p->timers.data_received == 0 ||
		    !p->timers.another_keepalive)
			timers_data_received(&p->timers, now);
		plain = check_inner(d, p, out, plain);
		if (plain > 0 && ecn == ECN_CE && carry_ce(out) == -1) {
			d->count.wg_drop_ecn++;
			plain = 0;
		}
		if (plain > 0 && overlay(d, out, plain, now))
			plain = 0;
		if (plain > 0 && out == d->scratch)
			d->count.wg_drop_noslot++;
		else if (plain > 0) {
			d->count.wg_rx_packets++;
			d->ops->rx_done(d->arg, p, plain, ecn, now);
		}
	} else
		d->count.wg_rx_keepalives++;
	if (kp == p->current && kp->initiator && !kp->rekeyed &&
	    now - kp->birth >= REKEY_LAST_MINUTE) {
		kp->rekeyed = 1;
		send_initiation(d, p, 0, now);
	}
	wg_peer_schedule(d, p);
}

/* One datagram of len bytes; ecn is what its outer header had. */
void
wg_input(struct wg_device *d, uint8_t *msg, size_t len,
    const struct wg_endpoint *from, int ecn, mono_t now)
{
	struct wg_cookie	 cookie;

	d->count.wg_rx_datagrams++;
	d->count.wg_rx_bytes += len;
	if (d->paused) {
		d->count.wg_drop_paused++;
		return;
	}
	/* only from a peer that is known to use them */
	if (len >= 4 && (msg[1] | msg[2] | msg[3]) != 0 &&
	    reserved_peer(d, from) != NULL)
		memset(msg + 1, 0, 3);
	if (len >= WG_DATA_MIN_LEN) {
		switch (get32(msg)) {
		case WG_MSG_DATA:
			input_data(d, msg, len, from, ecn, now);
			return;
		case WG_MSG_INITIATION:
			if (len != WG_INITIATION_LEN)
				break;
			queue_handshake(d, msg, len, from, now);
			return;
		case WG_MSG_RESPONSE:
			if (len != WG_RESPONSE_LEN)
				break;
			queue_handshake(d, msg, len, from, now);
			return;
		case WG_MSG_COOKIE:
			if (len != WG_COOKIE_LEN)
				break;
			memcpy(&cookie, msg, sizeof(cookie));
			input_cookie(d, &cookie, now);
			return;
		}
	}
	d->count.wg_drop_malformed++;
}

/* The peer that an inner packet's destination belongs to, or NULL. */
struct wg_peer *
wg_route(struct wg_device *d, const uint8_t *pkt, size_t len)
{
	if (len >= 20 && pkt[0] >> 4 == 4)
		return (aip_lookup4(&d->aips, pkt + 16));
	if (len >= 40 && pkt[0] >> 4 == 6)
		return (aip_lookup6(&d->aips, pkt + 24));
	return (NULL);
}

/* Set the persistent keepalive, in seconds; one that is new starts now. */
void
wg_peer_keepalive(struct wg_device *d, struct wg_peer *p, uint16_t interval,
    mono_t now)
{
	timers_set_keepalive(&p->timers, interval, now);
	wg_peer_schedule(d, p);
}

/* The peer's endpoint became known: send what waited for it. */
void
wg_peer_poke(struct wg_device *d, struct wg_peer *p, mono_t now)
{
	if (p->timers.keepalive_interval != 0 || !TAILQ_EMPTY(&p->staged))
		send_keepalive(d, p, now);
}

/* The wheel's callback: some timer of a peer may be due. */
void
wg_expire(void *arg, struct wheel_timer *t, mono_t now)
{
	struct wg_device	*d = arg;
	struct wg_peer		*p;
	int			 actions;

	p = (struct wg_peer *)((char *)t - offsetof(struct wg_peer, timer));
	actions = timers_expire(&p->timers, now);
	if (actions & WG_DO_ZERO)
		wg_peer_zero(d, p);
	if (actions & WG_DO_GIVE_UP)
		wg_stage_purge(d, p);
	if (actions & (WG_DO_RETRY | WG_DO_INITIATE)) {
		/* our own address may be what stopped working */
		memset(&p->ep.local, 0, sizeof(p->ep.local));
		p->ep.ifindex = 0;
		send_initiation(d, p, (actions & WG_DO_RETRY) != 0, now);
	}
	if (actions & WG_DO_KEEPALIVE)
		send_keepalive(d, p, now);
	wg_peer_schedule(d, p);
}
