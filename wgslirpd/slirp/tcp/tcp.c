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

#include "cc.h"
#include "end.h"
#include "error.h"
#include "ip.h"
#include "loss.h"
#include "open.h"
#include "out.h"
#include "output.h"
#include "rate.h"
#include "rcv.h"
#include "rcvq.h"
#include "segment.h"
#include "sendq.h"
#include "table.h"
#include "tcb.h"
#include "tcp.h"
#include "timewait.h"
#include "turns.h"

#define SYNACK_TRIES	5
#define KEEP_INTERVAL	MONO_SEC(75)
#define KEEP_PROBES	9
#define ECN_MASK	3
#define ECN_CE		3
#define IP6_MTU_MIN	1280
#define TCP_DOZE	MONO_SEC(10)	/* after the last data */
#define BACK_APART	MONO_US(200)
#define BACK_FLOWS	8192		/* looked at */
#define HALF_DOUBLES	5	/* of the pause before a probe */
#define PERSIST_MAX	MONO_SEC(60)
#define PAWS_IDLE	MONO_SEC(24ULL * 24 * 3600)
#define IDLE		MONO_SEC(300)	/* then it makes room for others */

static const char *const	 state_names[] = {
	[TCPS_CONNECTING] = "connecting",
	[TCPS_SYN_SENT] = "syn-sent",
	[TCPS_SYN_RCVD] = "syn-received",
	[TCPS_ESTABLISHED] = "established",
	[TCPS_FIN_WAIT_1] = "fin-wait-1",
	[TCPS_FIN_WAIT_2] = "fin-wait-2",
	[TCPS_CLOSE_WAIT] = "close-wait",
	[TCPS_CLOSING] = "closing",
	[TCPS_LAST_ACK] = "last-ack",
	[TCPS_ORPHAN] = "orphan"
};

static const char *
tcp_state_name(const struct flow *f)
{
	return (state_names[((const struct tcpcb *)f)->state]);
}

/* Something happened on the host socket. */
static void
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
	    host_of(s, f)->error(host_arg(s, f), f) != 0) {
		t->host_dead = t->rst_after = 1;
		turns_ready(s, f);
	}
	if (what & HOST_READ && !t->host_eof && !t->rst_after) {
		f->readable = 1;
		if (t->state != TCPS_SYN_RCVD)
			turns_ready(s, f);
	}
	if (what & HOST_WRITE && t->host_full) {
		t->host_full = 0;
		tcp_flush(s, t);
	}
}

/*
 * What the host still sends to a guest that is gone is read and thrown away:
 * a socket that is closed with unread data resets, and takes with it what the
 * host has not received yet.
 */
static int
orphan_ready(struct slirp *s, struct tcpcb *t)
{
	struct iovec	 iov = { s->dgram, DGRAM_MAX };
	ssize_t		 r;

	/* not without end: a guest could download without being there */
	if (t->x->unread >= TCP_ORPHAN_READ) {
		t->f.readable = 0;
		if (t->fin_done)
			tcp_free(s, t, 0);
		return (0);
	}
	r = host_of(s, &t->f)->readv(host_arg(s, &t->f), &t->f, &iov, 1);
	if (r > 0) {
		t->x->unread += (uint32_t)r;
		if (t->f.toward->rate_out != 0)
			rate_charge(&t->f.toward->out, s->now,
			    t->f.toward->rate_out, (uint64_t)r);
	}
	if (r > 0 || (r == -1 && errno == EINTR))
		return (1);
	t->f.readable = 0;
	if (r == 0)
		t->host_eof = 1;
	else if (errno != EAGAIN)
		t->host_dead = 1;
	if (t->host_dead || (t->host_eof && t->fin_done))
		tcp_free(s, t, t->host_dead);
	return (0);
}

/* The flow's turn.  Returns whether it wants another one. */
static int
tcp_ready(struct slirp *s, struct flow *f)
{
	struct tcpcb	*t = (struct tcpcb *)f;
	int		 more;

	if (t->state <= TCPS_SYN_RCVD || t->dialing)
		return (0);
	if (t->state == TCPS_ORPHAN)
		return (orphan_ready(s, t));
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
		t->fin_acked = 1;
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
		turns_ready(s, &t->f);
	return (1);
}

