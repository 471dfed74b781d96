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

#include "device.h"
#include "output.h"
#include "overlay.h"

#define MAX_NAMESAKES	4	/* peers that one index may mean */
#define LOAD_STICKY		MONO_SEC(1)
#define LOAD_FAILED		2000	/* handshakes in a second, or, */
#define LOAD_SAMPLE		16	/* if many wait behind them */
#define INITIATION_INTERVAL	MONO_MS(20)
#define REKEY_LAST_MINUTE	(REJECT_AFTER_TIME - KEEPALIVE_TIMEOUT - \
				REKEY_TIMEOUT)
#define SILENCE		MONO_SEC(5)	/* then a peer is back */
#define ECN_CE			3

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

static void
note_received(struct wg_device *d, struct wg_peer *p, size_t len,
    mono_t now)
{
	p->rx_bytes += len;
	wg_note_quota(d, p);
	timers_any_received(&p->timers);
	timers_any_traversal(&p->timers, now);
}

/*
 * The peer is heard in a session.  After a silence, or from another place, or
 * in a new session, what waits for it need not wait longer: that is told, once
 * a second at most.
 */
static void
note_heard(struct wg_device *d, struct wg_peer *p, int news, mono_t now)
{
	int	 silent = p->heard == 0 || now - p->heard >= SILENCE;

	p->heard = now;
	if ((!news && !silent) || d->ops->back == NULL ||
	    (p->back_at != 0 && now - p->back_at < MONO_SEC(1)))
		return;
	p->back_at = now;
	d->ops->back(d->arg, p);
}

static void
note(struct wg_device *d, enum wg_note what, struct wg_peer *p,
    const struct wg_endpoint *ep)
{
	if (d->ops->note != NULL)
		d->ops->note(d->arg, what, p, ep);
}

/* Returns whether it was elsewhere. */
static int
move_endpoint(struct wg_peer *p, const struct wg_endpoint *from)
{
	int	 moved = !sa_equal(&p->ep.remote.sa, &from->remote.sa);

	if (p->ep.ifindex != from->ifindex || p->ep.sock != from->sock ||
	    moved || ipaddr_cmp(&p->ep.local, &from->local) != 0)
		p->ep = *from;
	return (moved);
}

/*
 * The clocks of two gateways differ, and each of them may be put back: whoever
 * hears of a peer last has a greater time than all that it has heard of
 * (Lamport, "Time, Clocks, and the Ordering of Events in a Distributed System",
 * 1978).
 */
static uint64_t
later(const struct wg_peer *p)
{
	const struct timespec	*ts = &p->last_handshake;
	uint64_t		 now, last = p->here > p->elsewhere ?
				    p->here : p->elsewhere;

	/* before 1970, and after 2262 */
	if (ts->tv_sec < 0)
		now = 0;
	else if ((uint64_t)ts->tv_sec > WG_LAST_TIME / 1000000000ULL - 1)
		now = WG_LAST_TIME;
	else
		now = (uint64_t)ts->tv_sec * 1000000000ULL +
		    (uint64_t)ts->tv_nsec;
	if (now > last)
		return (now);
	return (last < WG_LAST_TIME ? last + 1 : last);
}

static void
handshake_done(struct wg_device *d, struct wg_peer *p)
{
	timers_handshake_complete(&p->timers);
	d->ops->wall(d->arg, &p->last_handshake);
	p->here = later(p);
	note(d, WG_NOTE_HANDSHAKE, p, &p->ep);
}

/*
 * A datagram for a peer of another worker goes there, as it came; but one that
 * was handed here is not handed on.
 */
static void
hand(struct wg_device *d, const struct wg_peer *p, const void *msg,
    size_t len, const uint8_t reserved[3], const struct wg_endpoint *from,
    int ecn, int handed)
{
	uint8_t	 head[4];

	/* by relays only the first worker is reached, and answers */
	if (handed || d->ops->hand == NULL ||
	    from->remote.sa.sa_family == AF_RELAY) {
		d->count.wg_drop_across++;
		return;
	}
	/* in the caller's buffer, where it was before */
	memcpy(head, msg, sizeof(head));
	memcpy((uint8_t *)(uintptr_t)msg + 1, reserved, 3);
	d->ops->hand(d->arg, p->worker, msg, len, from, ecn);
	memcpy((uint8_t *)(uintptr_t)msg, head, sizeof(head));
}

