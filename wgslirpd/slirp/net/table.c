/* SPDX-License-Identifier: ISC */

/*
 * The flow table and the engine's rounds.
 *
 * Flows sit in an array by index; a handle is the index with a generation
 * number, so that a stale one finds nothing. They are looked up by a hash
 * (keyed SipHash) of protocol, addresses, ports and the peer: two guests
 * with the same addresses never share a flow.
 *
 * A flow that has something to do is in its peer's row of ready ones, and
 * the peers take turns: one flow each, one train of segments at a time.
 * One that could not get packet slots is in the same way in the row of
 * those that wait, until slots come back.  Each flow has one timer in the
 * wheel, armed lazily: it may fire early and is then armed again.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "slirp.h"

#define MIN_BUCKETS	1024
#define IN_BATCH	256
#define RUN_PACKETS	64	/* sent before the input is looked at */
#define HOUSEKEEPING	MONO_SEC(1)
#define PEER_MIN_FLOWS	64	/* always, while there is room */
#define EVICT_LOOK	32	/* flows that are looked at for a victim */
#define EVICT_IDLE_UDP	MONO_SEC(30)
#define EVICT_IDLE_TCP	MONO_SEC(300)
#define LARGEST_AGE	MONO_MS(100)
#define RATE_WAIT	MONO_MS(500)	/* TCP is waiting still */

static void
slirp_timer(void *arg, struct wheel_timer *t, mono_t now)
{
	struct slirp	*s = arg;
	struct flow	*f;
	int		 again;

	(void)now;
	if (t == &s->house) {
		again = frag_expire(s);
		again |= tcp_tw_expire(s);
		if (again)
			slirp_housekeeping(s);
		return;
	}
	f = (struct flow *)((char *)t - offsetof(struct flow, timer));
	switch (f->type) {
	case FLOW_TCP:
		tcp_timer(s, f);
		break;
	case FLOW_UDP:
	case FLOW_FORWARD:
		udp_timer(s, f);
		break;
	case FLOW_ICMP:
		icmp_timer(s, f);
		break;
	}
}

/* Have old fragments and TIME-WAIT entries looked at. */
void
slirp_housekeeping(struct slirp *s)
{
	if (s->house.when == 0)
		wheel_add(&s->wheel, &s->house, s->now + HOUSEKEEPING);
}

/*
 * Initialise an engine; the caller sets queues and configuration.
 * maxflows is what the descriptors allow.  -1 if there is no memory.
 */
int
slirp_init(struct slirp *s, const struct host_ops *ops, void *harg,
    mono_t now, uint32_t maxflows)
{
	memset(s, 0, sizeof(*s));
	s->host = ops;
	s->harg = harg;
	s->now = now;
	s->conf.ttl = TTL_DEFAULT;
	s->maxflows = maxflows;
	s->count.flows_max = maxflows;
	s->conf.mtu = MTU_DEFAULT;
	tcpconf_defaults(&s->conf.tcp);
	s->conf.udp_timeout = MONO_SEC(300);
	s->conf.dns_timeout = MONO_SEC(10);
	s->policy = 1;
	TAILQ_INIT(&s->turns[TURN_READY]);
	TAILQ_INIT(&s->turns[TURN_WAITING]);
	TAILQ_INIT(&s->dirty);
	wheel_init(&s->wheel, now, slirp_timer, s);
	arc4random_buf(&s->hashkey, sizeof(s->hashkey));
	arc4random_buf(&s->isnkey, sizeof(s->isnkey));
	s->ip_id = arc4random();
	s->frag_id = arc4random();
	s->nbuckets = MIN_BUCKETS;
	s->buckets = calloc(s->nbuckets, sizeof(*s->buckets));
	s->dgram = malloc(DGRAM_MAX + SLOT_PAYLOAD);
	if (s->buckets == NULL || s->dgram == NULL || frag_init(s) == -1 ||
	    tcp_init(s) == -1)
		return (-1);
	return (0);
}

