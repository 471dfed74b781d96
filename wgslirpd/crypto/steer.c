/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "links.h"
#include "log.h"
#include "sockets.h"
#include "state.h"
#include "steer.h"

#define EVERY		MONO_MS(100)
#define SOON		MONO_MS(5)
#define MUCH		(128 * 1024)	/* bytes in that time */
#define LITTLE		(32 * 1024)
#define QUIET		20		/* times */
/*
 * To look at one of very many peers takes a few hundred nanoseconds, and some
 * percent of the time may go there.  It is not measured: a processor that is
 * taken away meanwhile would count, and sessions be unknown to the kernel for
 * seconds.
 */
#define PEER_COST	10000

/* What a peer has sent. */
struct seen {
	uint64_t	 rx;		/* bytes, when looked last */
	uint8_t		 heavy;
	uint8_t		 quiet;		/* looks since it sent much */
};

static struct seen		*seen;	/* by the peer's number */
static uint32_t			 nseen;
static struct steer_msg		 told, new;
static uint32_t			 little[STEER_MAX];	/* part of new */
static mono_t			 next, soon;
static uint64_t			 sessions;	/* that were made */
static uint32_t			 nheavy;
static uint64_t			 datagrams;
static int			 again;		/* whatever was told */
static uint32_t			 opened;	/* sockets, seen so far */
static uint32_t			 turns;
static mono_t			 looked;

static int
ascending(const void *a, const void *b)
{
	uint32_t	 x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x < y ? -1 : x > y);
}

/* There is room for the peer's number, or nothing is known of it. */
static struct seen *
seen_of(const struct wg_peer *p)
{
	struct seen	*v;
	uint32_t	 n = nseen;

	if (p->id < nseen)
		return (&seen[p->id]);
	while (n <= p->id)
		n = n < 64 ? 64 : n * 2;
	if ((v = recallocarray(seen, nseen, n, sizeof(*v))) == NULL)
		return (NULL);
	seen = v;
	nseen = n;
	return (&seen[p->id]);
}

/* What a peer has sent in so much time, and what that makes of it. */
static void
look_at(const struct wg_peer *p, mono_t took)
{
	struct seen	*v = seen_of(p);
	uint64_t	 sent;

	if (v == NULL)
		return;
	/* another one may have the number now */
	sent = p->rx_bytes >= v->rx ? p->rx_bytes - v->rx : 0;
	v->rx = p->rx_bytes;
	sent = sent * EVERY / took;
	if (sent >= MUCH) {
		v->heavy = 1;
		v->quiet = 0;
	} else if (v->heavy && (sent > LITTLE || ++v->quiet < QUIET)) {
		/* what it sent before has been read by then */
		if (sent > LITTLE)
			v->quiet = 0;
	} else if (v->heavy) {
		v->heavy = 0;
		turns++;
	}
	nheavy += v->heavy;
}

static void
add(const struct wg_keypair *kp, uint32_t *list, uint32_t *n)
{
	if (kp == NULL || new.many)
		return;
	if (new.n[STEER_HEAVY] + new.n[STEER_LITTLE] == STEER_MAX) {
		new.many = 1;
		return;
	}
	/* as the kernel reads what is little-endian on the wire */
	list[(*n)++] = be32toh(htole32(kp->index.index));
}

/* The sessions of a device's peers, who all count as heavy if it says so. */
static void
collect(const struct wg_device *d, int heavy)
{
	const struct wg_peer	*p;
	enum steer_kind		 kind;
	uint32_t		*list;

	TAILQ_FOREACH(p, &d->peers, entry) {
		if (new.many)
			return;
		kind = !heavy && steer_light(p) ? STEER_LITTLE : STEER_HEAVY;
		list = kind == STEER_LITTLE ? little : new.index;
		add(p->current, list, &new.n[kind]);
		add(p->previous, list, &new.n[kind]);
		add(p->next, list, &new.n[kind]);
	}
}

int
steer_light(const struct wg_peer *p)
{
	return (p->id >= nseen || !seen[p->id].heavy);
}

uint32_t
steer_turns(void)
{
	return (turns);
}

int
steer_crowded(void)
{
	return (nheavy > 0);
}

/* The time from one walk through all peers to the next. */
static mono_t
between(mono_t least)
{
	mono_t	 cost = ce.dev->npeers * (mono_t)PEER_COST;

	return (cost > least ? cost : least);
}

/* All peers, at most so often that it takes a small part of the time. */
static void
look(mono_t now)
{
	const struct wg_peer	*p;
	mono_t			 took = now > looked ? now - looked : 1;

	datagrams = ce.dev->count.wg_rx_datagrams;
	ce.dev->count.wg_drop_kernel += sockets_drops();
	nheavy = 0;
	TAILQ_FOREACH(p, &ce.dev->peers, entry)
		look_at(p, took);
	looked = now;
	sockets_crowd(nheavy > 0);
	next = now + between(EVERY);
}

/* What there is to tell; whether it is anything new. */
static int
compose(void)
{
	const struct wg_device	*links = links_device();

	memset(&new, 0, sizeof(new));
	/* other gateways speak for many */
	if (links != NULL)
		collect(links, 1);
	collect(ce.dev, 0);
	if (new.many) {
		memset(&new, 0, sizeof(new));
		new.many = 1;
	}
	memcpy(new.index + new.n[STEER_HEAVY], little,
	    new.n[STEER_LITTLE] * sizeof(little[0]));
	qsort(new.index, new.n[STEER_HEAVY], sizeof(new.index[0]), ascending);
	qsort(new.index + new.n[STEER_HEAVY], new.n[STEER_LITTLE],
	    sizeof(new.index[0]), ascending);
	return (again || memcmp(&new, &told, sizeof(new)) != 0);
}

void
steer_run(mono_t now)
{
	uint64_t	 made = ce.dev->count.wg_tx_responses +
			    ce.dev->count.wg_rx_responses;
	int		 due;

	/* one that the parent has not taken yet is enough */
	if (imsgbuf_queuelen(&ce.parent.ibuf) > 0)
		return;
	if (opened != sockets_opened()) {
		opened = sockets_opened();
		again = 1;
		next = 0;
	}
	due = now >= next && (again ||
	    datagrams != ce.dev->count.wg_rx_datagrams);
	if (due)
		look(now);
	/* a new session is told at once */
	else if (made == sessions || now < soon || told.many)
		return;
	sessions = made;
	if (compose()) {
		again = 0;
		told = new;
		imsgev_must(&ce.parent, IMSG_STEER, 0, -1, &told,
		    sizeof(told));
	}
	soon = now + between(SOON);
}
