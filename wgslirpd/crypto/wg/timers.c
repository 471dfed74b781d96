/* SPDX-License-Identifier: ISC */

/*
 * WireGuard's timers (paper, 6) as decisions: events come in with their
 * time, timers_next() tells when to ask again, timers_expire() tells what
 * is due.  No clock is read here.
 */

#include <string.h>

#include "timers.h"

#define MAX_ATTEMPTS	(REKEY_ATTEMPT_TIME / REKEY_TIMEOUT)
#define OFFER_TIME	(3 * REKEY_TIMEOUT)
#define ZERO_AFTER	(3 * REJECT_AFTER_TIME)

/* Any authenticated packet was sent: data, keepalive or handshake. */
void
timers_any_sent(struct wg_timers *t)
{
	t->data_received = 0;
}

/* Any authenticated packet was received. */
void
timers_any_received(struct wg_timers *t)
{
	t->data_sent = 0;
}

/* One of the two packet classes, or both. */
void
timers_any_traversal(struct wg_timers *t, mono_t now)
{
	if (t->keepalive_interval != 0)
		t->traversal = now + MONO_SEC(t->keepalive_interval);
}

/* Data, not a keepalive, was sent. */
void
timers_data_sent(struct wg_timers *t, mono_t now, mono_t jitter)
{
	if (t->data_sent == 0)
		t->data_sent = now + KEEPALIVE_TIMEOUT + REKEY_TIMEOUT +
		    jitter;
}

/* Data, not a keepalive, was received. */
void
timers_data_received(struct wg_timers *t, mono_t now)
{
	if (t->data_received == 0)
		t->data_received = now + KEEPALIVE_TIMEOUT;
	else
		t->another_keepalive = 1;
}

/* An initiation or a response was sent. */
void
timers_handshake_sent(struct wg_timers *t, mono_t now)
{
	t->last_handshake_sent = now;
	t->offered = 0;
}

void
timers_handshake_initiated(struct wg_timers *t, mono_t now, mono_t jitter)
{
	t->handshake_initiated = now + REKEY_TIMEOUT + jitter;
	t->unanswered++;
}

/* An initiation that is not tried again: it is forgotten in time. */
void
timers_handshake_offered(struct wg_timers *t, mono_t now)
{
	t->offered = now + OFFER_TIME;
	t->last_offer = now;
}

void
timers_handshake_complete(struct wg_timers *t)
{
	t->handshake_initiated = t->offered = 0;
	t->attempts = 0;
	t->unanswered = 0;
}

void
timers_session_derived(struct wg_timers *t, mono_t now)
{
	t->session_derived = now + ZERO_AFTER;
}

/* No initiation within 5 s of any handshake message sent. */
int
timers_may_initiate(const struct wg_timers *t, mono_t now)
{
	return (t->last_handshake_sent == 0 ||
	    now - t->last_handshake_sent >= REKEY_TIMEOUT);
}

/* The same of an offer, and no offer either; it stands in nobody's way. */
int
timers_may_offer(const struct wg_timers *t, mono_t now)
{
	return (timers_may_initiate(t, now) && (t->last_offer == 0 ||
	    now - t->last_offer >= REKEY_TIMEOUT));
}

/* interval in seconds; 0 turns it off, a new one starts at once. */
void
timers_set_keepalive(struct wg_timers *t, uint16_t interval, mono_t now)
{
	uint16_t	 old = t->keepalive_interval;

	t->keepalive_interval = interval;
	if (interval == 0)
		t->traversal = 0;
	else if (old == 0)
		t->traversal = now;
	else if (old != interval)
		t->traversal = now + MONO_SEC(interval);
}

/* The sessions are gone: only the persistent keepalive goes on. */
void
timers_stop(struct wg_timers *t)
{
	uint16_t	 interval = t->keepalive_interval;
	mono_t		 traversal = t->traversal;

	memset(t, 0, sizeof(*t));
	t->keepalive_interval = interval;
	t->traversal = traversal;
}

static int
due(mono_t *t, mono_t now)
{
	if (*t == 0 || *t > now)
		return (0);
	*t = 0;
	return (1);
}

/* Disarm what is due at now and tell what to do about it. */
int
timers_expire(struct wg_timers *t, mono_t now)
{
	int	 actions = 0;

	if (due(&t->handshake_initiated, now)) {
		if (t->attempts > MAX_ATTEMPTS) {
			t->attempts = 0;
			t->data_received = 0;
			if (t->session_derived == 0)
				t->session_derived = now + ZERO_AFTER;
			actions |= WG_DO_GIVE_UP;
		} else {
			t->attempts++;
			actions |= WG_DO_RETRY;
		}
	}
	if (due(&t->data_received, now)) {
		if (t->another_keepalive) {
			t->another_keepalive = 0;
			t->data_received = now + KEEPALIVE_TIMEOUT;
		}
		actions |= WG_DO_KEEPALIVE;
	}
	if (due(&t->data_sent, now))
		actions |= WG_DO_INITIATE;
	if (due(&t->session_derived, now))
		actions |= WG_DO_ZERO;
	if (due(&t->offered, now))
		actions |= WG_DO_FORGET;
	if (due(&t->traversal, now)) {
		/* sending it arms this again; if it cannot be sent: */
		if (t->keepalive_interval != 0) {
			t->traversal = now + MONO_SEC(t->keepalive_interval);
			actions |= WG_DO_KEEPALIVE;
		}
	}
	return (actions);
}

/* The earlier of two times, of which 0 is never. */
static mono_t
earlier(mono_t a, mono_t b)
{
	return (a - 1 < b - 1 ? a : b);
}

/*
 * The earliest time at which timers_expire() has something; 0: never.  For
 * each packet, and some of these were just written: one by one.
 */
mono_t
timers_next(const struct wg_timers *t)
{
	mono_t	 next;

	next = earlier(t->handshake_initiated, t->data_received);
	next = earlier(next, t->data_sent);
	next = earlier(next, t->session_derived);
	next = earlier(next, t->offered);
	return (earlier(next, t->traversal));
}
