/* SPDX-License-Identifier: ISC */

/*
 * TIME-WAIT: connections that have ended, in a compact table, bounded and in
 * order of expiry.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "segment.h"
#include "table.h"
#include "timewait.h"

#define TW_TIME		MONO_SEC(60)
#define TW_MAX		16384
#define TW_BUCKETS	4096

struct tcp_tw {
	TAILQ_ENTRY(tcp_tw)	 entry;
	LIST_ENTRY(tcp_tw)	 hash;
	struct flow_key		 key;
	mono_t			 expires;
	uint32_t		 snd_nxt;
	uint32_t		 rcv_nxt;
};

struct tw_table {
	TAILQ_HEAD(, tcp_tw)	 all;		/* oldest first */
	LIST_HEAD(, tcp_tw)	 bucket[TW_BUCKETS];
	uint32_t		 n;
	struct siphash_key	 key;
};

/* A table that hashes with key.  -1 if there is no memory. */
int
tw_init(struct slirp *s, const struct siphash_key *key)
{
	if ((s->tcp->tw = calloc(1, sizeof(*s->tcp->tw))) == NULL)
		return (-1);
	TAILQ_INIT(&s->tcp->tw->all);
	s->tcp->tw->key = *key;
	return (0);
}

static uint32_t
tw_bucket(const struct slirp *s, const struct flow_key *k)
{
	return (siphash24(&s->tcp->tw->key, k, sizeof(*k)) % TW_BUCKETS);
}

static void
tw_free(struct slirp *s, struct tcp_tw *w)
{
	TAILQ_REMOVE(&s->tcp->tw->all, w, entry);
	LIST_REMOVE(w, hash);
	s->tcp->tw->n--;
	s->count.tcp_timewait--;
	free(w);
}

struct tcp_tw *
tw_find(struct slirp *s, const struct flow_key *k)
{
	struct tcp_tw	*w;

	LIST_FOREACH(w, &s->tcp->tw->bucket[tw_bucket(s, k)], hash)
		if (memcmp(&w->key, k, sizeof(*k)) == 0)
			return (w);
	return (NULL);
}

void
tw_add(struct slirp *s, const struct tcpcb *t)
{
	const struct flow	*f = &t->f;
	struct tcp_tw		*w;

	if (s->tcp->tw->n >= TW_MAX)
		tw_free(s, TAILQ_FIRST(&s->tcp->tw->all));
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return;
	flow_key(&w->key, f->peer, FLOW_TCP, &f->src, f->sport, &f->dst,
	    f->dport);
	w->expires = s->now + TW_TIME;
	w->snd_nxt = t->snd_nxt;
	w->rcv_nxt = t->rcv_nxt;
	TAILQ_INSERT_TAIL(&s->tcp->tw->all, w, entry);
	LIST_INSERT_HEAD(&s->tcp->tw->bucket[tw_bucket(s, &w->key)], w, hash);
	s->tcp->tw->n++;
	s->count.tcp_timewait++;
	slirp_house(s);
}

/* Drop what is over.  Returns whether anything is left. */
int
tw_expire(struct slirp *s)
{
	struct tcp_tw	*w;

	while ((w = TAILQ_FIRST(&s->tcp->tw->all)) != NULL &&
	    w->expires <= s->now)
		tw_free(s, w);
	return (w != NULL);
}

void
tw_drop_peer(struct slirp *s, const struct slirp_peer *p)
{
	struct tcp_tw	*w, *next;

	TAILQ_FOREACH_SAFE(w, &s->tcp->tw->all, entry, next)
		if (w->key.peer == p->id)
			tw_free(s, w);
}

/*
 * A segment for a connection in TIME-WAIT.  Returns 0 if it is a SYN that
 * may open a new one (RFC 9293 3.10.7.4, 6191).
 */
int
tw_input(struct slirp *s, struct tcp_tw *w, const struct tcp_in *in)
{
	if (in->flags & TH_RST) {
		if (in->seq == w->rcv_nxt)
			tw_free(s, w);
		return (1);
	}
	if ((in->flags & (TH_SYN | TH_ACK)) == TH_SYN &&
	    SEQ_GT(in->seq, w->rcv_nxt)) {
		tw_free(s, w);
		return (0);
	}
	if (in->len > 0 || in->flags & (TH_SYN | TH_FIN))
		tcp_reply_ack(s, in->p->peer, &in->p->src, in->sport,
		    &in->p->dst, in->dport, w->snd_nxt, w->rcv_nxt);
	return (1);
}

void
tw_fini(struct slirp *s)
{
	struct tcp_tw	*w;

	if (s->tcp->tw == NULL)
		return;
	while ((w = TAILQ_FIRST(&s->tcp->tw->all)) != NULL)
		tw_free(s, w);
	free(s->tcp->tw);
	s->tcp->tw = NULL;
}
