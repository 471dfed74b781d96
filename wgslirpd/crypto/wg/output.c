/* SPDX-License-Identifier: ISC */

/*
 * What goes out: handshake messages, packets and keepalives of one peer.
 */

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "output.h"

#define TOS_HANDSHAKE		0x88	/* AF41, as Linux does */
#define PADDING			16
#define LOST_EVERY		4	/* initiations without an answer */
#define LOST_AFTER		2
#define OFFER_QUIET		(KEEPALIVE_TIMEOUT + REKEY_TIMEOUT)
#define HEAL_RATE		500	/* offers a second */

/* Many are drawn at once: the C library asks the system for its pid. */
static mono_t
jitter(struct wg_device *d)
{
	if (d->njitter == 0) {
		d->ops->random(d->arg, d->jitter, sizeof(d->jitter));
		d->njitter = sizeof(d->jitter) / sizeof(d->jitter[0]);
	}
	return (d->jitter[--d->njitter] % REKEY_TIMEOUT_JITTER);
}

/*
 * Send one whole message to an endpoint.  Reserved bytes, zeros for none, go
 * in last, so that no MAC covers them.
 */
int
wg_send_message(struct wg_device *d, const struct wg_endpoint *ep,
    const uint8_t reserved[3], const void *msg, size_t len)
{
	uint8_t	*buf;

	if ((buf = d->ops->tx_buf(d->arg, ep, len, TOS_HANDSHAKE)) == NULL)
		return (-1);
	memcpy(buf, msg, len);
	memcpy(buf + 1, reserved, 3);
	d->ops->tx_done(d->arg, len);
	return (0);
}

/* What every authenticated packet does to the timers. */
static void
note_sent(struct wg_device *d, struct wg_peer *p, size_t len, mono_t now)
{
	p->tx_bytes += len;
	wg_note_quota(d, p);
	timers_any_sent(&p->timers);
	timers_any_traversal(&p->timers, now);
}

/*
 * The label of the next initiation to a peer, who takes none that is not
 * greater than the last (section 5.1): the clock may have been put back since
 * that one.
 */
static void
next_stamp(struct wg_device *d, struct wg_peer *p,
    uint8_t tai[NOISE_TAI64N_LEN])
{
	struct timespec	 ts, next = p->stamp;

	d->ops->wall(d->arg, &ts);
	next.tv_nsec += NOISE_TAI64N_STEP;
	if (next.tv_nsec >= 1000000000L) {
		next.tv_nsec -= 1000000000L;
		next.tv_sec++;
	}
	if (ts.tv_sec < next.tv_sec || (ts.tv_sec == next.tv_sec &&
	    ts.tv_nsec < next.tv_nsec))
		ts = next;
	p->stamp = ts;
	noise_tai64n(tai, (uint64_t)ts.tv_sec, (uint32_t)ts.tv_nsec);
}

/* An initiation to an endpoint, with an index of its own; -1: none is made. */
static int
initiate(struct wg_device *d, struct wg_peer *p, const struct wg_endpoint *ep,
    mono_t now)
{
	struct wg_initiation	 m;
	uint8_t			 tai[NOISE_TAI64N_LEN], e[DH_LEN];
	int			 ok;

	wg_handshake_forget(p);
	wg_index_new(d, &p->hs_index, p, NULL);
	p->indexed = 1;
	next_stamp(d, p, tai);
	d->ops->random(d->arg, e, sizeof(e));
	ok = noise_create_initiation(wg_local(d, p), &p->noise, tai, e,
	    p->hs_index.index, &m);
	explicit_bzero(e, sizeof(e));
	if (ok == -1 || cookie_sign(&p->cookie, &m, sizeof(m), now) == -1)
		return (-1);
	if (wg_send_message(d, ep, p->reserved, &m, sizeof(m)) == 0)
		d->count.wg_tx_initiations++;
	return (0);
}

/*
 * Start a handshake, unless one was sent within the last 5 s.  retry: it
 * continues an attempt, whose count goes on.
 */