/*
 * The peers that an index may mean which this process has not given out, or
 * whose session is over; how many.  Junk seldom names a peer: there are 2^18
 * names.  Where peers are many some share a name, or the other epoch's key
 * makes one of an index: these are all of them, but not too many.
 */
static int
namesakes(struct wg_device *d, uint32_t index, const uint8_t reserved[3],
    struct wg_peer *v[MAX_NAMESAKES])
{
	struct timespec	 ts;
	struct wg_peer	*p;
	uint32_t	 name;
	int		 i, n = 0;

	if (!d->has_key)
		return (0);
	d->ops->wall(d->arg, &ts);
	for (i = 0; i < INDEX_EPOCHS; i++) {
		name = index_read(&d->names, index, i, (uint64_t)ts.tv_sec);
		for (p = wg_peer_named(d, name, NULL); p != NULL &&
		    n < MAX_NAMESAKES; p = wg_peer_named(d, name, p))
			if (wg_reserved_ok(p, reserved))
				v[n++] = p;
	}
	return (n);
}

/*
 * An answer to what another worker may have asked: it goes there.  0 if it is
 * none, or was handed here.
 */
static int
hand_answer(struct wg_device *d, uint32_t index, const void *msg, size_t len,
    const uint8_t reserved[3], const struct wg_endpoint *from, int handed)
{
	struct wg_peer	*v[MAX_NAMESAKES];
	int		 i, n, any = 0;

	if (d->workers < 2 || handed)
		return (0);
	n = namesakes(d, index, reserved, v);
	for (i = 0; i < n; i++)
		if (!wg_is_here(d, v[i])) {
			hand(d, v[i], msg, len, reserved, from, 0, 0);
			any = 1;
		}
	return (any);
}

/* own: the peer whose own key of this side the message is for, or NULL. */
static void
input_initiation(struct wg_device *d, struct wg_peer *own,
    struct wg_initiation *m, const struct wg_pending *q, mono_t now)
{
	const uint8_t			*reserved = q->reserved;
	const struct wg_endpoint	*from = &q->from;
	const struct noise_local	*l = own != NULL ? wg_local(d, own) :
					    &d->local;
	struct noise_opened	 o;
	struct wg_peer		*p;

	if (noise_open_initiation(l, m, &o) == -1) {
		d->count.wg_drop_handshake++;
		return;
	}
	if ((p = wg_peer_by_key(d, o.public)) == NULL)
		note(d, WG_NOTE_UNKNOWN, NULL, from);
	else if (!wg_is_here(d, p)) {
		explicit_bzero(&o, sizeof(o));
		hand(d, p, m, sizeof(*m), reserved, from, 0, q->handed);
		return;
	}
	/* each knows this side by one key */
	if (p == NULL || wg_local(d, p) != l || !wg_reserved_ok(p, reserved) ||
	    (p->last_initiation != 0 &&
	    now - p->last_initiation < INITIATION_INTERVAL) ||
	    noise_consume_initiation(&p->noise, m, &o) == -1) {
		explicit_bzero(&o, sizeof(o));
		d->count.wg_drop_handshake++;
		return;
	}
	if (p->cut) {
		explicit_bzero(&o, sizeof(o));
		d->count.wg_drop_cut++;
		return;
	}
	p->last_initiation = now;
	d->count.wg_rx_initiations++;
	(void)move_endpoint(p, from);
	note_received(d, p, sizeof(*m), now);
	wg_send_response(d, p, now);
	wg_peer_schedule(d, p);
}

