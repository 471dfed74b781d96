/* SPDX-License-Identifier: ISC */

/*
 * Theory of operation
 *
 * Each TCP connection of a guest is ended here and continued by a host
 * socket.  A SYN makes a flow in CONNECTING; only when the host socket is
 * connected does the guest get its SYN-ACK, so that a port that looks
 * open is open.  A failed connect is told as what it was: refused becomes
 * a reset, unreachable an ICMP error with the header of the SYN and the
 * router's address, a timeout stays silent, and so does a lack of local
 * resources, after which the guest tries again.
 *
 *   CONNECTING --connected--> SYN_RCVD --ACK--> ESTABLISHED
 *   a client of the host: SYN_SENT --SYN-ACK--> ESTABLISHED
 *   host EOF:  ESTABLISHED -> FIN_WAIT_1 -> FIN_WAIT_2 -> TIME-WAIT
 *   guest FIN: ESTABLISHED -> CLOSE_WAIT -> LAST_ACK -> gone
 *
 * The two directions end independently.  Checks on sequence and
 * acknowledgement numbers, RST and SYN follow RFC 9293 3.10.7.4 and RFC
 * 5961; challenge ACKs are limited for each flow.  TIME-WAIT lives in a
 * compact table of its own, bounded and in order of expiry.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcp.h"

#define SYNACK_TRIES	5
#define CHALLENGES	10		/* a second and flow */
#define KEEP_INTERVAL	MONO_SEC(75)
#define KEEP_PROBES	9
#define HALF_INTERVAL	MONO_SEC(15)
#define HALF_PROBES	4
#define PERSIST_MAX	MONO_SEC(60)
#define PAWS_IDLE	MONO_SEC(24ULL * 24 * 3600)
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

struct tcp_tw_table {
	TAILQ_HEAD(, tcp_tw)	 all;		/* oldest first */
	LIST_HEAD(, tcp_tw)	 bucket[TW_BUCKETS];
	uint32_t		 n;
};

static const char *const	 state_names[] = {
	[TCPS_CONNECTING] = "connecting",
	[TCPS_SYN_SENT] = "syn-sent",
	[TCPS_SYN_RCVD] = "syn-received",
	[TCPS_ESTABLISHED] = "established",
	[TCPS_FIN_WAIT_1] = "fin-wait-1",
	[TCPS_FIN_WAIT_2] = "fin-wait-2",
	[TCPS_CLOSE_WAIT] = "close-wait",
	[TCPS_CLOSING] = "closing",
	[TCPS_LAST_ACK] = "last-ack"
};

int
tcp_init(struct slirp *s)
{
	s->rxitems = calloc(256, sizeof(*s->rxitems));
	s->tw = calloc(1, sizeof(*s->tw));
	if (s->rxitems == NULL || s->tw == NULL)
		return (-1);
	TAILQ_INIT(&s->tw->all);
	s->doze = TCP_DOZE;
	zone_init(&s->xfers, sizeof(struct tcp_xfer));
	return (0);
}

const char *
tcp_state_name(const struct flow *f)
{
	return (state_names[((const struct tcpcb *)f)->state]);
}

/* Is one of its two sides not connected yet? */
int
tcp_half_open(const struct flow *f)
{
	const struct tcpcb	*t = (const struct tcpcb *)f;

	return (t->state == TCPS_CONNECTING || t->state == TCPS_SYN_SENT ||
	    t->dialing);
}

static uint32_t
tw_bucket(const struct slirp *s, const struct flow_key *k)
{
	return (siphash24(&s->hashkey, k, sizeof(*k)) % TW_BUCKETS);
}

static void
tw_free(struct slirp *s, struct tcp_tw *w)
{
	TAILQ_REMOVE(&s->tw->all, w, entry);
	LIST_REMOVE(w, hash);
	s->tw->n--;
	s->count.tcp_timewait--;
	free(w);
}

void
tcp_fini(struct slirp *s)
{
	struct tcp_tw	*w;

	if (s->tw != NULL)
		while ((w = TAILQ_FIRST(&s->tw->all)) != NULL)
			tw_free(s, w);
	zone_fini(&s->xfers);
	free(s->tw);
	free(s->rxitems);
}

