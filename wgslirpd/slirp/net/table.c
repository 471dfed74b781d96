/* SPDX-License-Identifier: ISC */

/*
 * The flow table.
 *
 * Flows sit in an array by index; a handle is the index with a generation
 * number, so that a stale one finds nothing.  They are looked up by a hash
 * (keyed SipHash) of protocol, addresses, ports and the peer: two guests
 * with the same addresses never share a flow.  Each flow has one timer in
 * the wheel, armed lazily: it may fire early and is then armed again.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "table.h"
#include "turns.h"

#define MIN_BUCKETS	1024
#define PEER_MIN_FLOWS	64	/* always, while there is room */
#define EVICT_LOOK	32	/* flows that are looked at for a victim */
#define LARGEST_AGE	MONO_MS(100)

LIST_HEAD(flow_bucket, flow);

struct flow_table {
	struct flow_bucket	*buckets;
	struct flow		*hot;		/* found last */
	uint32_t		 nbuckets;	/* power of two */
	uint32_t		 nflows;
	struct siphash_key	 hashkey;
	struct flow		**flows;	/* by index */
	uint32_t		*free;		/* indices without a flow */
	uint32_t		 nfree;
	uint32_t		 capflows;
	uint32_t		 maxflows;	/* by descriptors */
	uint32_t		 gen;		/* of the newest flow */
	struct slirp_peer	*largest;	/* at that time; or NULL */
	mono_t			 largest_at;
};

/* The configuration may allow fewer flows; tell how many there may be. */
void
table_limit(struct slirp *s)
{
	s->count.flows_max = s->table->maxflows;
	if (s->conf.max_flows != 0 &&
	    s->conf.max_flows < s->table->maxflows)
		s->count.flows_max = s->conf.max_flows;
}

/*
 * A table for as many flows as the descriptors allow; seed NULL for a random
 * one.  -1 if there is no memory.
 */
int
table_init(struct slirp *s, uint32_t maxflows, const struct siphash_key *seed)
{
	struct flow_table	*t;

	if ((s->table = t = calloc(1, sizeof(*t))) == NULL)
		return (-1);
	t->maxflows = maxflows;
	if (seed != NULL)
		t->hashkey = *seed;
	else
		arc4random_buf(&t->hashkey, sizeof(t->hashkey));
	t->nbuckets = MIN_BUCKETS;
	t->buckets = calloc(t->nbuckets, sizeof(*t->buckets));
	table_limit(s);
	return (t->buckets == NULL ? -1 : 0);
}

/*
 * The first flow from *cursor on, which is set behind it; NULL at the end.
 * Flows may come and go between calls.
 */
struct flow *
table_next(const struct slirp *s, uint64_t *cursor)
{
	const struct flow_table	*t = s->table;

	while (*cursor < t->capflows)
		if (t->flows[(*cursor)++] != NULL)
			return (t->flows[*cursor - 1]);
	return (NULL);
}

/* Flows that there are. */
uint32_t
table_count(const struct slirp *s)
{
	return (s->table->nflows);
}

/*
 * Under which a flow is found: of a mapping that is for every destination,
 * dst is NULL.  Ports in host order.
 */
void
flow_key(struct flow_key *k, const struct slirp_peer *peer,
    enum flow_proto type, const struct ipaddr *src, uint16_t sport,
    const struct ipaddr *dst, uint16_t dport)
{
	memset(k, 0, sizeof(*k));
	k->peer = peer->id;
	k->type = (uint8_t)type;
	k->af = src->af;
	k->sport = sport;
	k->dport = dport;
	memcpy(k->src, src->a, sizeof(k->src));
	if (dst == NULL)
		return;
	k->paired = 1;
	memcpy(k->dst, dst->a, sizeof(k->dst));
}

static int
flow_is(const struct flow *f, const struct flow_key *k)
{
	if (f->toward->id != k->peer || f->type != k->type ||
	    f->src.af != k->af || f->sport != k->sport ||
	    memcmp(f->src.a, k->src, sizeof(k->src)) != 0)
		return (0);
	/* a UDP or ping mapping is for every destination of its way */
	if (!k->paired)
		return (f->way_id == k->way);
	return (f->dport == k->dport &&
	    memcmp(f->dst.a, k->dst, sizeof(k->dst)) == 0);
}

static uint32_t
flow_hash(const struct slirp *s, const struct flow_key *k)
{
	return ((uint32_t)siphash24(&s->table->hashkey, k, sizeof(*k)));
}

