/* SPDX-License-Identifier: ISC */

#ifndef CCOPS_H
#define CCOPS_H

#include <stdint.h>

#include "mono.h"
#include "tcpconf.h"

struct tcpcb;

/* Time since then; what was noted later counts as now. */
static inline mono_t
mono_since(mono_t now, mono_t then)
{
	return (now > then ? now - then : 0);
}

/* What one acknowledgement told about the path. */
struct cc_sample {
	mono_t		 now;		/* when it was received */
	mono_t		 rtt;		/* of a segment sent once; 0: none */
	uint64_t	 rate;		/* delivered, bytes a second; 0: none */
	uint32_t	 acked;		/* bytes, cumulatively */
	uint32_t	 delivered;	/* bytes, selectively too */
	uint32_t	 lost;		/* bytes found lost by it */
	uint32_t	 prior;		/* delivered when the newest was sent */
	uint32_t	 flight;	/* bytes in the network before it */
	uint8_t		 app_limited;	/* the rate is no more than a bound */
};

/*
 * A congestion control.  It owns cwnd, ssthresh and pace_rate of the
 * connection and t->cc.  ack() is called for every acknowledgement that
 * acknowledges something, after loss was looked for; loss() once when a
 * recovery begins, timeout() when the retransmission timer fires; mark(),
 * which may be NULL, when the path says by ECN that it is full: then it is a
 * loss.
 */
struct cc_ops {
	const char	*name;
	void		 (*init)(struct tcpcb *, mono_t);
	void		 (*ack)(struct tcpcb *, const struct cc_sample *);
	void		 (*loss)(struct tcpcb *, const struct cc_sample *);
	void		 (*timeout)(struct tcpcb *);
	void		 (*mark)(struct tcpcb *, const struct cc_sample *);
	void		 (*recovered)(struct tcpcb *);
	void		 (*idle)(struct tcpcb *, mono_t);
	void		 (*end)(struct tcpcb *);
};

/* Slow start's end before loss (RFC 9406, HyStart++). */
struct hystart {
	mono_t		 last_min;	/* round trips of the last round */
	mono_t		 this_min;
	mono_t		 css_base;
	uint32_t	 round_end;	/* sequence number */
	uint8_t		 samples;
	uint8_t		 css_rounds;	/* 0: not in conservative start */
};

struct cubic {
	double		 w_max;		/* segments */
	double		 k;		/* seconds */
	double		 w_est;		/* what Reno would have */
	mono_t		 epoch;		/* 0: none */
	struct hystart	 hystart;
};

struct bbr {
	/* the model of the path */
	uint64_t	 bw_hi[2];	/* bytes a second: last cycle, this */
	uint64_t	 bw_lo;		/* bound since the last probe */
	uint64_t	 bw_latest;	/* most of this round */
	uint64_t	 share;		/* in the peer's path_bw */
	mono_t		 min_rtt;
	mono_t		 last_rtt;
	mono_t		 max_rtt;	/* lately */
	uint32_t	 inflight_hi;	/* more was too much, bytes */
	uint32_t	 inflight_lo;	/* bound since the last probe */
	uint32_t	 inflight_latest;
	/* rounds */
	uint32_t	 round_at;	/* delivered: the next one begins */
	uint32_t	 rounds;
	uint32_t	 round_lost;	/* bytes */
	uint32_t	 round_full;	/* of them, with a queue on the path */
	uint32_t	 round_delivered;
	uint32_t	 base_loss;	/* without a queue, in 1/65536 */
	uint32_t	 conserve_at;	/* delivered: end of conservation */
	/* what it is doing */
	mono_t		 phase_stamp;
	mono_t		 probe_wait;	/* until the next probe */
	mono_t		 probe_stamp;	/* since the last one */
	mono_t		 probe_done;	/* end of ProbeRTT, 0: not yet */
	uint64_t	 full_bw;
	uint32_t	 probe_rounds;	/* since the last probe */
	uint32_t	 up_rounds;	/* of this probe */
	uint32_t	 up_acks;	/* bytes */
	uint32_t	 prior_cwnd;
	/* aggregation of acknowledgements */
	uint64_t	 extra_bytes;	/* delivered since extra_stamp */
	mono_t		 extra_stamp;
	uint32_t	 extra[2];	/* beyond what bw explains */
	uint8_t		 extra_rounds;
	uint8_t		 mode;
	uint8_t		 full_count;
	uint8_t		 probe_round:1;
	uint8_t		 conserve:1;
	uint8_t		 round_start:1;
	uint8_t		 idle_restart:1;
	uint8_t		 marked:1;	/* by ECN, in this round */
	uint8_t		 advance:1;	/* the filter, at the next round */
	uint8_t		 queued:1;	/* there was a queue in this round */
	uint8_t		 overshot:1;	/* what startup sent is found lost */
};

union cc_state {
	struct hystart	 newreno;
	struct cubic	 cubic;
	struct bbr	 bbr;
};

extern const struct cc_ops	 cc_newreno, cc_cubic, cc_bbr, cc_off;

#endif
