/* SPDX-License-Identifier: ISC */

/*
 * The engine as a whole: packets come in, flows get their turns, timers fire.
 * It knows protocols only as what was registered.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "egress.h"
#include "engine.h"
#include "frag.h"
#include "ip.h"
#include "out.h"
#include "policy.h"
#include "table.h"
#include "turns.h"
#include "uplink.h"

#define IN_BATCH	256
#define AHEAD		4	/* packets whose headers are on their way */
#define BACK_PAUSE	MONO_MS(500)	/* a peer is back only so often */
#define RUN_PACKETS	64	/* sent before the input is looked at */

/* Once a second, while there is something that may be old. */
static void
house_keeping(struct slirp *s)
{
	const struct proto_ops	*ops;
	int			 proto = 0, again;

	again = frag_expire(s);
	while ((ops = ip_next(s, &proto)) != NULL)
		if (ops->expire != NULL)
			again |= ops->expire(s);
	if (again)
		slirp_house(s);
}

static void
slirp_timer(void *arg, struct wheel_timer *t, mono_t now)
{
	struct slirp	*s = arg;
	struct flow	*f;

	(void)now;
	if (t == &s->house) {
		house_keeping(s);
		return;
	}
	f = (struct flow *)((char *)t - offsetof(struct flow, timer));
	s->flow_ops[f->type]->timer(s, f);
}

/*
 * Initialise an engine; the caller registers protocols, and sets queues and
 * configuration.  maxflows is what the descriptors allow; seed makes its hashes
 * the same every time, NULL for random ones.  -1 if there is no memory.
 */
int
slirp_init(struct slirp *s, const struct host_ops *ops, void *harg,
    mono_t now, uint32_t maxflows, const struct siphash_key *seed)
{
	memset(s, 0, sizeof(*s));
	s->host = ops;
	s->harg = harg;
	s->now = now;
	s->conf.ttl = TTL_DEFAULT;
	s->conf.mtu = MTU_DEFAULT;
	tcpconf_defaults(&s->conf.tcp);
	s->conf.udp_timeout = MONO_SEC(300);
	s->conf.dns_timeout = MONO_SEC(10);
	s->policy = 1;
	wheel_init(&s->wheel, now, slirp_timer, s);
	s->dgram = malloc(DGRAM_MAX + SLOT_PAYLOAD);
	if (s->dgram == NULL || out_init(s) == -1 || turns_init(s) == -1 ||
	    table_init(s, maxflows, seed) == -1 || frag_init(s) == -1 ||
	    ip_init(s) == -1)
		return (-1);
	return (0);
}

void
slirp_free(struct slirp *s)
{
	const struct proto_ops	*ops;
	uint32_t		 i;
	int			 proto = 0;

	table_free(s);
	frag_free(s);
	while (s->ip != NULL && (ops = ip_next(s, &proto)) != NULL)
		if (ops->free != NULL)
			ops->free(s);
	for (i = 0; i < s->npeers; i++) {
		if (s->peers[i] != NULL)
			uplink_free(s->peers[i]);
		free(s->peers[i]);
	}
	ip_free(s);
	turns_free(s);
	out_free(s);
	free(s->peers);
	free(s->dgram);
	free(s->conf.addrs);
	policy_conf_free(&s->conf);
	egress_conf_free(&s->conf);
	policy_set_free(s->hostaddrs);
}

/* End everything that the peer has here. */
void
slirp_peer_clear(struct slirp *s, struct slirp_peer *p)
{
	const struct proto_ops	*ops;
	struct flow		*f;
	int			 proto = 0;

	while ((f = TAILQ_FIRST(&p->flows)) != NULL)
		flow_kill(s, f);
	frag_drop_peer(s, p);
	while ((ops = ip_next(s, &proto)) != NULL)
		if (ops->drop_peer != NULL)
			ops->drop_peer(s, p);
}