void
slirp_free(struct slirp *s)
{
	uint32_t	 i;

	for (i = 0; i < s->capflows; i++)
		if (s->flows[i] != NULL)
			flow_kill(s, s->flows[i]);
	for (i = 0; i < s->npeers; i++)
		free(s->peers[i]);
	frag_free(s);
	tcp_fini(s);
	free(s->peers);
	free(s->buckets);
	free(s->flows);
	free(s->free);
	free(s->dgram);
	free(s->conf.addrs);
	policy_conf_free(&s->conf);
	free(s->hostaddrs);
}

struct slirp_peer *
slirp_peer_get(struct slirp *s, uint32_t id)
{
	return (id < s->npeers ? s->peers[id] : NULL);
}

/* Find or make the peer with this id, and name it. */
struct slirp_peer *
slirp_peer_set(struct slirp *s, uint32_t id, const char *name)
{
	struct slirp_peer	**v, *p;
	uint32_t		 n;

	if (id >= s->npeers) {
		for (n = s->npeers == 0 ? 64 : s->npeers; n <= id; n *= 2)
			continue;
		v = recallocarray(s->peers, s->npeers, n, sizeof(*v));
		if (v == NULL)
			return (NULL);
		s->peers = v;
		s->npeers = n;
	}
	if ((p = s->peers[id]) == NULL) {
		if ((p = calloc(1, sizeof(*p))) == NULL)
			return (NULL);
		p->id = id;
		TAILQ_INIT(&p->flows);
		TAILQ_INIT(&p->turns[TURN_READY].flows);
		TAILQ_INIT(&p->turns[TURN_WAITING].flows);
		s->peers[id] = p;
	}
	strlcpy(p->name, name, sizeof(p->name));
	return (p);
}

/* End everything that the peer has here. */
void
slirp_peer_clear(struct slirp *s, struct slirp_peer *p)
{
	struct flow	*f;

	while ((f = TAILQ_FIRST(&p->flows)) != NULL)
		flow_kill(s, f);
	frag_drop_peer(s, p);
	tcp_tw_drop_peer(s, p);
}

/* The peer is gone: so is everything of it. */
void
slirp_peer_drop(struct slirp *s, struct slirp_peer *p)
{
	slirp_peer_clear(s, p);
	if (s->largest == p)
		s->largest = NULL;
	s->peers[p->id] = NULL;
	free(p);
}

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
	if (dst != NULL)
		memcpy(k->dst, dst->a, sizeof(k->dst));
}

static int
flow_is(const struct flow *f, const struct flow_key *k)
{
	if (f->peer->id != k->peer || f->type != k->type ||
	    f->src.af != k->af || f->sport != k->sport ||
	    memcmp(f->src.a, k->src, sizeof(k->src)) != 0)
		return (0);
	/* a UDP or ping mapping is for every destination */
	return ((f->type != FLOW_TCP && f->type != FLOW_FORWARD) ||
	    (f->dport == k->dport &&
	    memcmp(f->dst.a, k->dst, sizeof(k->dst)) == 0));
}

static uint32_t
flow_hash(const struct slirp *s, const struct flow_key *k)
{
	return ((uint32_t)siphash24(&s->hashkey, k, sizeof(*k)));
}

struct flow *
flow_find(struct slirp *s, const struct flow_key *k)
{
	struct flow	*f;

	/* packets come in runs: the hash is for the first of each */
	if (s->hot != NULL && flow_is(s->hot, k))
		return (s->hot);
	LIST_FOREACH(f, &s->buckets[flow_hash(s, k) & (s->nbuckets - 1)],
	    hash)
		if (flow_is(f, k)) {
			s->hot = f;
			return (f);
		}
	return (NULL);
}