/* RFC 3168 6.1.3: what was marked is told until the guest has heard it. */
static void
note_ecn(struct tcpcb *t, const struct tcp_in *in)
{
	if (in->flags & TH_CWR)
		t->ecn_echo = 0;
	if ((in->p->tos & ECN_MASK) == ECN_CE) {
		t->ecn_echo = 1;
		t->ack_now = 1;
	}
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
			tcp_bereave(s, t);
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
	if (t->ecn_ok && in->len > 0)
		note_ecn(t, in);
	t->last_rx = s->now;
	t->probes = 0;
	if (!(in->flags & TH_ACK) || !input_ack(s, t, in))
		return;
	if ((in->len > 0 || in->flags & TH_FIN) && !t->fin_in)
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

static void
tcp_input(struct slirp *s, struct ippkt *p)
{
	struct tcp_in	 in;
	struct flow_key	 k;
	struct tcp_tw	*w;
	struct flow	*f;
	int		 left;

	if (tcp_parse(s, p, &in) == -1)
		return;
	s->count.tcp_rx_segments++;
	flow_key(&k, p->peer, FLOW_TCP, &p->src, in.sport, &p->dst,
	    in.dport);
	f = flow_find(s, &k);
	if (f != NULL && reopens((struct tcpcb *)f, &in)) {
		tcp_free(s, (struct tcpcb *)f, 1);
		f = NULL;
	}
	left = f != NULL && ((struct tcpcb *)f)->state == TCPS_ORPHAN;
	if (f != NULL && !left) {
		input_flow(s, (struct tcpcb *)f, &in);
		return;
	}
	if ((w = tw_find(s, &k)) != NULL && tw_input(s, w, &in))
		return;
	if (is_uplink(p->peer)) {
		/* nothing listens there */
		if (ipaddr_cmp(&p->dst, &p->peer->own[p->dst.af == 6]) == 0)
			tcp_reply_rst(s, &in);
		return;
	}
	if ((in.flags & (TH_SYN | TH_ACK | TH_RST | TH_FIN)) == TH_SYN) {
		/* the host has not all of the last one yet: it tries again */
		if (!left)
			tcp_open(s, &in, &k);
	} else
		tcp_reply_rst(s, &in);
}

/* A guest that does not answer any more is gone.  Returns 0 if it is. */
static int
keepalive(struct slirp *s, struct tcpcb *t)
{
	mono_t	 idle = TCP_KEEP_IDLE;

	/* both have ended what they had to say, and the guest is gone */
	if (t->f.inside && t->other == NULL && t->host_eof) {
		tcp_abort(s, t);
		return (0);
	}
	/* who answers is asked less and less: it may run on a battery */
	if ((t->host_eof || t->fin_in) && t->quiet < HALF_DOUBLES)
		idle = TCP_HALF_IDLE << t->quiet;

	if (s->now - t->last_rx < idle && t->probes == 0) {
		t->t_keep = t->last_rx + idle;
		return (1);
	}
	if (t->probes >= KEEP_PROBES) {
		tcp_give_up(s, t);
		return (0);
	}
	if (t->probes++ == 0 && t->quiet < HALF_DOUBLES)
		t->quiet++;
	tcp_send_probe(s, t);
	t->t_keep = s->now + KEEP_INTERVAL;
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
	    (t->snd_wnd > 0 || s->now - t->last_rx > TCP_GUEST_TIMEOUT)) {
		tcp_give_up(s, t);
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

/* May end the flow. */
static void
orphan_timer(struct slirp *s, struct tcpcb *t)
{
	if (is_due(&t->x->t_rate, s->now)) {
		t->host_full = 0;
		tcp_flush(s, t);
		return;
	}
	if (is_due(&t->t_keep, s->now)) {
		if (t->fin_done || s->now - t->progress >= TCP_ORPHAN_MAX) {
			tcp_free(s, t, !t->fin_done);
			return;
		}
		t->t_keep = t->progress + TCP_ORPHAN_MAX;
	}
	tcp_arm(s, t);
}

static void
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
			if (t->other_end > 0) {
				tcp_connect_event(s, t, HOST_ERROR);
				return;
			}
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
	if (t->state == TCPS_ORPHAN) {
		orphan_timer(s, t);
		return;
	}
	if (t->dialing && is_due(&t->t_keep, s->now)) {
		s->count.tcp_timeouts++;
		t->host_dead = 1;
		tcp_abort(s, t);
		return;
	}
	if (is_due(&t->x->t_rexmt, s->now) && !rexmt_timer(s, t))
		return;
	if (is_due(&t->x->t_persist, s->now) && t->snd_wnd < t->mss &&
	    t->x->seg_n == 0 && f->readable) {
		if (t->persists > 0 &&
		    s->now - t->last_rx > TCP_GUEST_TIMEOUT) {
			tcp_give_up(s, t);
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
		turns_ready(s, f);
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

/*
 * An ICMP error about a segment of ours.  It is soft (RFC 5927): believed only
 * about what is under way, and it ends no connection that exists.
 */
static void
tcp_told(struct slirp *s, struct flow *f, const struct guest_error *e)
{
	struct tcpcb	*t = (struct tcpcb *)f;
	uint32_t	 hlen, size;

	if (SEQ_LT(e->seq, t->snd_una) || SEQ_GEQ(e->seq, t->snd_nxt))
		return;
	if (t->state == TCPS_SYN_SENT) {
		if (f->src.af == 4 ? e->type == ICMP4_UNREACH &&
		    e->code != 4 : e->type == ICMP6_UNREACH)
			tcp_dial_failed(s, t, EHOSTUNREACH);
		return;
	}
	if (e->mtu == 0 || t->state < TCPS_ESTABLISHED)
		return;
	hlen = (uint32_t)ip_hdr_len(&f->src) + TCP_HDR +
	    (t->ts_ok ? TCP_TS_LEN : 0);
	/* behind an uplink it is the way to one host */
	if (is_uplink(f->toward)) {
		size = f->src.af == 4 ? MTU_MIN : IP6_MTU_MIN;
		size = (e->mtu > size ? e->mtu : size) - hlen;
	} else {
		out_learn_mtu(s, f->toward, f->src.af, e->mtu);
		size = out_mtu(s, f->toward) - hlen;
	}
	if (size < t->mss)
		tcp_shrink(s, t, (uint16_t)size);
}

static void
tcp_kill(struct slirp *s, struct flow *f)
{
	struct tcpcb	*t = (struct tcpcb *)f;

	/* whatever is left of it */
	t->fin_in = 0;
	if (t->state == TCPS_ORPHAN)
		tcp_free(s, t, 1);
	else
		tcp_abort(s, t);
}

static int
tcp_worth(const struct slirp *s, const struct flow *f)
{
	if (tcp_half_open(f))
		return (WORTH_HALF_OPEN);
	return (s->now - f->active >= IDLE ? WORTH_QUIET : WORTH_MUCH);
}

/* What a connection waits for, with a pause that grew, is tried again then. */
static int
hurry(struct tcpcb *t, mono_t at)
{
	if (t->x == NULL || t->state == TCPS_ORPHAN ||
	    t->state == TCPS_CONNECTING || t->dialing)
		return (0);
	if (t->x->t_rexmt > at && t->backoff > 0) {
		if (t->state > TCPS_SYN_RCVD)
			t->backoff = 0;
		t->x->t_rexmt = at;
	} else if (t->x->t_persist > at && t->persists > 0) {
		t->persists = 0;
		t->x->t_persist = at;
	} else if (t->probes > 0) {
		t->probes = 0;
		t->t_keep = at;
	} else
		return (0);
	return (1);
}

/*
 * The guest was silent, asleep or elsewhere, and is heard again: nothing has
 * to wait for the end of a pause that was made for its absence.  A little
 * apart, for a peer may have thousands.
 */
static void
tcp_peer_back(struct slirp *s, struct slirp_peer *p)
{
	struct flow	*f;
	mono_t		 at = s->now + 1;
	uint64_t	 cursor = 0;
	int		 n = 0;

	/* those behind an uplink are not its own */
	for (f = is_uplink(p) ? table_next(s, &cursor) :
	    TAILQ_FIRST(&p->flows); f != NULL; f = is_uplink(p) ?
	    table_next(s, &cursor) : TAILQ_NEXT(f, peer_entry)) {
		/* nobody else waits for that for long */
		if (f->toward != p)
			continue;
		if (n++ == BACK_FLOWS)
			break;
		if (f->type != FLOW_TCP || !hurry((struct tcpcb *)f, at))
			continue;
		s->count.tcp_hurried++;
		tcp_arm(s, (struct tcpcb *)f);
		at += BACK_APART;
	}
	tw_back(s, p);
}

static void
tcp_engine_free(struct slirp *s)
{
	if (s->tcp == NULL)
		return;
	tw_fini(s);
	zone_fini(&s->tcp->xfers);
	free(s->tcp->rxitems);
	free(s->tcp);
	s->tcp = NULL;
}

static const struct flow_ops	 tcp_flow = {
	.ipproto = { IPPROTO_TCP, IPPROTO_TCP },
	.event = tcp_event,
	.ready = tcp_ready,
	.timer = tcp_timer,
	.kill = tcp_kill,
	.worth = tcp_worth,
	.state = tcp_state_name,
	.told = tcp_told
};

static const struct proto_ops	 tcp_proto = {
	.input = tcp_input,
	.batch_end = tcp_batch_end,
	.expire = tw_expire,
	.drop_peer = tw_drop_peer,
	.peer_back = tcp_peer_back,
	.free = tcp_engine_free
};

int
tcp_register(struct slirp *s, const struct siphash_key *seed)
{
	struct siphash_key	 key[2];

	if ((s->tcp = calloc(1, sizeof(*s->tcp))) == NULL)
		return (-1);
	if (seed != NULL)
		key[0] = key[1] = *seed;
	else
		arc4random_buf(key, sizeof(key));
	s->tcp->isnkey = key[0];
	s->tcp->doze = TCP_DOZE;
	zone_init(&s->tcp->xfers, sizeof(struct tcp_xfer));
	if (tw_init(s, &key[1]) == -1 || rcv_init(s) == -1)
		return (-1);
	flow_register(s, FLOW_TCP, &tcp_flow);
	ip_register(s, 4, IPPROTO_TCP, &tcp_proto);
	ip_register(s, 6, IPPROTO_TCP, &tcp_proto);
	return (0);
}