struct flow *
flow_find(struct slirp *s, const struct flow_key *k)
{
	struct flow_table	*t = s->table;
	struct flow	*f;

	/* packets come in runs: the hash is for the first of each */
	if (t->hot != NULL && flow_is(t->hot, k))
		return (t->hot);
	LIST_FOREACH(f, &t->buckets[flow_hash(s, k) & (t->nbuckets - 1)],
	    hash)
		if (flow_is(f, k)) {
			t->hot = f;
			return (f);
		}
	return (NULL);
}

static void
buckets_grow(struct slirp *s)
{
	struct flow_table	*t = s->table;
	struct flow_bucket	*b;
	struct flow		*f;
	uint32_t		 i, n = t->nbuckets * 2;

	if ((b = calloc(n, sizeof(*b))) == NULL)
		return;		/* longer chains, nothing worse */
	for (i = 0; i < t->nbuckets; i++) {
		while ((f = LIST_FIRST(&t->buckets[i])) != NULL) {
			LIST_REMOVE(f, hash);
			LIST_INSERT_HEAD(&b[f->bucket & (n - 1)], f, hash);
		}
	}
	free(t->buckets);
	t->buckets = b;
	t->nbuckets = n;
}

static int
index_grow(struct slirp *s)
{
	struct flow_table	*t = s->table;
	struct flow	**flows;
	uint32_t	*list, n, i;

	n = t->capflows == 0 ? 256 : t->capflows * 2;
	flows = recallocarray(t->flows, t->capflows, n, sizeof(*flows));
	if (flows == NULL)
		return (-1);
	t->flows = flows;
	list = recallocarray(t->free, t->capflows, n, sizeof(*list));
	if (list == NULL)
		return (-1);
	t->free = list;
	for (i = n; i > t->capflows; i--)
		t->free[t->nfree++] = i - 1;
	t->capflows = n;
	return (0);
}

/*
 * End a flow of the peer, the one that is worth least of the next few, and
 * no more than max; those that were looked at go to the end.  Returns
 * whether there was one.
 */
static int
evict(struct slirp *s, struct slirp_peer *p, int max)
{
	struct flow	*f, *victim = NULL;
	int		 i, worth, least = max + 1;

	for (i = 0; i < EVICT_LOOK &&
	    (f = TAILQ_FIRST(&p->flows)) != NULL; i++) {
		worth = f->opening ? INT_MAX :
		    s->flow_ops[f->type]->worth(s, f);
		if (worth < least || (worth == least && victim != NULL &&
		    f->active < victim->active)) {
			least = worth;
			victim = f;
		}
		TAILQ_REMOVE(&p->flows, f, peer_entry);
		TAILQ_INSERT_TAIL(&p->flows, f, peer_entry);
	}
	if (victim == NULL)
		return (0);
	s->count.flows_evicted++;
	flow_kill(s, victim);
	return (1);
}

/* The peer with the most flows, as of a moment ago. */
static struct slirp_peer *
largest(struct slirp *s)
{
	struct flow_table	*t = s->table;
	uint32_t	 i;

	if (t->largest == NULL || s->now - t->largest_at >= LARGEST_AGE) {
		t->largest_at = s->now;
		t->largest = NULL;
		for (i = 0; i < s->npeers; i++)
			if (s->peers[i] != NULL && (t->largest == NULL ||
			    s->peers[i]->nflows > t->largest->nflows))
				t->largest = s->peers[i];
	}
	return (t->largest);
}

/* Did a client of the host begin it? */
static int
from_host(int via)
{
	return (via != VIA_GUEST && via != VIA_INSIDE);
}

/*
 * Have room for one more flow of the peer: who has reached a limit of its
 * own can only replace what it does not use, who has little takes it from
 * who has most.  -1 if there is none.
 */
static int
flow_room(struct slirp *s, struct slirp_peer *p, int via)
{
	struct flow_table	*t = s->table;
	struct slirp_peer	*big;
	uint32_t		 max = t->maxflows;

	if (s->draining)
		return (-1);
	if (s->conf.max_flows != 0 && s->conf.max_flows < max)
		max = s->conf.max_flows;
	/* a limit that was lowered is reached by and by */
	if (t->nflows > max && (big = largest(s)) != NULL)
		(void)evict(s, big, WORTH_MUCH);
	if (p->max_flows != 0 && p->nflows > p->max_flows)
		(void)evict(s, p, WORTH_MUCH);
	/* clients of the host leave the guest half of its flows */
	if (from_host(via) && p->nvia >= (p->max_flows != 0 ?
	    p->max_flows : max / 2) / 2)
		return (-1);
	if (p->max_flows != 0 && p->nflows >= p->max_flows)
		return (evict(s, p, WORTH_QUIET) ? 0 : -1);
	/* a peer gets no more than is left for the others */
	if (p->nflows >= PEER_MIN_FLOWS && (t->nflows >= max ||
	    p->nflows >= max - t->nflows))
		return (evict(s, p, WORTH_QUIET) ? 0 : -1);
	if (t->nflows < max)
		return (0);
	if ((big = largest(s)) == NULL)
		return (-1);
	return (evict(s, big, big->nflows > p->nflows + 1 ?
	    WORTH_MUCH : WORTH_QUIET) ? 0 : -1);
}

