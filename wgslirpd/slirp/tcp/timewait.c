/* SPDX-License-Identifier: ISC */

/*
 * Connections that have ended, in a compact table, bounded and in order of
 * expiry.
 *
 * In TIME-WAIT are those that ended well: what comes late is acknowledged,
 * with timestamps, and a reset does not shorten it (RFC 1337).  In a grave are
 * those that were given up while the guest was silent: its reads would wait
 * for ever, so that it is told when it is back.
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
#define TW_PEER		4096
#define GRAVE_TIME	MONO_SEC(24 * 3600)
#define GRAVE_MAX	4096
#define GRAVE_PEER	64
#define GRAVE_TELL	3		/* times that the guest is told */
#define TW_BUCKETS	4096

enum tw_row {
	TW_WAIT,
	TW_GRAVE,
	TW_ROWS
};

struct tcp_tw {
	TAILQ_ENTRY(tcp_tw)	 entry;
	TAILQ_ENTRY(tcp_tw)	 peer_entry;
	LIST_ENTRY(tcp_tw)	 hash;
	struct slirp_peer	*peer;
	struct flow_key		 key;
	mono_t			 expires;
	uint32_t		 snd_nxt;
	uint32_t		 rcv_nxt;
	uint32_t		 ts_offset;
	uint32_t		 ts_recent;
	uint8_t			 ts_ok;
	uint8_t			 row;		/* enum tw_row */
	uint8_t			 told;
};

struct tw_table {
	TAILQ_HEAD(, tcp_tw)	 all[TW_ROWS];	/* oldest first */
	LIST_HEAD(, tcp_tw)	 bucket[TW_BUCKETS];
	uint32_t		 n[TW_ROWS];
	struct siphash_key	 key;
};

static const struct {
	mono_t		 time;
	uint32_t	 max;
	uint32_t	 peer;
} bounds[TW_ROWS] = {
	[TW_WAIT] = { TW_TIME, TW_MAX, TW_PEER },
	[TW_GRAVE] = { GRAVE_TIME, GRAVE_MAX, GRAVE_PEER }
};