static void
buckets_grow(struct slirp *s)
{
	struct flow_bucket	*b;
	struct flow		*f;
	uint32_t		 i, n = s->nbuckets * 2;

	if ((b = calloc(n, sizeof(*b))) == NULL)
		return;		/* longer chains, nothing worse */
	for (i = 0; i < s->nbuckets; i++) {
		while ((f = LIST_FIRST(&s->buckets[i])) != NULL) {
			LIST_REMOVE(f, hash);
			LIST_INSERT_HEAD(&b[f->bucket & (n - 1)], f, hash);
		}
	}
	free(s->buckets);
	s->buckets = b;
	s->nbuckets = n;
}

static int
index_grow(struct slirp *s)
{
	struct flow	**flows;
	uint32_t	*list, n, i;

	n = s->capflows == 0 ? 256 : s->capflows * 2;
	flows = recallocarray(s->flows, s->capflows, n, sizeof(*flows));
	if (flows == NULL)
		return (-1);
	s->flows = flows;
	list = recallocarray(s->free, s->capflows, n, sizeof(*list));
	if (list == NULL)
		return (-1);
	s->free = list;
	for (i = n; i > s->capflows; i--)
		s->free[s->nfree++] = i - 1;
	s->capflows = n;
	return (0);
}

/*
 * How little a flow is worth when room is needed: the lower the less, and
 * what is in use is worth the most.
 */
static int
flow_worth(const struct slirp *s, const struct flow *f)
{
	mono_t	 idle = s->now - f->active;

	/* whether whoever was asked has answered */
	if (f->type == FLOW_FORWARD)
		return (f->rx_bytes == 0 ? 0 : idle >= EVICT_IDLE_UDP ? 1 :
		    4);
	if (f->type == FLOW_TCP)
		return (tcp_half_open(f) ? 2 : idle >= EVICT_IDLE_TCP ? 3 : 4);
	if (f->tx_bytes == 0)
		return (0);
	return (idle >= EVICT_IDLE_UDP ? 1 : 4);
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
		worth = flow_worth(s, f);
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
	uint32_t	 i;

	if (s->largest == NULL || s->now - s->largest_at >= LARGEST_AGE) {
		s->largest_at = s->now;
		s->largest = NULL;
		for (i = 0; i < s->npeers; i++)
			if (s->peers[i] != NULL && (s->largest == NULL ||
			    s->peers[i]->nflows > s->largest->nflows))
				s->largest = s->peers[i];
	}
	return (s->largest);
}

/*
 * Have room for one more flow of the peer: who has reached a limit of its
 * own can only replace what it does not use, who has little takes it from
 * who has most.  -1 if there is none.
 */
static int
flow_room(struct slirp *s, struct slirp_peer *p, int via)
{
	struct slirp_peer	*big;
	uint32_t		 max = s->maxflows;

	if (s->conf.max_flows != 0 && s->conf.max_flows < max)
		max = s->conf.max_flows;
	/* a limit that was lowered is reached by and by */
	if (s->nflows > max && (big = largest(s)) != NULL)
		(void)evict(s, big, 4);
	if (p->max_flows != 0 && p->nflows > p->max_flows)
		(void)evict(s, p, 4);
	/* clients of the host leave the guest half of its flows */
	if (via != VIA_GUEST && p->nvia >= (p->max_flows != 0 ?
	    p->max_flows : max / 2) / 2)
		return (-1);
	if (p->max_flows != 0 && p->nflows >= p->max_flows)
		return (evict(s, p, 3) ? 0 : -1);
	/* a peer gets no more than is left for the others */
	if (p->nflows >= PEER_MIN_FLOWS && (s->nflows >= max ||
	    p->nflows >= max - s->nflows))
		return (evict(s, p, 3) ? 0 : -1);
	if (s->nflows < max)
		return (0);
	if ((big = largest(s)) == NULL)
		return (-1);
	return (evict(s, big, big->nflows > p->nflows + 1 ? 4 : 3) ? 0 : -1);
}

/*
 * Enter a new flow, whose addresses, type and peer are set.  -1 if there
 * is no room for it, or the peer has its share.
 */
