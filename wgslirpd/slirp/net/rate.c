/* SPDX-License-Identifier: ISC */

#include "rate.h"

#define RATE_WAIT	MONO_MS(500)	/* TCP is waiting still */

/* Where TCP waits for the rate, too, each has its part. */
int
rate_over(struct slirp *s, struct slirp_peer *p, size_t len)
{
	uint64_t	 part = p->rate_in / 4;

	if (p->rate_in == 0)
		return (0);
	if (!bucket_open(&p->in_dgrams, s->now, part, rate_burst(part)) &&
	    (s->now - p->in_wait < RATE_WAIT ||
	    !rate_open(&p->in, s->now, p->rate_in))) {
		s->count.udp_drop_rate++;
		return (1);
	}
	rate_charge(&p->in_dgrams, s->now, part, len);
	rate_charge(&p->in, s->now, p->rate_in, len);
	return (0);
}