static struct tcp_tw *
tw_find(struct slirp *s, const struct flow_key *k)
{
	struct tcp_tw	*w;

	LIST_FOREACH(w, &s->tw->bucket[tw_bucket(s, k)], hash)
		if (memcmp(&w->key, k, sizeof(*k)) == 0)
			return (w);
	return (NULL);
}

static void
tw_add(struct slirp *s, const struct tcpcb *t)
{
	const struct flow	*f = &t->f;
	struct tcp_tw		*w;

	if (s->tw->n >= TW_MAX)
		tw_free(s, TAILQ_FIRST(&s->tw->all));
	if ((w = calloc(1, sizeof(*w))) == NULL)
		return;
	flow_key(&w->key, f->peer, FLOW_TCP, &f->src, f->sport, &f->dst,
	    f->dport);
	w->expires = s->now + TW_TIME;
	w->snd_nxt = t->snd_nxt;
	w->rcv_nxt = t->rcv_nxt;
	TAILQ_INSERT_TAIL(&s->tw->all, w, entry);
	LIST_INSERT_HEAD(&s->tw->bucket[tw_bucket(s, &w->key)], w, hash);
	s->tw->n++;
	s->count.tcp_timewait++;
	slirp_housekeeping(s);
}

/* Drop what is over.  Returns whether anything is left. */
int
tcp_tw_expire(struct slirp *s)
{
	struct tcp_tw	*w;

	while ((w = TAILQ_FIRST(&s->tw->all)) != NULL &&
	    w->expires <= s->now)
		tw_free(s, w);
	return (w != NULL);
}

void
tcp_tw_drop_peer(struct slirp *s, const struct slirp_peer *p)
{
	struct tcp_tw	*w, *next;

	TAILQ_FOREACH_SAFE(w, &s->tw->all, entry, next)
		if (w->key.peer == p->id)
			tw_free(s, w);
}

/*
 * A segment for a connection in TIME-WAIT.  Returns 0 if it is a SYN that
 * may open a new one (RFC 9293 3.10.7.4, 6191).
 */
static int
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

/*
 * The round trip time that the connection has learnt is good for the next
 * one (RFC 9040).  Its ssthresh is not: after random loss on one path the
 * next connection would crawl on a better one.
 */
void
tcp_path_learn(struct slirp *s, const struct tcpcb *t)
{
	struct slirp_peer	*p = t->f.peer;

	if (t->srtt == 0 || t->x == NULL)
		return;
	p->path_srtt = t->srtt;
	p->path_rttvar = t->rttvar;
	p->path_at = s->now;
}

/* Give back everything; reset: the host sees a reset. */
void
tcp_free(struct slirp *s, struct tcpcb *t, int reset)
{
	tcp_path_learn(s, t);
	s->host->close(s->harg, &t->f, reset);
	if (tcp_half_open(&t->f)) {
		if (t->f.via == VIA_GUEST)
			t->f.peer->nconnecting--;
		else
			t->f.peer->ndialing--;
		s->count.tcp_connecting--;
	}
	if (t->dirty)
		TAILQ_REMOVE(&s->dirty, t, x->dirty_entry);
	tcp_free_segs(s, t);
	tcp_rcv_free(s, t);
	flow_remove(s, &t->f);
	s->count.tcp_active--;
	zone_free(&s->xfers, t->x);
	free(t);
}

/* Both directions have ended and everything is acknowledged. */
void
tcp_done(struct slirp *s, struct tcpcb *t)
{
	/* who closed first has to remember it */
	if (t->state != TCPS_LAST_ACK)
		tw_add(s, t);
	tcp_free(s, t, 0);
}

/* End the connection with a reset to both sides. */
void
tcp_abort(struct slirp *s, struct tcpcb *t)
{
	if (t->state != TCPS_CONNECTING && t->state != TCPS_SYN_SENT &&
	    tcp_wake(s, t) == 0)
		tcp_send_rst(s, t);
	tcp_free(s, t, 1);
}

