/* SPDX-License-Identifier: ISC */

#ifndef TCPCB_H
#define TCPCB_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "ccops.h"
#include "seq.h"
#include "siphash.h"
#include "peer.h"
#include "zone.h"

/*
 * A connection.  What it needs only while data flows is in struct tcp_xfer,
 * which a quiet one has not.
 */
#define TCP_MSS_DEFAULT	536
#define TCP_TS_LEN	12		/* timestamps option with padding */
#define TCP_TS_UNIT	MONO_MS(1)
#define TCP_RTO_INIT	MONO_SEC(1)
#define TCP_RTO_MIN	MONO_MS(200)
#define TCP_RTO_MAX	MONO_SEC(60)
#define TCP_GUEST_TIMEOUT	MONO_SEC(900)	/* closed windows */
#define TCP_KEEP_IDLE	MONO_SEC(7440)		/* RFC 5382 REQ-5 */
#define TCP_HALF_IDLE	MONO_SEC(300)	/* one direction has ended */
#define TCP_ORPHAN_TIME	MONO_SEC(10)	/* for the host's end, at the last */
#define TCP_ORPHAN_READ	262144	/* bytes of it, for nobody */
#define TCP_ORPHAN_MAX	MONO_SEC(600)	/* without a byte taken */
#define TCP_DOZE_NEW	MONO_SEC(1)	/* if there was none */
struct rxitem;
struct tcp_rcvq;
struct tseg;
struct tw_table;

enum tcp_state {
	TCPS_CONNECTING,	/* SYN seen, host connect under way */
	TCPS_SYN_SENT,		/* a client of the host asked for it */
	TCPS_SYN_RCVD,
	TCPS_ESTABLISHED,
	TCPS_FIN_WAIT_1,
	TCPS_FIN_WAIT_2,
	TCPS_CLOSE_WAIT,
	TCPS_CLOSING,
	TCPS_LAST_ACK,
	TCPS_ORPHAN		/* the guest is gone, the host gets the rest */
};

enum tcp_recovery {
	TCPR_NONE,
	TCPR_FAST,		/* by duplicate ACKs or SACK */
	TCPR_TIMEOUT		/* slow start over what was lost */
};

/* One that is quiet has none of this: it would be old when it is needed. */
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
	uint32_t		 seg_parked;	/* their data is in parked */
	uint32_t		 park_seq;	/* of its first byte */
	uint32_t		 park_len;
	uint8_t			*parked;	/* NULL: nothing is */

	uint32_t		 recover;
	uint32_t		 cwnd;
	uint32_t		 ssthresh;
	uint32_t		 cc_acked;
	uint32_t		 sacked;	/* bytes */
	uint32_t		 lost;		/* bytes, not yet sent again */
	uint32_t		 fack;		/* end of the highest arrived */
	uint32_t		 scan;		/* loss is marked up to here */
	uint32_t		 again;		/* and of retransmissions */
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
	uint32_t		 ecn_end;	/* one answer to marks until then */
	struct tcp_range	 dsack;		/* to be told; equal: none */
	struct tcp_range	 sack_seen[TCP_SACK_BLOCKS];

	uint32_t		 tune_seq;
	uint32_t		 rx_head;	/* rxitem index + 1 */
	uint32_t		 rx_tail;
	uint32_t		 rx_len;
	uint32_t		 unread;	/* of the host, thrown away */

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
	mono_t			 rcv_rtt, rcv_rtt_at;	/* receiver's, 0: none */
	uint32_t		 rcv_tsecr;	/* the last that told it */
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
	uint8_t			 backlog;	/* the last turn left data */
};

struct tcpcb {
	struct flow		 f;
	struct tcp_xfer		*x;		/* NULL: it is quiet */
	struct tcp_rcvq		*rq;
	const struct cc_ops	*ccops;
	struct path		*path;		/* the peer's, or its own */
	struct tcpcb		*other;		/* half behind an uplink; splice.h */
	int			 other_end;	/* errno, or how that ended */

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
	uint8_t			 quiet;		/* keepalives that were answered */
	uint8_t			 rx_segs;	/* since the last ACK */
	uint8_t			 sack_ok:1;
	uint8_t			 ts_ok:1;
	uint8_t			 dirty:1;
	uint8_t			 ack_now:1;
	uint8_t			 fin_rcvd:1;	/* fin_seq is valid */
	uint8_t			 fin_in:1;	/* and all before it */
	uint8_t			 fin_done:1;	/* shut down the host side */
	uint8_t			 fin_sent:1;
	uint8_t			 fin_acked:1;
	uint8_t			 host_eof:1;
	uint8_t			 host_full:1;	/* wait for writability */
	uint8_t			 host_dead:1;	/* takes nothing any more */
	uint8_t			 rst_after:1;	/* reset when all is acked */
	uint8_t			 recovery:2;	/* enum tcp_recovery */
	uint8_t			 cwnd_limited:1;
	uint8_t			 wnd_limited:1;	/* by the guest's */
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
	uint8_t			 ecn_ok:1;	/* RFC 3168, both sides */
	uint8_t			 ecn_echo:1;	/* to be told: marked data came */
	uint8_t			 cwr_owed:1;	/* and that we have heard it */
};

/* What all connections share. */
struct tcp_engine {
	struct rxitem		*rxitems;	/* of this batch */
	uint32_t		 nrxitems;
	TAILQ_HEAD(, tcpcb)	 dirty;		/* got data this batch */
	struct tw_table		*tw;
	mono_t			 doze;		/* pause before TCP is quiet */
	struct zone		 xfers;
	uint64_t		 rcvbuf;	/* bytes, all flows */
	struct siphash_key	 isnkey;
};

/* The timestamp of a time. */
static inline uint32_t
tcp_ts(const struct tcpcb *t, mono_t at)
{
	return ((uint32_t)(at / TCP_TS_UNIT) + t->ts_offset);
}

/* Bytes believed to be in the network (RFC 6675). */
static inline uint32_t
tcp_pipe(const struct tcpcb *t)
{
	uint32_t	 out = t->snd_nxt - t->snd_una, less;

	less = t->x->sacked + t->x->lost;
	if (!t->sack_ok)
		less += (uint32_t)t->dupacks * t->mss;
	return (less < out ? out - less : 0);
}

#endif
