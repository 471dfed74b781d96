/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "links.h"
#include "log.h"
#include "state.h"
#include "steer.h"

#define EVERY		MONO_MS(100)
#define SOON		MONO_MS(5)
#define EVERY_MANY	MONO_SEC(1)	/* there is nothing to tell */
#define MUCH		(128 * 1024)	/* bytes in that time */
#define LITTLE		(32 * 1024)

/* What a peer has sent. */
struct seen {
	uint64_t	 rx;		/* bytes, when looked last */
	uint8_t		 heavy;
};

static struct seen		*seen;	/* by the peer's number */
static uint32_t			 nseen;
static struct steer_msg		 told, new;
static mono_t			 next, soon;
static uint64_t			 sessions;	/* that were made */
static uint32_t			 nheavy;
static uint64_t			 datagrams;
static int			 again;

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

static void
look_at(const struct wg_peer *p)
{
	struct seen	*v = seen_of(p);
	uint64_t	 sent;

	if (v == NULL)
		return;
	/* another one may have the number now */
	sent = p->rx_bytes >= v->rx ? p->rx_bytes - v->rx : 0;
	v->rx = p->rx_bytes;
	v->heavy = sent >= MUCH || (v->heavy && sent > LITTLE);
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

/* The sessions of those peers of a device who are of that kind. */
static void
collect(const struct wg_device *d, enum steer_kind kind, int all)
{
	uint32_t		*list = new.index + (kind == STEER_LITTLE ?
				    new.n[STEER_HEAVY] : 0);
	const struct wg_peer	*p;

	TAILQ_FOREACH(p, &d->peers, entry) {
		if (!all && steer_light(p) != (kind == STEER_LITTLE))
			continue;
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

int
steer_crowded(void)
{
	return (nheavy > 0);
}

void
steer_again(void)
{
	again = 1;
	next = 0;
}

void
steer_run(mono_t now)
{
	const struct wg_device	*links = links_device();
	const struct wg_peer	*p;
	uint64_t		 made = ce.dev->count.wg_tx_responses +
				    ce.dev->count.wg_rx_responses;

	if (now >= next && (datagrams != ce.dev->count.wg_rx_datagrams ||
	    again)) {
		next = now + (told.many ? EVERY_MANY : EVERY);
		datagrams = ce.dev->count.wg_rx_datagrams;
		nheavy = 0;
		TAILQ_FOREACH(p, &ce.dev->peers, entry)
			look_at(p);
	} else if (made == sessions || now < soon || told.many)
		return;		/* a new session is told at once */
	sessions = made;
	soon = now + SOON;
	memset(&new, 0, sizeof(new));
	/* other gateways speak for many */
	if (links != NULL)
		collect(links, STEER_HEAVY, 1);
	collect(ce.dev, STEER_HEAVY, 0);
	collect(ce.dev, STEER_LITTLE, 0);
	if (new.many)
		new.n[STEER_HEAVY] = new.n[STEER_LITTLE] = 0;
	qsort(new.index, new.n[STEER_HEAVY], sizeof(new.index[0]), ascending);
	qsort(new.index + new.n[STEER_HEAVY], new.n[STEER_LITTLE],
	    sizeof(new.index[0]), ascending);
	if (new.many)
		memset(new.index, 0, sizeof(new.index));
	if (!again && memcmp(&new, &told, sizeof(new)) == 0)
		return;
	again = 0;
	told = new;
	imsgev_must(&ce.parent, IMSG_STEER, 0, -1, &told, sizeof(told));
}