void
tcp_kill(struct slirp *s, struct flow *f)
{
	tcp_abort(s, (struct tcpcb *)f);
}

/* Have the flow's timer fire at the earliest of its deadlines. */
void
tcp_arm(struct slirp *s, struct tcpcb *t)
{
	const struct tcp_xfer	*x = t->x;
	const mono_t		 all[] = { t->t_keep, x->t_rexmt,
				    x->t_persist, x->t_delack, x->t_pace,
				    x->t_reo, x->t_tlp, x->t_rate,
				    tcp_doze_at(s, t) };
	mono_t			 next = 0;
	size_t			 i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i] != 0 && (next == 0 || all[i] < next))
			next = all[i];
	flow_schedule(s, &t->f, next);
}

/* RFC 5961: tell where this side stands, not too often. */
void
tcp_challenge(struct slirp *s, struct tcpcb *t)
{
	if (s->now - t->x->challenge_sec >= MONO_SEC(1)) {
		t->x->challenge_sec = s->now;
		t->x->challenge_n = 0;
	}
	if (t->x->challenge_n >= CHALLENGES)
		return;
	t->x->challenge_n++;
	/* what this batch brought may still be given up */
	if (t->dirty) {
		t->ack_now = 1;
		return;
	}
	s->count.tcp_challenge_acks++;
	tcp_send_ack(s, t);
}

static int
parse_options(struct tcp_in *in, const uint8_t *o, size_t n)
{
	size_t	 i, len;
	int	 k;

	for (i = 0; i < n; i += len) {
		if (o[i] == 0)
			break;
		if (o[i] == 1) {
			len = 1;
			continue;
		}
		if (n - i < 2 || (len = o[i + 1]) < 2 || len > n - i)
			return (-1);
		switch (o[i]) {
		case 2:
			if (len == 4) {
				in->has_mss = 1;
				in->mss = be16(o + i + 2);
			}
			break;
		case 3:
			if (len == 3) {
				in->has_ws = 1;
				in->ws = o[i + 2] > 14 ? 14 : o[i + 2];
			}
			break;
		case 4:
			if (len == 2)
				in->has_sackok = 1;
			break;
		case 5:
			for (k = 0; k < TCP_SACK_BLOCKS &&
			    len >= (size_t)(10 + 8 * k); k++) {
				in->sack[k].start = be32(o + i + 2 + 8 * k);
				in->sack[k].end = be32(o + i + 6 + 8 * k);
				in->nsack = k + 1;
			}
			break;
		case 8:
			if (len == 10) {
				in->has_ts = 1;
				in->tsval = be32(o + i + 2);
				in->tsecr = be32(o + i + 6);
			}
			break;
		}
	}
	return (0);
}

/* Take a segment apart and check it.  -1 if it is to be dropped. */
static int
parse_segment(struct slirp *s, struct ippkt *p, struct tcp_in *in)
{
	const uint8_t	*h;
	size_t		 hlen;

	memset(in, 0, sizeof(*in));
	in->p = p;
	if ((h = pkt_get(p, p->l4, TCP_HDR)) == NULL ||
	    (hlen = (size_t)(h[12] >> 4) * 4) < TCP_HDR ||
	    hlen > p->l4len || (h = pkt_get(p, p->l4, hlen)) == NULL) {
		s->count.ip_drop_malformed++;
		return (-1);
	}
	if (cksum_fold(cksum_add(p->data + p->l4, p->l4len,
	    cksum_pseudo(&p->src, &p->dst, IPPROTO_TCP, p->l4len))) != 0) {
		s->count.ip_drop_checksum++;
		return (-1);
	}
	in->sport = be16(h);
	in->dport = be16(h + 2);
	in->seq = be32(h + 4);
	in->ack = be32(h + 8);
	in->flags = h[13];
	in->wnd = be16(h + 14);
	in->data = p->data + p->l4 + hlen;
	in->len = (uint32_t)(p->l4len - hlen);
	if (in->sport == 0 || in->dport == 0 ||
	    parse_options(in, h + TCP_HDR, hlen - TCP_HDR) == -1) {
		s->count.ip_drop_malformed++;
		return (-1);
	}
	return (0);
}

