/* SPDX-License-Identifier: ISC */

#ifndef SLIRP_TCP_H
#define SLIRP_TCP_H

#include "slirp.h"
#include "cc.h"

#define TH_FIN		0x01
#define TH_SYN		0x02
#define TH_RST		0x04
#define TH_PSH		0x08
#define TH_ACK		0x10

#define TCP_HDR		20
#define TCP_MSS_DEFAULT	536
#define TCP_TS_LEN	12		/* timestamps option with padding */
#define TCP_MAX_SEGS	4096		/* in a send queue */
#define TCP_MAX_SMALL	32		/* short ones among them */
#define TCP_RANGES	32		/* out of order, a flow */
#define TCP_SACK_BLOCKS	4

#define TCP_TS_UNIT	MONO_MS(1)
#define TCP_RTO_INIT	MONO_SEC(1)
#define TCP_RTO_MIN	MONO_MS(200)
#define TCP_RTO_MAX	MONO_SEC(60)
#define TCP_USER_TIMEOUT	MONO_SEC(120)	/* closed windows */
#define TCP_KEEP_IDLE	MONO_SEC(7440)		/* RFC 5382 REQ-5 */
#define TCP_HALF_IDLE	MONO_SEC(60)	/* one direction has ended */
#define TCP_DOZE	MONO_SEC(10)	/* after the last data */
#define TCP_DOZE_NEW	MONO_SEC(1)	/* if there was none */

/* Modular comparison of sequence numbers (RFC 9293 3.4). */
#define SEQ_LT(a, b)	((int32_t)((a) - (b)) < 0)
#define SEQ_LEQ(a, b)	((int32_t)((a) - (b)) <= 0)
#define SEQ_GT(a, b)	((int32_t)((a) - (b)) > 0)
#define SEQ_GEQ(a, b)	((int32_t)((a) - (b)) >= 0)

enum tcp_state {
	TCPS_CONNECTING,	/* SYN seen, host connect under way */
	TCPS_SYN_SENT,		/* a client of the host asked for it */
	TCPS_SYN_RCVD,
	TCPS_ESTABLISHED,
	TCPS_FIN_WAIT_1,
	TCPS_FIN_WAIT_2,
	TCPS_CLOSE_WAIT,
	TCPS_CLOSING,
	TCPS_LAST_ACK
};

enum tcp_recovery {
	TCPR_NONE,
	TCPR_FAST,		/* by duplicate ACKs or SACK */
	TCPR_TIMEOUT		/* slow start over what was lost */
};

/* A segment that was sent and is kept until it is acknowledged. */
struct tseg {
	mono_t		 sent;
	uint32_t	 delivered;	/* of the connection at that time */
	uint32_t	 dtime;		/* us, when that was so */
	uint32_t	 ftime;		/* us, sending of that began */
	uint32_t	 seq;
	uint32_t	 slot;		/* PKTQ_NOSLOT for a bare FIN */
	uint16_t	 len;		/* payload */
	uint16_t	 sum;		/* of the payload, not complemented */
	uint8_t		 flags;
	uint8_t		 rexmits;
};
#define TSEG_SACKED	0x01
#define TSEG_LOST	0x02		/* to be sent again */
#define TSEG_REXMIT	0x04		/* was sent again since */
#define TSEG_FIN	0x08
#define TSEG_APPLIMITED	0x10		/* the host had no more */
#define TSEG_SMALL	0x20		/* counted in seg_small */

struct tcp_range {
	uint32_t	 start;
	uint32_t	 end;
};

/*
 * What could not go to the host at once: in-order data that it did not
 * take, and data that came out of order.  A byte sits at its sequence
 * number modulo size.
 */
struct tcp_rcvq {
	uint8_t			*buf;
	uint32_t		 size;		/* power of two */
	int			 nranges;
	int			 recent;	/* range of the last arrival */
	struct tcp_range	 range[TCP_RANGES];
};

/* Payload of this batch that goes to the host from its packet slot. */
struct rxitem {
	const uint8_t	*data;
	uint32_t	 len;
	uint32_t	 next;		/* index + 1 */
};

/*
 * What a connection needs while data flows.  One that is quiet has none of
 * it: what it knew of the path would be old when it is needed.
 */
struct tcp_xfer {
	TAILQ_ENTRY(tcpcb)	 dirty_entry;
	struct tseg		*segs;		/* ring of seg_cap */
	uint32_t		 seg_cap;	/* power of two, or 0 */
	uint32_t		 seg_head;
	uint32_t		 seg_n;
	uint32_t		 seg_ring;	/* first maybe in the queue */
	uint32_t		 seg_small;	/* short ones */
	uint32_t		 seg_lost;	/* waiting for retransmission */
	uint32_t		 seg_sacked;
	uint32_t		 lost_seq;	/* none is lost before it */

