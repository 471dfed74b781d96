/* SPDX-License-Identifier: ISC */

#ifndef RATE_H
#define RATE_H

#include <stddef.h>
#include <stdint.h>

#include "bucket.h"
#include "peer.h"

/*
 * What a peer's rate lets save up, in bytes: 50 ms of it, which is about
 * how late this process may be when others want the processor, too.
 */
static inline uint64_t
rate_burst(uint64_t rate)
{
	return (rate / 20 > 4096 ? rate / 20 : 4096);
}

/*
 * Take bytes from a peer's bucket.  The debt ends at four bursts, so that
 * what cannot wait, as acknowledgements, does not silence the rest.
 */
static inline void
rate_charge(struct bucket *b, mono_t now, uint64_t rate, uint64_t n)
{
	mono_t	 most = now + 4 * rate_burst(rate) * 1000000000ULL / rate;

	bucket_charge(b, now, rate, n);
	if (b->paid > most)
		b->paid = most;
}

static inline int
rate_open(const struct bucket *b, mono_t now, uint64_t rate)
{
	return (rate == 0 || bucket_open(b, now, rate, rate_burst(rate)));
}

/*
 * Does the peer's rate not allow it to send a datagram of len bytes?  It
 * is counted as dropped then.
 */
int		 rate_over(struct slirp *, struct slirp_peer *, size_t);

#endif