/* Something happened on the host socket. */
void
tcp_event(struct slirp *s, struct flow *f, int what)
{
	struct tcpcb	*t = (struct tcpcb *)f;

	/* it is told once */
	if (tcp_wake(s, t) == -1) {
		tcp_free(s, t, 1);
		return;
	}
	if (t->state == TCPS_CONNECTING || t->dialing) {
		tcp_connect_event(s, t, what);
		return;
	}
	if (t->state == TCPS_SYN_SENT) {
		/* what the client sends waits; whether it is there, too */
		f->readable = 1;
		return;
	}
	/* after its end the host can only say that it failed */
	if (what & HOST_READ && t->host_eof && !t->rst_after &&
	    s->host->error(s->harg, f) != 0) {
		t->host_dead = t->rst_after = 1;
		flow_ready(s, f);
	}
	if (what & HOST_READ && !t->host_eof && !t->rst_after) {
		f->readable = 1;
		if (t->state != TCPS_SYN_RCVD)
			flow_ready(s, f);
	}
	if (what & HOST_WRITE && t->host_full) {
		t->host_full = 0;
		tcp_flush(s, t);
	}
}

/* The flow's turn.  Returns whether it wants another one. */
int
tcp_ready(struct slirp *s, struct flow *f)
{
	struct tcpcb	*t = (struct tcpcb *)f;
	int		 more;

	if (t->state <= TCPS_SYN_RCVD || t->dialing)
		return (0);
	if (tcp_wake(s, t) == -1) {
		tcp_free(s, t, 1);
		return (0);
	}
	more = tcp_output(s, t);
	if (t->rst_after && t->x->seg_n == 0 && !f->readable) {
		tcp_abort(s, t);
		return (0);
	}
	tcp_arm(s, t);
	return (more);
}

/* RFC 9293 3.10.7.4, first: is the segment within the window? */
static int
acceptable(const struct tcpcb *t, const struct tcp_in *in)
{
	uint32_t	 len, wnd, end;

	len = in->len + ((in->flags & TH_FIN) != 0) +
	    ((in->flags & TH_SYN) != 0);
	wnd = SEQ_GT(t->rcv_adv, t->rcv_nxt) ? t->rcv_adv - t->rcv_nxt : 0;
	if (len == 0)
		/* the right edge itself too: a full window's ACKs say so */
		return (SEQ_GEQ(in->seq, t->rcv_nxt) &&
		    SEQ_LEQ(in->seq, t->rcv_nxt + wnd));
	end = in->seq + len - 1;
	if (wnd == 0)
		/* old data with a new FIN or ACK is worth a look */
		return (SEQ_LEQ(in->seq, t->rcv_nxt) &&
		    SEQ_GEQ(end, t->rcv_nxt) && in->len == 0);
	return ((SEQ_GEQ(in->seq, t->rcv_nxt) &&
	    SEQ_LT(in->seq, t->rcv_nxt + wnd)) ||
	    (SEQ_GEQ(end, t->rcv_nxt) && SEQ_LT(end, t->rcv_nxt + wnd)) ||
	    (SEQ_LT(in->seq, t->rcv_nxt) &&
	    SEQ_GEQ(end, t->rcv_nxt + wnd)));
}

/* PAWS (RFC 7323 5): is the segment an old duplicate? */
static int
old_timestamp(const struct slirp *s, const struct tcpcb *t,
    const struct tcp_in *in)
{
	return (t->ts_ok && in->has_ts && !(in->flags & TH_RST) &&
	    (int32_t)(in->tsval - t->ts_recent) < 0 &&
	    s->now - t->last_rx < PAWS_IDLE);
}