/* A table that hashes with key.  -1 if there is no memory. */
int
tw_init(struct slirp *s, const struct siphash_key *key)
{
	int	 i;

	if ((s->tcp->tw = calloc(1, sizeof(*s->tcp->tw))) == NULL)
		return (-1);
	for (i = 0; i < TW_ROWS; i++)
		TAILQ_INIT(&s->tcp->tw->all[i]);
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
	TAILQ_REMOVE(&s->tcp->tw->all[w->row], w, entry);
	TAILQ_REMOVE(&w->peer->ended[w->row], w, peer_entry);
	LIST_REMOVE(w, hash);
	s->tcp->tw->n[w->row]--;
	w->peer->nended[w->row]--;
	if (w->row == TW_WAIT)
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

/* A peer's own oldest makes room for its next, and only then another's. */
static void
make_room(struct slirp *s, struct slirp_peer *p, int row)
{
	if (p->nended[row] >= bounds[row].peer)
		tw_free(s, TAILQ_FIRST(&p->ended[row]));
	else if (s->tcp->tw->n[row] >= bounds[row].max)
		tw_free(s, TAILQ_FIRST(&s->tcp->tw->all[row]));
}

static void
enter(struct slirp *s, const struct tcpcb *t, int row)
{
	const struct flow	*f = &t->f;
	struct tcp_tw		*w;
	struct flow_key		 k;

	flow_key(&k, f->toward, FLOW_TCP, &f->src, f->sport, &f->dst,
	    f->dport);
	if ((w = tw_find(s, &k)) != NULL)
		tw_free(s, w);
	make_room(s, f->toward, row);
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return;
	w->key = k;
	w->peer = f->toward;
	w->row = (uint8_t)row;
	w->expires = s->now + bounds[row].time;
	w->snd_nxt = t->snd_nxt;
	w->rcv_nxt = t->rcv_nxt;
	w->ts_ok = t->ts_ok;
	w->ts_offset = t->ts_offset;
	w->ts_recent = t->ts_recent;
	TAILQ_INSERT_TAIL(&s->tcp->tw->all[row], w, entry);
	TAILQ_INSERT_TAIL(&w->peer->ended[row], w, peer_entry);
	LIST_INSERT_HEAD(&s->tcp->tw->bucket[tw_bucket(s, &w->key)], w, hash);
	s->tcp->tw->n[row]++;
	w->peer->nended[row]++;
	if (row == TW_WAIT)
		s->count.tcp_timewait++;
	slirp_house(s);
}

/* The connection has ended, and this side has to remember it. */
void
tw_add(struct slirp *s, const struct tcpcb *t)
{
	enter(s, t, TW_WAIT);
}

/* It was given up, and the guest did not hear of it. */
void
tw_bury(struct slirp *s, const struct tcpcb *t)
{
	enter(s, t, TW_GRAVE);
}

/* Drop what is over.  Returns whether anything is left. */
int
tw_expire(struct slirp *s)
{
	struct tcp_tw	*w;
	int		 i, left = 0;

	for (i = 0; i < TW_ROWS; i++) {
		while ((w = TAILQ_FIRST(&s->tcp->tw->all[i])) != NULL &&
		    w->expires <= s->now)
			tw_free(s, w);
		left |= w != NULL;
	}
	return (left);
}

void
tw_drop_peer(struct slirp *s, struct slirp_peer *p)
{
	struct tcp_tw	*w;
	int		 i;

	for (i = 0; i < TW_ROWS; i++)
		while ((w = TAILQ_FIRST(&p->ended[i])) != NULL)
			tw_free(s, w);
}

/* Send what the entry stands for. */
static void
answer(struct slirp *s, const struct tcp_tw *w, uint8_t flags)
{
	struct tcp_bare	 b;

	memset(&b, 0, sizeof(b));
	b.src.af = b.dst.af = w->key.af;
	memcpy(b.src.a, w->key.dst, sizeof(b.src.a));
	memcpy(b.dst.a, w->key.src, sizeof(b.dst.a));
	b.sport = w->key.dport;
	b.dport = w->key.sport;
	b.seq = w->snd_nxt;
	b.ack = w->rcv_nxt;
	b.flags = flags;
	b.has_ts = w->ts_ok;
	b.tsval = (uint32_t)(s->now / TCP_TS_UNIT) + w->ts_offset;
	b.tsecr = w->ts_recent;
	tcp_send_bare(s, w->peer, &b);
}

/* A guest is back: it hears which of its connections are gone. */
void
tw_back(struct slirp *s, struct slirp_peer *p)
{
	struct tcp_tw	*w, *next;

	TAILQ_FOREACH_SAFE(w, &p->ended[TW_GRAVE], peer_entry, next) {
		answer(s, w, TH_RST | TH_ACK);
		if (++w->told >= GRAVE_TELL)
			tw_free(s, w);
	}
}

/* Does a SYN begin a new connection (RFC 9293 3.10.7.4, 6191)? */
static int
begins(const struct tcp_tw *w, const struct tcp_in *in)
{
	if ((in->flags & (TH_SYN | TH_ACK)) != TH_SYN)
		return (0);
	return (w->row == TW_GRAVE || SEQ_GT(in->seq, w->rcv_nxt) ||
	    (w->ts_ok && in->has_ts &&
	    (int32_t)(in->tsval - w->ts_recent) > 0));
}

/*
 * A segment for a connection that has ended.  Returns 0 if it is a SYN that
 * may open a new one.
 */
int
tw_input(struct slirp *s, struct tcp_tw *w, const struct tcp_in *in)
{
	if (in->flags & TH_RST) {
		/* who is told that it is gone may say so, too */
		if (w->row == TW_GRAVE)
			tw_free(s, w);
		return (1);
	}
	if (begins(w, in)) {
		tw_free(s, w);
		return (0);
	}
	if (w->row == TW_GRAVE)
		tcp_reply_rst(s, in);
	else if (in->len > 0 || in->flags & (TH_SYN | TH_FIN))
		answer(s, w, TH_ACK);
	return (1);
}

void
tw_fini(struct slirp *s)
{
	struct tcp_tw	*w;
	int		 i;

	if (s->tcp->tw == NULL)
		return;
	for (i = 0; i < TW_ROWS; i++)
		while ((w = TAILQ_FIRST(&s->tcp->tw->all[i])) != NULL)
			tw_free(s, w);
	free(s->tcp->tw);
	s->tcp->tw = NULL;
}