int
flow_add(struct slirp *s, struct flow *f, const struct flow_key *k)
{
	uint32_t	 rate;

	rate = f->peer->max_new != 0 ? f->peer->max_new : s->conf.max_new;
	if (rate != 0 && !bucket_take(&f->peer->new, s->now, rate, rate)) {
		s->count.flow_drop_rate++;
		return (-1);
	}
	if (flow_room(s, f->peer, f->via) == -1 ||
	    (s->nfree == 0 && index_grow(s) == -1)) {
		s->count.flow_drop_full++;
		return (-1);
	}
	if (s->nflows >= s->nbuckets)
		buckets_grow(s);
	f->idx = s->free[--s->nfree];
	f->gen = ++s->gen;
	f->fd = -1;
	f->bulk_mark = pktq_bulk_back(s->out);
	f->created = f->active = s->now;
	f->bucket = flow_hash(s, k);
	s->flows[f->idx] = f;
	LIST_INSERT_HEAD(&s->buckets[f->bucket & (s->nbuckets - 1)], f,
	    hash);
	s->nflows++;
	TAILQ_INSERT_TAIL(&f->peer->flows, f, peer_entry);
	f->peer->nflows++;
	if (f->via != VIA_GUEST)
		f->peer->nvia++;
	return (0);
}

/*
 * Does the peer's rate not allow it to send a datagram of len bytes?  It
 * is counted as dropped then.  Where TCP waits for the rate, too, each has
 * its part.
 */
int
flow_over_rate(struct slirp *s, struct slirp_peer *p, size_t len)
{
	uint64_t	 part = p->rate_in / 4;

	if (p->rate_in == 0)
		return (0);
	if (!bucket_open(&p->in_dgrams, s->now, part, rate_burst(part)) &&
	    (s->now - p->in_wait < RATE_WAIT ||
	    !rate_open(&p->in, s->now, p->rate_in))) {
		s->count.udp_drop_rate++;
		return (1);
	}
	rate_charge(&p->in_dgrams, s->now, part, len);
	rate_charge(&p->in, s->now, p->rate_in, len);
	return (0);
}

static void
turn_leave(struct slirp *s, struct flow *f)
{
	struct slirp_peer	*p = f->peer;
	enum turn		 t = (enum turn)f->turn;

	if (t == TURN_NONE)
		return;
	TAILQ_REMOVE(&p->turns[t].flows, f, ready_entry);
	if (TAILQ_EMPTY(&p->turns[t].flows))
		TAILQ_REMOVE(&s->turns[t], p, turns[t].entry);
	if (t == TURN_WAITING)
		s->nwaiting--;
	f->turn = TURN_NONE;
}

/* Into one of the rows for a turn, or from one to the other. */
static void
turn_join(struct slirp *s, struct flow *f, enum turn t)
{
	struct slirp_peer	*p = f->peer;

	if (f->turn == t)
		return;
	turn_leave(s, f);
	f->turn = (uint8_t)t;
	if (TAILQ_EMPTY(&p->turns[t].flows))
		TAILQ_INSERT_TAIL(&s->turns[t], p, turns[t].entry);
	TAILQ_INSERT_TAIL(&p->turns[t].flows, f, ready_entry);
	if (t == TURN_WAITING)
		s->nwaiting++;
}

/* The first flow of the first peer, who goes to the end of the row. */
static struct flow *
turn_take(struct slirp *s, enum turn t)
{
	struct slirp_peer	*p = TAILQ_FIRST(&s->turns[t]);
	struct flow		*f;

	if (p == NULL)
		return (NULL);
	TAILQ_REMOVE(&s->turns[t], p, turns[t].entry);
	TAILQ_INSERT_TAIL(&s->turns[t], p, turns[t].entry);
	f = TAILQ_FIRST(&p->turns[t].flows);
	turn_leave(s, f);
	return (f);
}