static void
input_response(struct wg_device *d, struct wg_response *m,
    const struct wg_pending *q, mono_t now)
{
	const uint8_t			*reserved = q->reserved;
	const struct wg_endpoint	*from = &q->from;
	struct wg_index			*x;
	struct wg_peer			*p;

	x = wg_index_find(d, le32toh(m->receiver));
	if (x == NULL && hand_answer(d, le32toh(m->receiver), m, sizeof(*m),
	    reserved, from, q->handed))
		return;
	if (x == NULL || x->keypair != NULL ||
	    !wg_reserved_ok(x->peer, reserved) ||
	    noise_consume_response(wg_local(d, x->peer), &x->peer->noise,
	    m) == -1) {
		d->count.wg_drop_handshake++;
		return;
	}
	p = x->peer;
	d->count.wg_rx_responses++;
	(void)move_endpoint(p, from);
	note_received(d, p, sizeof(*m), now);
	if (wg_session_derive(d, p, now) == -1) {
		wg_handshake_forget(p);
		return;
	}
	timers_session_derived(&p->timers, now);
	handshake_done(d, p);
	/* the responder may only send once it has heard from us */
	wg_send_keepalive(d, p, now);
	note_heard(d, p, 1, now);
	wg_peer_schedule(d, p);
}

static void
input_cookie(struct wg_device *d, struct wg_cookie *m,
    const uint8_t reserved[3], const struct wg_endpoint *from, mono_t now)
{
	struct wg_index	*x;

	x = wg_index_find(d, le32toh(m->receiver));
	if (x == NULL && hand_answer(d, le32toh(m->receiver), m, sizeof(*m),
	    reserved, from, d->handed))
		return;
	if (x == NULL || !wg_reserved_ok(x->peer, reserved) ||
	    cookie_consume(&x->peer->cookie, m, now) == -1)
		d->count.wg_drop_handshake++;
	else
		d->count.wg_rx_cookies++;
}

/*
 * The peer whose own key of this side a handshake message is for, by its mac1;
 * NULL: none.  Such a peer is a server whose client we are: it writes from
 * where it is, and strangers cost nothing here.
 */
static struct wg_peer *
owned_by(struct wg_device *d, const uint8_t *msg, size_t len,
    const struct wg_endpoint *from, mono_t now)
{
	struct ipaddr	 a, b;
	struct wg_peer	*p;

	LIST_FOREACH(p, &d->owned, own_entry) {
		if (ipaddr_from_sa(&a, &p->ep.remote.sa) == -1 ||
		    ipaddr_from_sa(&b, &from->remote.sa) == -1 ?
		    !sa_equal(&p->ep.remote.sa, &from->remote.sa) :
		    ipaddr_cmp(&a, &b) != 0)
			continue;
		if (cookie_check(&p->own->checker, msg, len,
		    &from->remote.sa, 0, now) != COOKIE_MAC_INVALID)
			return (p);
	}
	return (NULL);
}

/* Queue a handshake message whose mac1 is valid; cookies are cheap. */
static void
queue_handshake(struct wg_device *d, const uint8_t *msg, size_t len,
    const uint8_t reserved[3], const struct wg_endpoint *from, mono_t now)
{
	struct wg_pending	*q;
	struct wg_peer		*own = NULL;

	if (!d->has_key || (cookie_check(&d->checker, msg, len,
	    &from->remote.sa, 0, now) == COOKIE_MAC_INVALID &&
	    (own = owned_by(d, msg, len, from, now)) == NULL)) {
		d->count.wg_drop_mac1++;
		return;
	}
	if (d->phead - d->ptail >= WG_HANDSHAKE_QUEUE) {
		d->count.wg_drop_queue++;
		return;
	}
	q = &d->pending[d->phead++ % WG_HANDSHAKE_QUEUE];
	q->from = *from;
	q->handed = d->handed;
	q->has_own = own != NULL;
	q->own = own != NULL ? own->id : 0;
	memcpy(q->reserved, reserved, sizeof(q->reserved));
	q->len = (uint16_t)len;
	memcpy(q->msg, msg, len);
	/* the last one would try again before its turn came */
	if (d->phead - d->ptail >= WG_HANDSHAKE_QUEUE / 2)
		d->loaded_until = now + LOAD_STICKY;
}