static void
update_window(struct slirp *s, struct tcpcb *t, const struct tcp_in *in)
{
	if (!SEQ_LT(t->snd_wl1, in->seq) && !(t->snd_wl1 == in->seq &&
	    SEQ_LEQ(t->snd_wl2, in->ack)))
		return;
	t->snd_wl1 = in->seq;
	t->snd_wl2 = in->ack;
	if (in->wnd != t->snd_wnd && in->wnd > 0) {
		t->x->t_persist = 0;
		t->persists = 0;
		if (t->snd_wnd == 0)
			t->progress = s->now;
	}
	t->snd_wnd = in->wnd;
	if (t->snd_wnd > t->max_wnd)
		t->max_wnd = t->snd_wnd;
	if (t->snd_wnd == 0 && t->x->seg_n == 0 && t->f.readable &&
	    t->x->t_persist == 0)
		t->x->t_persist = s->now + t->rto;
}

/* The guest's ACK of the SYN-ACK. */
void
tcp_established(struct slirp *s, struct tcpcb *t, const struct tcp_in *in)
{
	t->state = TCPS_ESTABLISHED;
	t->snd_una = in->ack;
	t->snd_wnd = t->max_wnd = in->wnd;
	t->snd_wl1 = in->seq;
	t->snd_wl2 = in->ack;
	t->x->t_rexmt = 0;
	if (t->backoff == 0 && !t->syn_again && in->p->time > t->progress)
		cc_rtt(t, in->p->time - t->progress, s->now);
	t->backoff = 0;
	t->progress = s->now;
	if (!t->dialing)
		t->t_keep = s->now + TCP_KEEP_IDLE;
	s->count.tcp_established++;
	/* the host may have spoken first, and then said so */
	flow_ready(s, &t->f);
}

/* Returns 0 if the flow is gone or the segment has been dealt with. */
static int
input_ack(struct slirp *s, struct tcpcb *t, struct tcp_in *in)
{
	int	 fin;

	if (t->state == TCPS_SYN_RCVD) {
		if (in->ack != t->snd_nxt) {
			tcp_reply_rst(s, in);
			return (0);
		}
		in->wnd <<= t->snd_scale;
		tcp_established(s, t, in);
		return (1);
	}
	in->wnd <<= t->snd_scale;
	/* RFC 5961 5: an ACK of what was never sent, or of long ago */
	if (SEQ_GT(in->ack, t->snd_nxt) ||
	    SEQ_LT(in->ack, t->snd_una - t->max_wnd)) {
		tcp_challenge(s, t);
		return (0);
	}
	if (SEQ_LT(in->ack, t->snd_una))
		return (1);
	fin = tcp_acked(s, t, in);
	update_window(s, t, in);
	if (fin) {
		switch (t->state) {
		case TCPS_FIN_WAIT_1:
			t->state = TCPS_FIN_WAIT_2;
			t->t_keep = s->now + TCP_HALF_IDLE;
			break;
		case TCPS_CLOSING:
		case TCPS_LAST_ACK:
			tcp_done(s, t);
			return (0);
		}
	}
	if (t->rst_after && t->x->seg_n == 0 && !t->f.readable) {
		tcp_abort(s, t);
		return (0);
	}
	if (t->x->seg_lost > 0 || t->f.readable)
		flow_ready(s, &t->f);
	return (1);
}