/* Take a flow out of every list; its memory is the caller's. */
void
flow_remove(struct slirp *s, struct flow *f)
{
	turn_leave(s, f);
	wheel_del(&s->wheel, &f->timer);
	LIST_REMOVE(f, hash);
	if (s->hot == f)
		s->hot = NULL;
	s->flows[f->idx] = NULL;
	s->free[s->nfree++] = f->idx;
	s->nflows--;
	TAILQ_REMOVE(&f->peer->flows, f, peer_entry);
	f->peer->nflows--;
	if (f->via != VIA_GUEST)
		f->peer->nvia--;
}

/* What is known of an address and port that the guest has sent to. */
struct remote *
remotes_find(struct remotes *r, const struct ipaddr *a, uint16_t port)
{
	uint16_t	 i;

	if (r->hot < r->n && r->v[r->hot].port == port &&
	    ipaddr_cmp(&r->v[r->hot].addr, a) == 0)
		return (&r->v[r->hot]);
	for (i = 0; i < r->n; i++)
		if (r->v[i].port == port &&
		    ipaddr_cmp(&r->v[i].addr, a) == 0) {
			r->hot = i;
			return (&r->v[i]);
		}
	return (NULL);
}

/* The guest sends there.  NULL if there is no memory to note it. */
struct remote *
remotes_note(struct remotes *r, const struct ipaddr *a, uint16_t port,
    mono_t now)
{
	struct remote	*e, *v;
	uint16_t	 cap, i;

	if ((e = remotes_find(r, a, port)) == NULL) {
		if (r->n == r->cap && r->cap < MAX_REMOTES) {
			cap = r->cap == 0 ? 1 : r->cap * 2;
			v = recallocarray(r->v, r->cap, cap, sizeof(*v));
			if (v == NULL)
				return (NULL);
			r->v = v;
			r->cap = cap;
		}
		if (r->n < r->cap)
			e = &r->v[r->n++];
		else {
			e = &r->v[0];
			for (i = 1; i < r->n; i++)
				if (r->v[i].last < e->last)
					e = &r->v[i];
		}
		memset(e, 0, sizeof(*e));
		e->addr = *a;
		e->port = port;
	}
	e->last = now;
	return (e);
}

/* May this address answer, from any port? */
int
remotes_have(const struct remotes *r, const struct ipaddr *a)
{
	uint16_t	 i;

	for (i = 0; i < r->n; i++)
		if (ipaddr_cmp(&r->v[i].addr, a) == 0)
			return (1);
	return (0);
}

void
remotes_free(struct remotes *r)
{
	free(r->v);
	r->v = NULL;
	r->n = r->cap = r->hot = 0;
}

/* Give the flow its turn. */
void
flow_ready(struct slirp *s, struct flow *f)
{
	turn_join(s, f, TURN_READY);
}

/* Give it its turn when packet slots have come back. */
void
flow_wait_slots(struct slirp *s, struct flow *f)
{
	turn_join(s, f, TURN_WAITING);
}

/* Have the flow's timer function called at when, or earlier. */
void
flow_schedule(struct slirp *s, struct flow *f, mono_t when)
{
	if (when != 0 && (f->timer.when == 0 || when < f->timer.when))
		wheel_add(&s->wheel, &f->timer, when);
}

uint64_t
flow_id(const struct flow *f)
{
	return ((uint64_t)f->gen << 24 | f->idx);
}

struct flow *
flow_by_id(struct slirp *s, uint64_t id)
{
	uint32_t	 idx = id & 0xffffff;

	if (idx >= s->capflows || s->flows[idx] == NULL ||
	    s->flows[idx]->gen != id >> 24)
		return (NULL);
	return (s->flows[idx]);
}

/* End a flow at once, with a reset to both sides if it is TCP. */
void
flow_kill(struct slirp *s, struct flow *f)
{
	switch (f->type) {
	case FLOW_TCP:
		tcp_kill(s, f);
		break;
	case FLOW_UDP:
	case FLOW_FORWARD:
		udp_close(s, f);
		break;
	case FLOW_ICMP:
		icmp_close(s, f);
		break;
	}
}

const char *
flow_state(const struct flow *f)
{
	return (f->type == FLOW_TCP ? tcp_state_name(f) : "active");
}