	uint32_t		 recover;
	uint32_t		 cwnd;
	uint32_t		 ssthresh;
	uint32_t		 cc_acked;
	uint32_t		 sacked;	/* bytes */
	uint32_t		 lost;		/* bytes, not yet sent again */
	uint32_t		 fack;		/* end of the highest arrived */
	uint32_t		 scan;		/* loss is marked up to here */
	uint32_t		 newest_seq;
	uint32_t		 delivered;	/* bytes, for ever */
	uint32_t		 app_limited;	/* until so much is delivered */
	uint32_t		 prr_delivered;
	uint32_t		 prr_out;
	uint32_t		 prr_flight;
	uint32_t		 prior_cwnd;	/* before the recovery */
	uint32_t		 prior_ssthresh;
	uint32_t		 undo_rexmits;
	uint32_t		 undo_marker;
	uint32_t		 undo_ts;	/* of the first one */
	uint32_t		 undo_end;	/* and where it ended */
	uint32_t		 dsack_round;
	uint32_t		 tlp_end;
	struct tcp_range	 dsack;		/* to be told; equal: none */
	struct tcp_range	 sack_seen[TCP_SACK_BLOCKS];

	uint32_t		 tune_seq;
	uint32_t		 rx_head;	/* rxitem index + 1 */
	uint32_t		 rx_tail;
	uint32_t		 rx_len;

	mono_t			 newest;	/* sent, of what has arrived */
	mono_t			 rack_rtt;	/* of that */
	mono_t			 min_rtt;
	mono_t			 min_rtt_at;
	mono_t			 delivered_time;
	mono_t			 first_sent;
	mono_t			 last_tx;	/* new data */
	mono_t			 pace_next;
	uint64_t		 pace_rate;	/* bytes a second, 0: any */
	union cc_state		 cc;
	mono_t			 tune_start;
	/* deadlines, 0 if not armed */
	mono_t			 t_rexmt;
	mono_t			 t_persist;
	mono_t			 t_delack;
	mono_t			 t_pace;
	mono_t			 t_reo;
	mono_t			 t_tlp;
	mono_t			 t_rate;
	mono_t			 challenge_sec;
	mono_t			 mtu_asked;	/* whether the guest is there */
	uint16_t		 mtu_tried;	/* smaller, 0: not */
	uint16_t		 challenge_n;
};

struct tcpcb {
	struct flow		 f;
	struct tcp_xfer		*x;		/* NULL: it is quiet */
	struct tcp_rcvq		*rq;
	const struct cc_ops	*ccops;

	uint32_t		 iss;
	uint32_t		 snd_una;
	uint32_t		 snd_nxt;
	uint32_t		 snd_wnd;	/* bytes, scaled */
	uint32_t		 max_wnd;
	uint32_t		 snd_wl1;
	uint32_t		 snd_wl2;

	uint32_t		 irs;
	uint32_t		 rcv_nxt;
	uint32_t		 rcv_adv;	/* right edge told */
	uint32_t		 rcv_wnd;	/* wanted */
	uint32_t		 host_nxt;	/* next byte for the host */
	uint32_t		 last_ack;	/* rcv_nxt last sent */
	uint32_t		 fin_seq;
	uint32_t		 ts_recent;
	uint32_t		 ts_offset;

	mono_t			 srtt;
	mono_t			 rttvar;
	mono_t			 rto;
	mono_t			 progress;	/* snd_una moved, or nothing
						   was outstanding */
	mono_t			 last_rx;
	mono_t			 t_keep;	/* deadline, 0: none */

	uint16_t		 mss;		/* payload we send at most */
	uint16_t		 dupacks;
	uint8_t			 state;
	uint8_t			 snd_scale;
	uint8_t			 rcv_scale;
	uint8_t			 backoff;
	uint8_t			 probes;
	uint8_t			 persists;
	uint8_t			 quickacks;
	uint8_t			 rx_segs;	/* since the last ACK */
	uint8_t			 sack_ok:1;
	uint8_t			 ts_ok:1;
	uint8_t			 dirty:1;
	uint8_t			 ack_now:1;
	uint8_t			 fin_rcvd:1;	/* fin_seq is valid */
	uint8_t			 fin_done:1;	/* shut down the host side */
	uint8_t			 fin_sent:1;
	uint8_t			 host_eof:1;
	uint8_t			 host_full:1;	/* wait for writability */
	uint8_t			 host_dead:1;	/* takes nothing any more */
	uint8_t			 rst_after:1;	/* reset when all is acked */
	uint8_t			 recovery:2;	/* enum tcp_recovery */
	uint8_t			 cwnd_limited:1;
	uint8_t			 reordered:1;	/* the path does that */
	uint8_t			 undo:1;	/* can be undone */
	uint8_t			 dsack_seen:1;
	uint8_t			 tlp_out:1;
	uint8_t			 tlp_rexmit:1;
	uint8_t			 reo_mult;
	uint8_t			 reo_persist;
	uint8_t			 rexmit_now:1;
	uint8_t			 gated:1;	/* the guest is silent */
	uint8_t			 dialing:1;	/* answered, not connected */
	uint8_t			 ws_ok:1;	/* both scale their windows */
	uint8_t			 syn_again:1;	/* its SYN came twice */
};