/* The peer is heard again after a silence, or is elsewhere now. */
void
slirp_peer_back(struct slirp *s, struct slirp_peer *p)
{
	const struct proto_ops	*ops;
	int			 proto = 0;

	if (p->back_at != 0 && s->now - p->back_at < BACK_PAUSE)
		return;
	p->back_at = s->now;
	/* what was known of its path may be of another one */
	p->path.min = p->path.probed = p->path.srtt = 0;
	while ((ops = ip_next(s, &proto)) != NULL)
		if (ops->peer_back != NULL)
			ops->peer_back(s, p);
}

/* The peer is gone: so is everything of it. */
void
slirp_peer_drop(struct slirp *s, struct slirp_peer *p)
{
	slirp_peer_clear(s, p);
	uplink_drop(s, p);
	table_forget_peer(s, p);
	peer_free(s, p);
}

/* Something (HOST_READ and so on) happened on a flow's host socket. */
void
slirp_host_event(struct slirp *s, uint64_t id, int what)
{
	struct flow	*f = flow_by_id(s, id);

	/* it may be gone, before its turn came */
	if (f != NULL && s->flow_ops[f->type]->event != NULL)
		s->flow_ops[f->type]->event(s, f, what);
}

/* The crypto engine's core has it still: ask for it early. */
static void
fetch_header(const struct slirp *s, const struct pktq_desc *d)
{
	const uint8_t	*p = pktq_slot(s->in, d->slot) + d->off;

	__builtin_prefetch(p);
	__builtin_prefetch(p + 64);
}

/* What became of packets, or of turns, takes effect. */
static void
batch_end(struct slirp *s)
{
	const struct proto_ops	*ops;
	int			 proto = 0;

	while ((ops = ip_next(s, &proto)) != NULL)
		if (ops->batch_end != NULL)
			ops->batch_end(s);
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
	for (i = 0; i < n && i < AHEAD; i++)
		fetch_header(s, &d[i]);
	for (i = 0; i < n; i++) {
		if (i + AHEAD < n)
			fetch_header(s, &d[i + AHEAD]);
		s->count.ip_rx_packets++;
		s->count.ip_rx_bytes += d[i].len;
		/* a peer that was just removed may still have packets here */
		if ((p = peer_get(s, d[i].peer)) == NULL)
			continue;
		if (s->tap != NULL)
			s->tap(p, pktq_slot(s->in, d[i].slot) + d[i].off,
			    d[i].len, 0);
		ip_input(s, p, pktq_slot(s->in, d[i].slot) + d[i].off, d[i].len,
		    d[i].time);
	}
	batch_end(s);
	for (i = 0; i < n; i++)
		if (pktq_return(s->in, d[i].slot) == -1)
			fatalx("packet queue: slot not held");
	return (n);
}

/*
 * Give up to max ready flows their turn, one of each peer's after the
 * other.  Returns whether any is left.
 */
int
slirp_run(struct slirp *s, int max)
{
	const struct flow_ops	*ops;
	struct flow		*f;
	uint64_t		 sent = s->count.ip_tx_packets;

	out_round(s);
	turns_wake(s);
	for (; max > 0 && (f = turns_take(s, TURN_READY)) != NULL; max--) {
		ops = s->flow_ops[f->type];
		if (ops->ready != NULL && ops->ready(s, f))
			turns_ready(s, f);
		else
			turns_pass_on(s);
		/* turns may be long: look what the guests say meanwhile */
		if (s->count.ip_tx_packets - sent >= RUN_PACKETS &&
		    pktq_waiting(s->in))
			break;
	}
	batch_end(s);
	return (turns_any(s, TURN_READY));
}

/*
 * Before sleeping: if flows wait for slots, ask for a bell.  Returns 0 if
 * there is something to do after all.
 */
int
slirp_idle(struct slirp *s)
{
	/* what timers have left to be done */
	batch_end(s);
	if (turns_any(s, TURN_WAITING)) {
		pktq_want_slots(s->out);
		turns_wake(s);
	}
	return (!turns_any(s, TURN_READY));
}