void
wg_send_initiation(struct wg_device *d, struct wg_peer *p, int retry,
    mono_t now)
{
	if (!retry)
		p->timers.attempts = 0;
	/* one that is at another gateway comes back by itself, if it does */
	if (!d->has_key || d->paused || p->cut || p->away ||
	    !wg_is_here(d, p) || !timers_may_initiate(&p->timers, now))
		return;
	timers_handshake_initiated(&p->timers, now, jitter(d));
	if (p->ep.remote.sa.sa_family == AF_UNSPEC) {
		/* it may still come to us; give up in time otherwise */
		wg_peer_schedule(d, p);
		return;
	}
	timers_handshake_sent(&p->timers, now);
	if (initiate(d, p, &p->ep, now) == 0)
		note_sent(d, p, WG_INITIATION_LEN, now);
	if (p->timers.unanswered % LOST_EVERY == LOST_AFTER &&
	    d->ops->lost != NULL)
		d->ops->lost(d->arg, p);
	wg_peer_schedule(d, p);
}

static int
session_usable(const struct wg_keypair *kp, mono_t now)
{
	return (kp != NULL && now - kp->birth < REJECT_AFTER_TIME &&
	    kp->counter < REJECT_AFTER_MESSAGES);
}

/* A few hundred a second, whoever asks for them. */
int
wg_may_heal(struct wg_device *d, mono_t now)
{
	uint64_t	 more = (now - d->heal_stamp) / (MONO_SEC(1) /
			    HEAL_RATE);

	if (d->heal_stamp == 0 || more > HEAL_RATE)
		more = HEAL_RATE;
	if (more > 0) {
		d->heal_tokens = d->heal_tokens + more > HEAL_RATE ?
		    HEAL_RATE : d->heal_tokens + (uint32_t)more;
		d->heal_stamp = now;
	}
	if (d->heal_tokens == 0)
		return (0);
	d->heal_tokens--;
	return (1);
}

/*
 * Data came under an index that is not known here, which says that it is this
 * peer's: it has a session with a gateway that is gone, or with what this one
 * was before it was started again.  Offer a new one, to where the data came
 * from: once, for the next data asks again; at most every 5 s, and the peer's
 * endpoint moves only when it answers.
 *
 * The index is no proof: who guesses one gets an initiation that the peer would
 * take from him, if it can be reached, and believe that the gateway is there.
 * So a gateway that is alone offers to an address that is new only while
 * sessions of before can be alive, which is three minutes after its start, or
 * after the peer has come from another worker.
 */
void
wg_offer_session(struct wg_device *d, struct wg_peer *p,
    const struct wg_endpoint *from, mono_t now)
{
	if (!d->many && now - d->fresh > REJECT_AFTER_TIME + REKEY_TIMEOUT &&
	    (p->came == 0 || now - p->came > REJECT_AFTER_TIME +
	    REKEY_TIMEOUT) && !sa_equal(&p->ep.remote.sa, &from->remote.sa)) {
		d->count.wg_drop_heal++;
		return;
	}
	/*
	 * A replay: it is in a session with us, or about to be.  Whom we want
	 * to reach, and did not know where, is here.
	 */
	if ((session_usable(p->current, now) &&
	    now - p->heard < OFFER_QUIET) ||
	    (p->timers.handshake_initiated != 0 &&
	    p->ep.remote.sa.sa_family != AF_UNSPEC))
		return;
	if (!d->has_key || d->paused || p->cut ||
	    !timers_may_offer(&p->timers, now) || !wg_may_heal(d, now)) {
		d->count.wg_drop_heal++;
		return;
	}
	d->count.wg_tx_offers++;
	if (d->ops->note != NULL)
		d->ops->note(d->arg, WG_NOTE_OFFER, p, from);
	timers_handshake_offered(&p->timers, now);
	(void)initiate(d, p, from, now);
	wg_peer_schedule(d, p);
}