/* A segment from the guest, taken apart. */
struct tcp_in {
	struct ippkt	*p;
	uint32_t	 seq;
	uint32_t	 ack;
	uint32_t	 wnd;
	uint32_t	 len;		/* payload */
	const uint8_t	*data;
	uint16_t	 sport;
	uint16_t	 dport;
	uint8_t		 flags;
	/* options */
	uint8_t		 has_mss;
	uint8_t		 has_ws;
	uint8_t		 has_sackok;
	uint8_t		 has_ts;
	uint8_t		 ws;
	uint16_t	 mss;
	uint32_t	 tsval;
	uint32_t	 tsecr;
	int		 nsack;
	struct tcp_range sack[TCP_SACK_BLOCKS];
};

static inline struct tseg *
tcp_seg(const struct tcpcb *t, uint32_t i)
{
	return (&t->x->segs[(t->x->seg_head + i) & (t->x->seg_cap - 1)]);
}

/* The timestamp that was sent at a time. */
static inline uint32_t
tcp_ts(const struct tcpcb *t, mono_t at)
{
	return ((uint32_t)(at / TCP_TS_UNIT) + t->ts_offset);
}

/* What a segment takes of the sequence space. */
static inline uint32_t
tcp_seg_size(const struct tseg *g)
{
	return (g->len + ((g->flags & TSEG_FIN) != 0 ? 1U : 0U));
}

/* Bytes that are believed to be in the network (RFC 6675). */
static inline uint32_t
tcp_pipe(const struct tcpcb *t)
{
	uint32_t	 out = t->snd_nxt - t->snd_una, less;

	less = t->x->sacked + t->x->lost;
	if (!t->sack_ok)
		less += (uint32_t)t->dupacks * t->mss;
	return (less < out ? out - less : 0);
}

/* slirp_tcp.c */
void	 tcp_free(struct slirp *, struct tcpcb *, int);
void	 tcp_abort(struct slirp *, struct tcpcb *);
void	 tcp_arm(struct slirp *, struct tcpcb *);
void	 tcp_path_learn(struct slirp *, const struct tcpcb *);
void	 tcp_done(struct slirp *, struct tcpcb *);
void	 tcp_challenge(struct slirp *, struct tcpcb *);
void	 tcp_established(struct slirp *, struct tcpcb *,
	    const struct tcp_in *);

/* slirp_tcp_open.c */
void	 tcp_open(struct slirp *, const struct tcp_in *,
	    const struct flow_key *);
int	 tcp_wake(struct slirp *, struct tcpcb *);
void	 tcp_doze(struct slirp *, struct tcpcb *);
mono_t	 tcp_doze_at(const struct slirp *, const struct tcpcb *);
void	 tcp_answer_syn(struct slirp *, struct tcpcb *);
void	 tcp_connect_event(struct slirp *, struct tcpcb *, int);
void	 tcp_syn_sent(struct slirp *, struct tcpcb *, struct tcp_in *);
int	 tcp_syn_timeout(struct slirp *, struct tcpcb *);
void	 tcp_dial_failed(struct slirp *, struct tcpcb *, int);

/* slirp_tcp_out.c */
void	 tcp_send_ack(struct slirp *, struct tcpcb *);
void	 tcp_send_syn(struct slirp *, struct tcpcb *);
void	 tcp_send_synack(struct slirp *, struct tcpcb *);
void	 tcp_send_rst(struct slirp *, struct tcpcb *);
void	 tcp_send_probe(struct slirp *, struct tcpcb *);
void	 tcp_reply_rst(struct slirp *, const struct tcp_in *);
void	 tcp_reply_ack(struct slirp *, struct slirp_peer *,
	    const struct ipaddr *, uint16_t, const struct ipaddr *, uint16_t,
	    uint32_t, uint32_t);
int	 tcp_output(struct slirp *, struct tcpcb *);
int	 tcp_resend(struct slirp *, struct tcpcb *, uint32_t);
int	 tcp_split(struct slirp *, struct tcpcb *, uint32_t);
int	 tcp_probe_new(struct slirp *, struct tcpcb *);
void	 tcp_arm_rexmt(struct slirp *, struct tcpcb *);
uint32_t tcp_seg_at(const struct tcpcb *, uint32_t);
void	 tcp_seg_pop(struct slirp *, struct tcpcb *);
void	 tcp_free_segs(struct slirp *, struct tcpcb *);

/* slirp_tcp_rcv.c */
void	 tcp_note_dup(struct tcpcb *, uint32_t, uint32_t);
void	 tcp_receive(struct slirp *, struct tcpcb *, const struct tcp_in *);
void	 tcp_flush(struct slirp *, struct tcpcb *);
uint16_t tcp_window(struct tcpcb *);
void	 tcp_rcv_free(struct slirp *, struct tcpcb *);

/* slirp_tcp_loss.c */
int	 tcp_acked(struct slirp *, struct tcpcb *, const struct tcp_in *);
void	 tcp_arm_tlp(struct slirp *, struct tcpcb *);
void	 tcp_tlp_timeout(struct slirp *, struct tcpcb *);
void	 tcp_reo_timeout(struct slirp *, struct tcpcb *);
void	 tcp_rexmt_timeout(struct slirp *, struct tcpcb *);

#endif