/* The answer to what this side has asked lately is no load of anybody's. */
static int
is_awaited(struct wg_device *d, const struct wg_pending *q)
{
	const struct wg_index	*x;

	return (q->len == WG_RESPONSE_LEN &&
	    (x = wg_index_find(d, get32(q->msg + 8))) != NULL &&
	    x->keypair == NULL &&
	    x->peer->noise.state == NOISE_CREATED_INITIATION);
}

/* Who is behind a balancer that hides him is told by the port alone. */
static int
may_ask(struct wg_device *d, const struct sockaddr *sa, mono_t now)
{
	struct ipaddr	 a;
	int		 i, hidden = 0;

	if (d->nbalancers > 0 && ipaddr_from_sa(&a, sa) == 0)
		for (i = 0; i < d->nbalancers && !hidden; i++)
			hidden = ipprefix_match(&d->balancers[i], &a);
	return (ratelimit_allow(&d->limit, sa, hidden, now));
}

/* Under load: does the sender get its message looked at? */
static int
admit_handshake(struct wg_device *d, const struct wg_pending *q, mono_t now)
{
	struct wg_cookie	 reply;
	struct timespec		 ts;

	/* what comes to a key for one peer comes from where that is */
	if (is_awaited(d, q) || q->has_own)
		return (may_ask(d, &q->from.remote.sa, now));
	d->ops->wall(d->arg, &ts);
	if (cookie_checker_time(&d->checker, (uint64_t)ts.tv_sec) == -1)
		return (0);
	if (cookie_check(&d->checker, q->msg, q->len, &q->from.remote.sa, 1,
	    now) != COOKIE_MAC2) {
		if (cookie_reply(&d->checker, q->msg, q->len,
		    get32(q->msg + 4), &q->from.remote.sa, now,
		    &reply) == 0 && wg_send_message(d, &q->from,
		    q->reserved, &reply, sizeof(reply)) == 0)
			d->count.wg_tx_cookies++;
		return (0);
	}
	if (!may_ask(d, &q->from.remote.sa, now)) {
		d->count.wg_drop_ratelimit++;
		return (0);
	}
	return (1);
}

/*
 * Who has lost his session comes back with a handshake that succeeds, however
 * many do; those that fail are somebody's who wants to cost us time.  Then
 * everybody has to prove where he is before he is looked at (5.3).
 */
static void
watch_failures(struct wg_device *d, mono_t now)
{
	uint64_t	 n;

	if (now - d->failed_at >= MONO_SEC(1)) {
		d->failed_at = now;
		d->failed = d->count.wg_drop_handshake;
	}
	n = d->count.wg_drop_handshake - d->failed;
	if (n >= LOAD_FAILED || (n >= LOAD_SAMPLE &&
	    d->phead - d->ptail >= WG_UNDER_LOAD - LOAD_SAMPLE))
		d->loaded_until = now + LOAD_STICKY;
}

/*
 * Work off up to max queued handshake messages, between batches of data.
 * Returns how many are left.
 */
int
wg_run_handshakes(struct wg_device *d, int max, mono_t now)
{
	struct wg_pending	*q;
	struct wg_peer		*own;
	struct wg_initiation	 init;
	struct wg_response	 resp;

	for (; max > 0 && d->ptail != d->phead; max--) {
		watch_failures(d, now);
		q = &d->pending[d->ptail++ % WG_HANDSHAKE_QUEUE];
		if (now < d->loaded_until && !admit_handshake(d, q, now))
			continue;
		own = NULL;
		if (q->has_own && ((own = wg_peer_by_id(d, q->own)) == NULL ||
		    own->own == NULL))
			continue;	/* it is gone */
		if (q->len == sizeof(init)) {
			memcpy(&init, q->msg, sizeof(init));
			input_initiation(d, own, &init, q, now);
		} else {
			memcpy(&resp, q->msg, sizeof(resp));
			input_response(d, &resp, q, now);
		}
	}
	return ((int)(d->phead - d->ptail));
}