static void
input_flow(struct slirp *s, struct tcpcb *t, struct tcp_in *in)
{
	if (tcp_wake(s, t) == -1) {
		s->count.ip_drop_budget++;
		return;
	}
	t->f.active = s->now;
	if (s->conf.copy_tos)
		t->f.dscp = in->p->tos & 0xfc;
	if (t->state == TCPS_SYN_SENT) {
		tcp_syn_sent(s, t, in);
		return;
	}
	/* a retransmitted SYN, while the host is not connected or lost ACK */
	if (t->state <= TCPS_SYN_RCVD &&
	    (in->flags & (TH_SYN | TH_ACK | TH_RST)) == TH_SYN &&
	    in->seq == t->irs) {
		if (t->state == TCPS_SYN_RCVD) {
			t->syn_again = 1;
			tcp_send_synack(s, t);
		}
		return;
	}
	if (t->state == TCPS_CONNECTING) {
		if (in->flags & TH_RST && (in->seq == t->rcv_nxt ||
		    in->seq == t->irs)) {
			s->count.tcp_resets_rx++;
			tcp_free(s, t, 1);
		}
		return;
	}
	if (old_timestamp(s, t, in) || !acceptable(t, in)) {
		if (!(in->flags & TH_RST)) {
			if (in->len > 0) {
				s->count.tcp_rx_dup++;
				tcp_note_dup(t, in->seq, in->seq + in->len);
			}
			t->last_rx = s->now;
			t->probes = 0;
			/* its acknowledgement may still be news */
			if (in->flags & TH_ACK && t->state >=
			    TCPS_ESTABLISHED && !(in->flags & TH_SYN) &&
			    SEQ_LT(in->seq, t->rcv_nxt + 1) &&
			    !input_ack(s, t, in))
				return;
			tcp_challenge(s, t);
			tcp_arm(s, t);
		}
		return;
	}
	if (in->flags & TH_RST) {
		if (in->seq == t->rcv_nxt) {
			s->count.tcp_resets_rx++;
			tcp_free(s, t, 1);
		} else
			tcp_challenge(s, t);
		return;
	}
	if (in->flags & TH_SYN) {
		tcp_challenge(s, t);
		return;
	}
	if (t->ts_ok && in->has_ts && SEQ_LEQ(in->seq, t->last_ack))
		t->ts_recent = in->tsval;
	t->last_rx = s->now;
	t->probes = 0;
	if (!(in->flags & TH_ACK) || !input_ack(s, t, in))
		return;
	if ((in->len > 0 || in->flags & TH_FIN) && !t->fin_done)
		tcp_receive(s, t, in);
	tcp_arm(s, t);
}

/* A new SYN for a connection that was never established replaces it. */
static int
reopens(const struct tcpcb *t, const struct tcp_in *in)
{
	return (t->state <= TCPS_SYN_RCVD && t->state != TCPS_SYN_SENT &&
	    t->f.via == VIA_GUEST && in->seq != t->irs &&
	    (in->flags & (TH_SYN | TH_ACK | TH_RST | TH_FIN)) == TH_SYN);
}

void
tcp_input(struct slirp *s, struct ippkt *p)
{
	struct tcp_in	 in;
	struct flow_key	 k;
	struct tcp_tw	*w;
	struct flow	*f;

	if (parse_segment(s, p, &in) == -1)
		return;
	s->count.tcp_rx_segments++;
	flow_key(&k, p->peer, FLOW_TCP, &p->src, in.sport, &p->dst,
	    in.dport);
	f = flow_find(s, &k);
	if (f != NULL && reopens((struct tcpcb *)f, &in)) {
		tcp_free(s, (struct tcpcb *)f, 1);
		f = NULL;
	}
	if (f != NULL) {
		input_flow(s, (struct tcpcb *)f, &in);
		return;
	}
	if ((w = tw_find(s, &k)) != NULL && tw_input(s, w, &in))
		return;
	if ((in.flags & (TH_SYN | TH_ACK | TH_RST | TH_FIN)) == TH_SYN)
		tcp_open(s, &in, &k);
	else
		tcp_reply_rst(s, &in);
}

/* The batch is over: everything that got data acts on it. */
void
tcp_flush_dirty(struct slirp *s)
{
	struct tcpcb	*t;

	while ((t = TAILQ_FIRST(&s->dirty)) != NULL)
		tcp_flush(s, t);
	s->nrxitems = 0;
}

/* A guest that does not answer any more is gone.  Returns 0 if it is. */
static int
keepalive(struct slirp *s, struct tcpcb *t)
{
	int	 half = t->host_eof || t->fin_done;
	mono_t	 idle = half ? TCP_HALF_IDLE : TCP_KEEP_IDLE;

	if (s->now - t->last_rx < idle && t->probes == 0) {
		t->t_keep = t->last_rx + idle;
		return (1);
	}
	if (t->probes >= (half ? HALF_PROBES : KEEP_PROBES)) {
		s->count.tcp_timeouts++;
		tcp_abort(s, t);
		return (0);
	}
	t->probes++;
	tcp_send_probe(s, t);
	t->t_keep = s->now + (half ? HALF_INTERVAL : KEEP_INTERVAL);
	return (1);
}