/* Something happened on the flow's host socket. */
void
slirp_host_event(struct slirp *s, struct flow *f, int what)
{
	switch (f->type) {
	case FLOW_TCP:
		tcp_event(s, f, what);
		break;
	case FLOW_UDP:
		udp_event(s, f, what);
		break;
	case FLOW_ICMP:
		icmp_event(s, f, what);
		break;
	}
}

/*
 * Handle up to max packets from the guests.  Returns how many there were;
 * their slots are given back, so nothing may point into them afterwards.
 */
int
slirp_input(struct slirp *s, int max)
{
	struct pktq_desc	 d[IN_BATCH];
	struct slirp_peer	*p;
	int			 i, n;

	if (max > IN_BATCH)
		max = IN_BATCH;
	if ((n = pktq_fetch(s->in, d, max)) == -1)
		fatalx("crypto broke the packet queue");
	for (i = 0; i < n; i++) {
		s->count.ip_rx_packets++;
		s->count.ip_rx_bytes += d[i].len;
		/* a peer that was just removed may still have packets here */
		if ((p = slirp_peer_get(s, d[i].peer)) != NULL)
			ip_input(s, p, pktq_slot(s->in, d[i].slot) + d[i].off,
			    d[i].len, d[i].time);
	}
	udp_flush(s);
	tcp_flush_dirty(s);
	for (i = 0; i < n; i++)
		if (pktq_return(s->in, d[i].slot) == -1)
			fatalx("packet queue: slot not held");
	return (n);
}

/*
 * Slots came back, by whichever way: as many waiting flows get a turn.
 * If one cannot use it, slirp_run() gives it to the next, at most once
 * round the list, so that one whose peer has its share hides nobody.
 */
static void
wake_waiting(struct slirp *s)
{
	uint32_t	 n;

	if (pktq_reclaim(s->out) == -1)
		fatalx("crypto broke the packet queue");
	n = s->out->came_back - s->came_back;
	if (n == 0)
		return;
	s->came_back = s->out->came_back;
	s->wakes = s->nwaiting;
	for (; n > 0 && s->wakes > 0; n--, s->wakes--)
		flow_ready(s, turn_take(s, TURN_WAITING));
}

/*
 * Give up to max ready flows their turn, one of each peer's after the
 * other.  Returns whether any is left.
 */
int
slirp_run(struct slirp *s, int max)
{
	struct flow	*f;
	uint64_t	 sent = s->count.ip_tx_packets;
	int		 more = 0;

	if (s->now - s->round_at >= EXPRESS_ROUND) {
		s->round_at = s->now;
		s->round++;
	}
	wake_waiting(s);
	for (; max > 0 && (f = turn_take(s, TURN_READY)) != NULL; max--) {
		switch (f->type) {
		case FLOW_TCP:
			more = tcp_ready(s, f);
			break;
		case FLOW_UDP:
			more = udp_ready(s, f);
			break;
		case FLOW_ICMP:
			more = icmp_ready(s, f);
			break;
		}
		if (more)
			flow_ready(s, f);
		else if (s->wakes > 0 && s->nwaiting > 0 &&
		    s->out->nfree > SLOTS_RESERVED) {
			/* there are slots that f had no use for */
			s->wakes--;
			flow_ready(s, turn_take(s, TURN_WAITING));
		}
		/* turns may be long: look what the guests say meanwhile */
		if (s->count.ip_tx_packets - sent >= RUN_PACKETS &&
		    pktq_waiting(s->in))
			break;
	}
	return (!TAILQ_EMPTY(&s->turns[TURN_READY]));
}

/*
 * Before sleeping: if flows wait for slots, ask for a bell.  Returns 0 if
 * there is something to do after all.
 */
int
slirp_idle(struct slirp *s)
{
	if (s->nwaiting > 0) {
		pktq_want_slots(s->out);
		wake_waiting(s);
	}
	return (TAILQ_EMPTY(&s->turns[TURN_READY]));
}