/*
 * The inner packet's length, after checking that its source belongs to
 * the peer: the longest match among all peers' allowed IPs, or an uplink's
 * own, must be this peer.  0 if it is to be dropped.
 */
static size_t
check_inner(struct wg_device *d, struct wg_peer *p, const uint8_t *pkt,
    size_t len)
{
	struct wg_peer	*owner;
	size_t		 want;

	if (len >= 20 && pkt[0] >> 4 == 4) {
		want = (size_t)pkt[2] << 8 | pkt[3];
		owner = aip_lookup4(wg_trie(d, p), pkt + 12);
		if (want < 20)
			want = SIZE_MAX;
	} else if (len >= 40 && pkt[0] >> 4 == 6) {
		want = ((size_t)pkt[4] << 8 | pkt[5]) + 40;
		owner = aip_lookup6(wg_trie(d, p), pkt + 8);
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
 * Data of a session that this process does not have.  Who may have it is
 * offered another, and only who has the data's key takes it.
 */
static void
unknown_session(struct wg_device *d, uint8_t *msg, size_t len,
    const uint8_t reserved[3], const struct wg_endpoint *from, int ecn,
    mono_t now)
{
	struct wg_peer	*v[MAX_NAMESAKES];
	int		 i, n, handed = 0;

	n = namesakes(d, get32(msg + 4), reserved, v);
	for (i = 0; i < n; i++) {
		if (!wg_is_here(d, v[i])) {
			/*
			 * Where the kernel steers that is a session of another
			 * gateway, or junk, which must not fill the way there.
			 */
			if (d->steered && !wg_may_heal(d, now)) {
				d->count.wg_drop_across++;
				continue;
			}
			hand(d, v[i], msg, len, reserved, from, ecn,
			    d->handed);
			handed = 1;
			continue;
		}
		wg_offer_session(d, v[i], from, now);
	}
	if (!handed)
		d->count.wg_drop_index++;
}

static void
input_data(struct wg_device *d, uint8_t *msg, size_t len,
    const uint8_t reserved[3], const struct wg_endpoint *from, int ecn,
    mono_t now)
{
	struct wg_keypair	*kp;
	struct wg_index		*x;
	struct wg_peer		*p;
	uint64_t		 counter;
	uint8_t			*out;
	size_t			 plain = len - WG_DATA_OVERHEAD;
	int			 news;

	x = wg_index_find(d, get32(msg + 4));
	if (x == NULL) {
		unknown_session(d, msg, len, reserved, from, ecn, now);
		return;
	}
	if ((kp = x->keypair) == NULL) {
		d->count.wg_drop_index++;
		return;
	}
	p = x->peer;
	if (!wg_reserved_ok(p, reserved)) {
		d->count.wg_drop_malformed++;
		return;
	}
	if (now - kp->birth >= REJECT_AFTER_TIME) {
		d->count.wg_drop_expired++;
		return;
	}
	/*
	 * Where peers reach each other, nobody else sees it before it is known
	 * for whom it is.  Without room for the packet its news still counts.
	 */
	if (d->overlay && plain <= sizeof(d->scratch))
		out = d->scratch;
	else if ((out = d->ops->rx_buf(d->arg, plain)) == NULL) {
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
	d->count.wg_rx_genuine++;
	if ((news = move_endpoint(p, from)) != 0)
		note(d, WG_NOTE_MOVED, p, from);
	note_received(d, p, len, now);
	if (wg_session_confirm(p, kp)) {
		news = 1;
		handshake_done(d, p);
		wg_send_staged(d, p, now);
	}
	note_heard(d, p, news, now);
	if (plain > 0) {
		if (p->timers.data_received == 0 ||
		    !p->timers.another_keepalive)
			timers_data_received(&p->timers, now);
		if (d->raw) {
			if (out == d->scratch)
				d->count.wg_drop_noslot++;
			else
				d->ops->rx_done(d->arg, p, plain, now);
			plain = 0;
		} else
			plain = check_inner(d, p, out, plain);
		if (plain > 0 && ecn == ECN_CE && wg_carry_ce(out) == -1) {
			d->count.wg_drop_ecn++;
			plain = 0;
		}
		if (plain > 0 && !p->uplink &&
		    wg_overlay_input(d, out, plain, now))
			plain = 0;
		if (plain > 0 && out == d->scratch && d->overlay &&
		    (out = d->ops->rx_buf(d->arg, plain)) != NULL)
			memcpy(out, d->scratch, plain);
		if (plain > 0 && (out == NULL || out == d->scratch))
			d->count.wg_drop_noslot++;
		else if (plain > 0) {
			d->count.wg_rx_packets++;
			d->ops->rx_done(d->arg, p, plain, now);
		}
	} else
		d->count.wg_rx_keepalives++;
	if (kp == p->current && kp->initiator && !kp->rekeyed &&
	    now - kp->birth >= REKEY_LAST_MINUTE) {
		kp->rekeyed = 1;
		wg_send_initiation(d, p, 0, now);
	}
	wg_peer_schedule(d, p);
}

/* One datagram of len bytes; ecn is what its outer header had. */
void
wg_input(struct wg_device *d, uint8_t *msg, size_t len,
    const struct wg_endpoint *from, int ecn, mono_t now)
{
	struct wg_cookie	 cookie;
	uint8_t			 reserved[3] = { 0, 0, 0 };

	d->count.wg_rx_datagrams++;
	d->count.wg_rx_bytes += len;
	if (d->paused) {
		d->count.wg_drop_paused++;
		return;
	}
	/* those of some peer: whose it is shows when the message is open */
	if (d->nreserved > 0 && len >= 4 &&
	    (msg[1] | msg[2] | msg[3]) != 0 &&
	    wg_reserved_known(d, msg + 1)) {
		memcpy(reserved, msg + 1, sizeof(reserved));
		memset(msg + 1, 0, sizeof(reserved));
	}
	if (len >= WG_DATA_MIN_LEN) {
		switch (get32(msg)) {
		case WG_MSG_DATA:
			input_data(d, msg, len, reserved, from, ecn, now);
			return;
		case WG_MSG_INITIATION:
			if (len != WG_INITIATION_LEN)
				break;
			queue_handshake(d, msg, len, reserved, from, now);
			return;
		case WG_MSG_RESPONSE:
			if (len != WG_RESPONSE_LEN)
				break;
			queue_handshake(d, msg, len, reserved, from, now);
			return;
		case WG_MSG_COOKIE:
			if (len != WG_COOKIE_LEN)
				break;
			memcpy(&cookie, msg, sizeof(cookie));
			input_cookie(d, &cookie, reserved, from, now);
			return;
		}
	}
	d->count.wg_drop_malformed++;
}

/*
 * The peer that an inner packet's destination belongs to, or NULL; that of an
 * uplink is looked up for the peer that is meant, which may be told by its id.
 */
struct wg_peer *
wg_route(struct wg_device *d, uint32_t id, const uint8_t *pkt, size_t len)
{
	struct wg_peer	*p = wg_peer_by_id(d, id);
	struct aip_trie	*t = p != NULL ? wg_trie(d, p) : &d->aips;

	if (len >= 20 && pkt[0] >> 4 == 4)
		return (aip_lookup4(t, pkt + 16));
	if (len >= 40 && pkt[0] >> 4 == 6)
		return (aip_lookup6(t, pkt + 24));
	return (NULL);
}

/* The wheel's callback: some timer of a peer may be due. */
static void
wg_expire(void *arg, struct wheel_timer *t, mono_t now)
{
	struct wg_device	*d = arg;
	struct wg_peer		*p;
	int			 actions;

	p = (struct wg_peer *)((char *)t - offsetof(struct wg_peer, timer));
	actions = timers_expire(&p->timers, now);
	if (actions & WG_DO_ZERO)
		wg_peer_zero(d, p);
	/* what has come instead is somebody else's */
	if (actions & WG_DO_FORGET &&
	    p->noise.state == NOISE_CREATED_INITIATION)
		wg_handshake_forget(p);
	if (actions & WG_DO_GIVE_UP)
		wg_stage_purge(d, p);
	if (actions & (WG_DO_RETRY | WG_DO_INITIATE)) {
		/* our own address may be what stopped working */
		memset(&p->ep.local, 0, sizeof(p->ep.local));
		p->ep.ifindex = 0;
		wg_send_initiation(d, p, (actions & WG_DO_RETRY) != 0, now);
	}
	if (actions & WG_DO_KEEPALIVE)
		wg_send_keepalive(d, p, now);
	wg_peer_schedule(d, p);
}

/* A device without a key and without peers, or NULL. */
struct wg_device *
wg_device_new(const struct wg_ops *ops, void *arg, mono_t now)
{
	struct wg_device	*d;
	int			 i;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	d->pending = calloc(WG_HANDSHAKE_QUEUE, sizeof(*d->pending));
	if (d->pending == NULL || wg_table_grow(d) == -1) {
		free(d->pending);
		free(d);
		return (NULL);
	}
	d->ops = ops;
	d->arg = arg;
	TAILQ_INIT(&d->peers);
	for (i = 0; i < WG_RESERVED_BUCKETS; i++)
		LIST_INIT(&d->reserved[i]);
	LIST_INIT(&d->owned);
	aip_init(&d->aips);
	aip_init(&d->excludes);
	TAILQ_INIT(&d->excluded);
	ratelimit_init(&d->limit);
	ops->random(arg, &d->hashkey, sizeof(d->hashkey));
	wheel_init(&d->wheel, now, wg_expire, d);
	d->fresh = now;
	return (d);
}

void
wg_device_free(struct wg_device *d)
{
	struct wg_peer	*p;

	if (d == NULL)
		return;
	while ((p = TAILQ_FIRST(&d->peers)) != NULL)
		wg_peer_remove(d, p);
	aip_free(&d->aips);
	aip_free(&d->excludes);
	noise_local_clear(&d->local);
	explicit_bzero(&d->checker, sizeof(d->checker));
	free(d->pending);
	free(d->byid);
	free(d->bykey);
	free(d->byindex);
	free(d->byname);
	explicit_bzero(&d->names, sizeof(d->names));
	free(d);
}

/*
 * Set or change the private key.  A change ends every handshake and every
 * session, because both were made with the old one.
 */
int
wg_device_set_key(struct wg_device *d, const uint8_t private[KEY_LEN])
{
	struct noise_local	 l;
	struct wg_peer		*p;

	if (noise_local_init(&l, private) == -1)
		return (-1);
	if (d->has_key &&
	    memcmp(l.public, d->local.public, KEY_LEN) == 0) {
		noise_local_clear(&l);
		return (0);
	}
	if (cookie_checker_init(&d->checker, l.public) == -1 ||
	    cookie_checker_share(&d->checker, private) == -1 ||
	    index_names_init(&d->names, private) == -1) {
		noise_local_clear(&l);
		return (-1);
	}
	wg_forget_pending(d);
	noise_local_clear(&d->local);
	d->local = l;
	explicit_bzero(&l, sizeof(l));	/* it is the device's now */
	d->has_key = 1;
	wg_names_set(d);
	TAILQ_FOREACH(p, &d->peers, entry)
		if (p->own == NULL)
			wg_peer_rekey(d, p);
	return (0);
}

/* Without a private key: no handshake, no session. */
void
wg_device_clear_key(struct wg_device *d)
{
	struct wg_peer	*p;

	wg_forget_pending(d);
	noise_local_clear(&d->local);
	d->has_key = 0;
	TAILQ_FOREACH(p, &d->peers, entry)
		wg_peer_rekey(d, p);
}
