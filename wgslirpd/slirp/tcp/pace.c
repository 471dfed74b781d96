/* SPDX-License-Identifier: ISC */

/*
 * Pacing: a train is no longer than what the rate allows for a millisecond, and
 * the next one waits for its time.
 */

#include "pace.h"

#define PACE_AHEAD	MONO_MS(100)
#define PACE_CREDIT	MONO_MS(8)	/* lateness that is made up for */

/* The rate to send at, in bytes a second; 0: any. */
static uint64_t
pace_rate(const struct slirp *s, const struct tcpcb *t)
{
	uint64_t	 most;

	if (s->conf.tcp.pace_gap == 0)
		return (t->x->pace_rate);
	most = (uint64_t)t->mss * 1000000 / s->conf.tcp.pace_gap;
	return (t->x->pace_rate == 0 || t->x->pace_rate > most ? most :
	    t->x->pace_rate);
}

/* Bytes that pacing allows now; arms t_pace if there are none. */
uint32_t
tcp_pace_room(const struct slirp *s, struct tcpcb *t)
{
	uint64_t	 room, rate = pace_rate(s, t);

	if (rate == 0)
		return (UINT32_MAX);
	if (t->x->pace_next < s->now) {
		/*
		 * Whoever had data and was woken late makes up for it: a
		 * machine that is busy would take the rate down otherwise,
		 * and what is measured of the path with it.
		 */
		if (!t->x->backlog)
			t->x->pace_next = s->now;
		else if (t->x->pace_next + PACE_CREDIT < s->now)
			t->x->pace_next = s->now - PACE_CREDIT;
	}
	if (t->x->pace_next >= s->now + PACE_QUANTUM) {
		t->x->t_pace = t->x->pace_next - PACE_QUANTUM + 1;
		return (0);
	}
	room = (s->now + PACE_QUANTUM - t->x->pace_next) / 1000 * rate /
	    1000000;
	if (room < 2U * t->mss)
		room = 2U * t->mss;
	return (room > UINT32_MAX ? UINT32_MAX : (uint32_t)room);
}

void
tcp_pace_sent(const struct slirp *s, struct tcpcb *t, uint32_t bytes)
{
	uint64_t	 rate = pace_rate(s, t);
	mono_t		 most;

	if (t->recovery == TCPR_FAST)
		t->x->prr_out += bytes;
	if (rate == 0)
		return;
	t->x->pace_next += (uint64_t)bytes * 1000000000 / rate;
	/* what had to go at once does not silence the rest for long */
	most = s->now + (t->srtt > PACE_AHEAD ? t->srtt : PACE_AHEAD);
	if (t->x->pace_next > most && s->conf.tcp.pace_gap == 0)
		t->x->pace_next = most;
}
