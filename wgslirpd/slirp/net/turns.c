/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>

#include "log.h"
#include "out.h"
#include "turns.h"

struct turns_state {
	struct peer_queue	 rows[TURN_MAX];
	uint32_t		 came_back;	/* slots seen so far */
	uint32_t		 nwaiting;
	uint32_t		 wakes;		/* still due to waiting flows */
};

/* -1 if there is no memory. */
int
turns_init(struct slirp *s)
{
	if ((s->turns = calloc(1, sizeof(*s->turns))) == NULL)
		return (-1);
	TAILQ_INIT(&s->turns->rows[TURN_READY]);
	TAILQ_INIT(&s->turns->rows[TURN_WAITING]);
	return (0);
}

void
turns_free(struct slirp *s)
{
	free(s->turns);
	s->turns = NULL;
}

void
turns_leave(struct slirp *s, struct flow *f)
{
	struct slirp_peer	*p = f->peer;
	enum turn		 t = (enum turn)f->turn;

	if (t == TURN_NONE)
		return;
	TAILQ_REMOVE(&p->turns[t].flows, f, ready_entry);
	if (TAILQ_EMPTY(&p->turns[t].flows))
		TAILQ_REMOVE(&s->turns->rows[t], p, turns[t].entry);
	if (t == TURN_WAITING)
		s->turns->nwaiting--;
	f->turn = TURN_NONE;
}

/* Put the flow into one of the two rows; it leaves the other one. */
static void
turns_join(struct slirp *s, struct flow *f, enum turn t)
{
	struct slirp_peer	*p = f->peer;

	if (f->turn == t)
		return;
	turns_leave(s, f);
	f->turn = (uint8_t)t;
	if (TAILQ_EMPTY(&p->turns[t].flows))
		TAILQ_INSERT_TAIL(&s->turns->rows[t], p, turns[t].entry);
	TAILQ_INSERT_TAIL(&p->turns[t].flows, f, ready_entry);
	if (t == TURN_WAITING)
		s->turns->nwaiting++;
}

/* The first flow of the first peer, who goes to the end of the row. */
struct flow *
turns_take(struct slirp *s, enum turn t)
{
	struct slirp_peer	*p = TAILQ_FIRST(&s->turns->rows[t]);
	struct flow		*f;

	if (p == NULL)
		return (NULL);
	TAILQ_REMOVE(&s->turns->rows[t], p, turns[t].entry);
	TAILQ_INSERT_TAIL(&s->turns->rows[t], p, turns[t].entry);
	f = TAILQ_FIRST(&p->turns[t].flows);
	turns_leave(s, f);
	return (f);
}

/* Give the flow its turn. */
void
turns_ready(struct slirp *s, struct flow *f)
{
	turns_join(s, f, TURN_READY);
}

/* Give it its turn when packet slots have come back. */
void
turns_wait(struct slirp *s, struct flow *f)
{
	turns_join(s, f, TURN_WAITING);
}

/*
 * Slots came back, by whichever way: as many waiting flows get a turn.
 * If one cannot use it, turns_pass_on() gives it to the next, at most once
 * round the list, so that one whose peer has its share hides nobody.
 */
void
turns_wake(struct slirp *s)
{
	uint32_t	 n;

	if (pktq_reclaim(s->out) == -1)
		fatalx("crypto broke the packet queue");
	n = s->out->came_back - s->turns->came_back;
	if (n == 0)
		return;
	s->turns->came_back = s->out->came_back;
	s->turns->wakes = s->turns->nwaiting;
	for (; n > 0 && s->turns->wakes > 0; n--, s->turns->wakes--)
		turns_ready(s, turns_take(s, TURN_WAITING));
}

/* Whoever had its turn had no use for slots that there are: the next one. */
void
turns_pass_on(struct slirp *s)
{
	if (s->turns->wakes == 0 || s->turns->nwaiting == 0 ||
	    s->out->nfree <= SLOTS_RESERVED)
		return;
	s->turns->wakes--;
	turns_ready(s, turns_take(s, TURN_WAITING));
}

/* Is a flow in the row? */
int
turns_any(const struct slirp *s, enum turn t)
{
	return (!TAILQ_EMPTY(&s->turns->rows[t]));
}
