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
 * recovery begins, timeout() when the retransmission timer fires.
 */
struct cc_ops {
	const char	*name;
	void		 (*init)(struct tcpcb *, mono_t);
	void		 (*ack)(struct tcpcb *, const struct cc_sample *);
	void		 (*loss)(struct tcpcb *, const struct cc_sample *);
	void		 (*timeout)(struct tcpcb *);
	void		 (*recovered)(struct tcpcb *);
	void		 (*idle)(struct tcpcb *, mono_t);
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

/* Maximum over a sliding window of rounds, in three samples. */
struct maxfilter {
	uint64_t	 v[3];
	uint32_t	 t[3];
};

struct bbr {
	struct maxfilter bw;		/* bytes a second */
	mono_t		 min_rtt;
	mono_t		 min_stamp;
	mono_t		 probe_done;	/* end of ProbeRTT, 0: not yet */
	mono_t		 cycle_stamp;
	uint64_t	 full_bw;
	uint64_t	 extra_bytes;	/* delivered since extra_stamp */
	mono_t		 extra_stamp;
	uint32_t	 extra[2];	/* beyond what bw explains */
	uint32_t	 round_at;	/* delivered: the next round begins */
	uint32_t	 rounds;
	uint32_t	 prior_cwnd;
	uint32_t	 inflight_hi;	/* bound by heavy loss */
	uint32_t	 round_lost;	/* bytes, this round */
	uint32_t	 round_delivered;
	uint32_t	 conserve_at;	/* delivered: end of conservation */
	uint8_t		 mode;
	uint8_t		 full_count;
	uint8_t		 cycle;
	uint8_t		 extra_rounds;
	uint8_t		 probe_round:1;
	uint8_t		 conserve:1;
	uint8_t		 in_recovery:1;
	uint8_t		 round_start:1;
	uint8_t		 idle_restart:1;
};

union cc_state {
	struct hystart	 newreno;
	struct cubic	 cubic;
	struct bbr	 bbr;
};

extern const struct cc_ops	 cc_newreno, cc_cubic, cc_bbr, cc_off;

#endif