static int
rexmt_timer(struct slirp *s, struct tcpcb *t)
{
	t->x->t_rexmt = 0;
	if (t->state == TCPS_SYN_SENT)
		return (tcp_syn_timeout(s, t));
	if (t->state == TCPS_SYN_RCVD) {
		if (++t->backoff > SYNACK_TRIES) {
			s->count.tcp_timeouts++;
			tcp_free(s, t, 1);
			return (0);
		}
		s->count.tcp_retransmits++;
		tcp_send_synack(s, t);
		t->x->t_rexmt = s->now + (t->rto << t->backoff);
		return (1);
	}
	/* a guest that keeps its window closed is there, if it says so */
	if (s->now - t->progress > MONO_SEC(s->conf.tcp.idle_fail) &&
	    (t->snd_wnd > 0 || s->now - t->last_rx > TCP_USER_TIMEOUT)) {
		s->count.tcp_timeouts++;
		tcp_abort(s, t);
		return (0);
	}
	tcp_rexmt_timeout(s, t);
	return (1);
}

static int
is_due(mono_t *t, mono_t now)
{
	if (*t == 0 || *t > now)
		return (0);
	*t = 0;
	return (1);
}

void
tcp_timer(struct slirp *s, struct flow *f)
{
	struct tcpcb	*t = (struct tcpcb *)f;
	mono_t		 doze;

	if (tcp_wake(s, t) == -1) {
		flow_schedule(s, f, s->now + MONO_SEC(1));
		return;
	}
	if (t->state == TCPS_CONNECTING) {
		if (is_due(&t->t_keep, s->now)) {
			s->count.tcp_timeouts++;
			tcp_free(s, t, 1);
			return;
		}
		/* fast dial: the guest does not wait for the host */
		if (is_due(&t->x->t_delack, s->now)) {
			t->dialing = t->host_full = 1;
			tcp_answer_syn(s, t);
		}
		tcp_arm(s, t);
		return;
	}
	if (t->dialing && is_due(&t->t_keep, s->now)) {
		s->count.tcp_timeouts++;
		tcp_abort(s, t);
		return;
	}
	if (is_due(&t->x->t_rexmt, s->now) && !rexmt_timer(s, t))
		return;
	if (is_due(&t->x->t_persist, s->now) && t->snd_wnd < t->mss &&
	    t->x->seg_n == 0 && f->readable) {
		if (t->persists > 0 &&
		    s->now - t->last_rx > TCP_USER_TIMEOUT) {
			s->count.tcp_timeouts++;
			tcp_abort(s, t);
			return;
		}
		tcp_send_probe(s, t);
		if (t->persists < 8)
			t->persists++;
		t->x->t_persist = t->rto << t->persists;
		if (t->x->t_persist > PERSIST_MAX)
			t->x->t_persist = PERSIST_MAX;
		t->x->t_persist += s->now;
	}
	if (is_due(&t->x->t_delack, s->now))
		tcp_send_ack(s, t);
	if (is_due(&t->x->t_rate, s->now)) {
		/* the rate of the peer allows it again; may end the flow */
		t->host_full = 0;
		tcp_flush(s, t);
		return;
	}
	if (is_due(&t->x->t_reo, s->now))
		tcp_reo_timeout(s, t);
	if (is_due(&t->x->t_tlp, s->now))
		tcp_tlp_timeout(s, t);
	if (is_due(&t->x->t_pace, s->now))
		flow_ready(s, f);
	if (is_due(&t->t_keep, s->now) && !keepalive(s, t))
		return;
	/* a quiet connection is small */
	if ((doze = tcp_doze_at(s, t)) != 0 && doze <= s->now) {
		tcp_doze(s, t);
		flow_schedule(s, f, t->t_keep);
		return;
	}
	tcp_arm(s, t);
}