/*
 * Enter a new flow, whose addresses, type and peer are set.  -1 if there
 * is no room for it, or the peer has its share.
 */
int
flow_add(struct slirp *s, struct flow *f, const struct flow_key *k)
{
	struct flow_table	*t = s->table;
	uint32_t	 rate;

	/* the guest's half has been counted */
	rate = f->peer->max_new != 0 ? f->peer->max_new : s->conf.max_new;
	if (f->via == VIA_INSIDE)
		rate = 0;
	if (rate != 0 && !bucket_take(&f->peer->new, s->now, rate, rate)) {
		s->count.flow_drop_rate++;
		return (-1);
	}
	if (flow_room(s, f->peer, f->via) == -1 ||
	    (t->nfree == 0 && index_grow(s) == -1)) {
		s->count.flow_drop_full++;
		return (-1);
	}
	if (t->nflows >= t->nbuckets)
		buckets_grow(s);
	f->idx = t->free[--t->nfree];
	f->gen = ++t->gen;
	f->fd = -1;
	f->lane.bulk_mark = pktq_bulk_back(s->out);
	if (f->toward == NULL)
		f->toward = f->peer;
	f->way_id = k->way;
	f->created = f->active = s->now;
	f->bucket = flow_hash(s, k);
	t->flows[f->idx] = f;
	LIST_INSERT_HEAD(&t->buckets[f->bucket & (t->nbuckets - 1)], f,
	    hash);
	t->nflows++;
	TAILQ_INSERT_TAIL(&f->peer->flows, f, peer_entry);
	f->peer->nflows++;
	if (s->watch != NULL && f->via != VIA_INSIDE)
		s->watch->flow(s, f, 1);
	if (from_host(f->via))
		f->peer->nvia++;
	return (0);
}

/* Take a flow out of every list; its memory is the caller's. */
void
flow_remove(struct slirp *s, struct flow *f)
{
	struct flow_table	*t = s->table;

	if (s->watch != NULL && f->via != VIA_INSIDE)
		s->watch->flow(s, f, 0);
	turns_leave(s, f);
	wheel_del(&s->wheel, &f->timer);
	LIST_REMOVE(f, hash);
	if (t->hot == f)
		t->hot = NULL;
	t->flows[f->idx] = NULL;
	t->free[t->nfree++] = f->idx;
	t->nflows--;
	TAILQ_REMOVE(&f->peer->flows, f, peer_entry);
	f->peer->nflows--;
	if (from_host(f->via))
		f->peer->nvia--;
}

/* Have the flow's timer function called at when, or earlier. */
void
flow_schedule(struct slirp *s, struct flow *f, mono_t when)
{
	if (when != 0 && (f->timer.when == 0 || when < f->timer.when))
		wheel_add(&s->wheel, &f->timer, when);
}

struct flow *
flow_by_id(struct slirp *s, uint64_t id)
{
	struct flow_table	*t = s->table;
	uint32_t	 idx = id & 0xffffff;

	if (idx >= t->capflows || t->flows[idx] == NULL ||
	    t->flows[idx]->gen != id >> 24)
		return (NULL);
	return (t->flows[idx]);
}

/* End a flow at once, with a reset to both sides if it is TCP. */
void
flow_kill(struct slirp *s, struct flow *f)
{
	s->flow_ops[f->type]->kill(s, f);
}

const char *
flow_state(const struct slirp *s, const struct flow *f)
{
	return (s->flow_ops[f->type]->state(f));
}

/* End every flow, and the table. */
void
table_free(struct slirp *s)
{
	struct flow_table	*t = s->table;
	struct flow		*f;
	uint64_t		 cursor = 0;

	if (t == NULL)
		return;
	while ((f = table_next(s, &cursor)) != NULL)
		flow_kill(s, f);
	free(t->buckets);
	free(t->flows);
	free(t->free);
	free(t);
	s->table = NULL;
}

/* The peer goes away. */
void
table_forget_peer(struct slirp *s, const struct slirp_peer *p)
{
	if (s->table->largest == p)
		s->table->largest = NULL;
}
