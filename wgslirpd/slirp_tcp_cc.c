/* SPDX-License-Identifier: ISC */

/*
 * Round-trip time (RFC 6298) and congestion control (RFC 5681, with the
 * byte counting of RFC 3465 and the initial window of RFC 6928).
 */

#include "slirp_tcp.h"

#define IW_SEGS		10
#define CWND_MAX	(TCP_MAX_SEGS * 1024U)

void
cc_init(struct tcpcb *t)
{
	t->cwnd = IW_SEGS * (uint32_t)t->mss;
	t->ssthresh = UINT32_MAX;
	t->rto = TCP_RTO_INIT;
}

/* acked bytes were acknowledged for the first time, outside recovery. */
void
cc_ack(struct tcpcb *t, uint32_t acked)
{
	/* a window that is not used proves nothing (RFC 7661) */
	if (!t->cwnd_limited)
		return;
	if (t->cwnd < t->ssthresh)
		t->cwnd += acked;
	else {
		t->cc_acked += acked;
		if (t->cc_acked >= t->cwnd) {
			t->cc_acked -= t->cwnd;
			t->cwnd += t->mss;
		}
	}
	if (t->cwnd > CWND_MAX)
		t->cwnd = CWND_MAX;
}

static void
halve(struct tcpcb *t)
{
	uint32_t	 flight = t->snd_nxt - t->snd_una;

	t->ssthresh = flight / 2;
	if (t->ssthresh < 2 * (uint32_t)t->mss)
		t->ssthresh = 2 * (uint32_t)t->mss;
	t->cc_acked = 0;
}

/* Loss was found by duplicate or selective acknowledgements. */
void
cc_loss(struct tcpcb *t)
{
	halve(t);
	t->cwnd = t->ssthresh;
}

/* The retransmission timer ran out. */
void
cc_timeout(struct tcpcb *t)
{
	if (t->backoff == 0)
		halve(t);
	t->cwnd = t->mss;
}

/* A round trip was measured on a segment that was sent once. */
void
cc_rtt(struct tcpcb *t, mono_t rtt)
{
	mono_t	 d;

	if (rtt == 0)
		rtt = 1;
	if (t->srtt == 0) {
		t->srtt = rtt;
		t->rttvar = rtt / 2;
	} else {
		d = t->srtt > rtt ? t->srtt - rtt : rtt - t->srtt;
		t->rttvar = (3 * t->rttvar + d) / 4;
		t->srtt = (7 * t->srtt + rtt) / 8;
	}
	d = 4 * t->rttvar;
	if (d < TCP_RTO_MIN)
		d = TCP_RTO_MIN;
	t->rto = t->srtt + d;
	if (t->rto > TCP_RTO_MAX)
		t->rto = TCP_RTO_MAX;
}
