/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <string.h>

#include "place.h"

static uint32_t	 load[MAX_WORKERS];	/* peers of each */

static uint32_t	 nuplinks;

/* Uplinks are the first of the ways that have a number of their own. */
static int
is_uplink_way(uint32_t way)
{
	return (way >= WAY_INDEX_FIRST && way - WAY_INDEX_FIRST < nuplinks);
}

/* Does one of these ways lead to an uplink? */
static int
by_uplink(const struct conf_egress *e)
{
	int	 i;

	for (i = 0; i < e->n && i < MAX_ORDER; i++)
		if (is_uplink_way(e->way[i]))
			return (1);
	return (0);
}

/* May every peer come by a relay, or out at an uplink? */
static int
all_together(const struct config *c)
{
	const struct conf_derp	*d;
	const struct conf_rule	*r;

	TAILQ_FOREACH(d, &c->derps, entry)
		if (d->r.any)
			return (1);
	if (c->egress != NULL && by_uplink(&c->egress->e))
		return (1);
	TAILQ_FOREACH(r, &c->rules, entry)
		if (r->peer[0] == '\0' && by_uplink(&r->rule.egress))
			return (1);
	return (0);
}

/* Peers that may come out at an uplink by a rule for them. */
static void
mark_by_rules(struct config *c)
{
	static uint8_t		 meant[MAX_PEER_ID];
	const struct conf_rule	*r;
	struct conf_peer	*p;

	memset(meant, 0, sizeof(meant));
	TAILQ_FOREACH(r, &c->rules, entry)
		if (r->rule.peer < MAX_PEER_ID && by_uplink(&r->rule.egress))
			meant[r->rule.peer] = 1;
	TAILQ_FOREACH(p, &c->peers, entry)
		if (meant[p->id])
			p->pinned = 1;
}

static void
pin(struct config *c)
{
	struct conf_peer	*p;

	nuplinks = 0;
	TAILQ_FOREACH(p, &c->peers, entry)
		nuplinks += config_is_uplink(p) != 0;
	c->pinned_all = (uint8_t)all_together(c);
	TAILQ_FOREACH(p, &c->peers, entry)
		p->pinned = c->pinned_all || p->has_relay ||
		    config_is_uplink(p) ||
		    (p->egress != NULL && by_uplink(&p->egress->e));
	mark_by_rules(c);
}

void
place_count(const struct config *c)
{
	const struct conf_peer	*p;

	memset(load, 0, sizeof(load));
	TAILQ_FOREACH(p, &c->peers, entry)
		if (p->worker < MAX_WORKERS)
			load[p->worker]++;
}

void
place_one(const struct config *c, struct conf_peer *p)
{
	uint32_t	 i, best = 0;

	/* the first has more to do than the others */
	for (i = 1; i < c->g.workers && !p->pinned && !c->pinned_all; i++)
		if (load[i] <= load[best])
			best = i;
	p->worker = (uint8_t)best;
	load[best]++;
}

int
place_peers(struct config *c)
{
	struct conf_peer	*p;

	if (c->g.workers < 2) {
		TAILQ_FOREACH(p, &c->peers, entry)
			p->worker = 0;
		return (0);
	}
	pin(c);
	TAILQ_FOREACH(p, &c->peers, entry) {
		if (p->worker < c->g.workers && (!p->pinned || p->worker == 0))
			continue;
		/* its secret is with that worker, and nobody else has it */
		if (p->uapi && p->worker < c->g.workers)
			return (-1);
		p->worker = NOT_PLACED;
	}
	place_count(c);
	/* those who have no choice come first */
	TAILQ_FOREACH(p, &c->peers, entry)
		if (p->worker == NOT_PLACED && p->pinned)
			place_one(c, p);
	TAILQ_FOREACH(p, &c->peers, entry)
		if (p->worker == NOT_PLACED)
			place_one(c, p);
	return (0);
}