void
wg_send_response(struct wg_device *d, struct wg_peer *p, mono_t now)
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
	explicit_bzero(e, sizeof(e));
	if (ok == -1 || cookie_sign(&p->cookie, &m, sizeof(m), now) == -1 ||
	    wg_session_derive(d, p, now) == -1) {
		wg_handshake_forget(p);
		return;
	}
	timers_session_derived(&p->timers, now);
	timers_handshake_sent(&p->timers, now);
	note_sent(d, p, sizeof(m), now);
	if (wg_send_message(d, &p->ep, p->reserved, &m, sizeof(m)) == 0)
		d->count.wg_tx_responses++;
}

/*
 * Encrypt one packet with the current session, len 0 for a keepalive.
 * Plaintext is padded to 16 bytes, but not past the MTU.  With head the
 * packet is somebody else's memory: it is copied first, and begins with
 * these hlen bytes, whatever is there by now.  Returns -1 if there is no
 * room to send it now.
 */
static int
send_data(struct wg_device *d, struct wg_peer *p, const uint8_t *pkt,
    size_t len, const uint8_t *head, size_t hlen, int ecn, mono_t now)
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
	if (head != NULL) {
		memcpy(buf + WG_DATA_HDR_LEN, pkt, len);
		memcpy(buf + WG_DATA_HDR_LEN, head, hlen);
		pkt = buf + WG_DATA_HDR_LEN;
	}
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
		wg_send_initiation(d, p, 0, now);
	wg_peer_schedule(d, p);
	return (0);
}

/*
 * Send a packet to a peer, or keep a copy of it and start a handshake if
 * there is no session.  Returns -1 if the network takes nothing now; the
 * caller tries again.
 */
static int
output(struct wg_device *d, struct wg_peer *p, const uint8_t *pkt,
    size_t len, const uint8_t *head, size_t hlen, int ecn, mono_t now)
{
	if (d->paused) {
		d->count.wg_drop_paused++;
		return (0);
	}
	if (p->cut) {
		d->count.wg_drop_cut++;
		return (0);
	}
	if (!wg_is_here(d, p)) {
		d->count.wg_drop_nopeer++;
		return (0);
	}
	if (session_usable(p->current, now) &&
	    p->ep.remote.sa.sa_family != AF_UNSPEC)
		return (send_data(d, p, pkt, len, head, hlen, ecn, now));
	if (p->away) {
		/* nobody is going to take it from here */
		d->count.wg_drop_staged++;
		return (0);
	}
	wg_stage(d, p, pkt, len, head, hlen, ecn);
	wg_send_initiation(d, p, 0, now);
	return (0);
}

int
wg_output(struct wg_device *d, struct wg_peer *p, const uint8_t *pkt,
    size_t len, int ecn, mono_t now)
{
	return (output(d, p, pkt, len, NULL, 0, ecn, now));
}

/*
 * The same for a packet in memory that others can write: what was decided
 * about its first hlen bytes was decided about head, which is sent.
 */
int
wg_output_shared(struct wg_device *d, struct wg_peer *p, const uint8_t *pkt,
    size_t len, const uint8_t *head, size_t hlen, int ecn, mono_t now)
{
	return (output(d, p, pkt, len, head, hlen, ecn, now));
}

void
wg_send_staged(struct wg_device *d, struct wg_peer *p, mono_t now)
{
	struct wg_staged	*s;

	while (session_usable(p->current, now) &&
	    (s = wg_unstage(d, p)) != NULL) {
		if (send_data(d, p, s->data, s->len, NULL, 0, s->ecn, now) ==
		    -1)
			d->count.wg_drop_send++;
		free(s);
	}
}

/* A keepalive, or what waits; starts a handshake if there is no session. */
void
wg_send_keepalive(struct wg_device *d, struct wg_peer *p, mono_t now)
{
	if (!session_usable(p->current, now))
		wg_send_initiation(d, p, 0, now);
	else if (!TAILQ_EMPTY(&p->staged))
		wg_send_staged(d, p, now);
	else if (send_data(d, p, NULL, 0, NULL, 0, 0, now) == -1)
		d->count.wg_drop_send++;
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
		wg_send_keepalive(d, p, now);
}
