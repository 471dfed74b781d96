/* SPDX-License-Identifier: ISC */

#ifndef BUCKET_H
#define BUCKET_H

#include "mono.h"

/*
 * A token bucket as one point in time (the generic cell rate algorithm):
 * when everything that was taken will have been earned.  Rates are units
 * a second and more than 0; a bucket of zeros is full.
 */
struct bucket {
	mono_t	 paid;
};

/* Take n units, whether they are there or not. */
static inline void
bucket_charge(struct bucket *b, mono_t now, uint64_t rate, uint64_t n)
{
	if (b->paid < now)
		b->paid = now;
	b->paid += n * 1000000000ULL / rate;
}

/* Is there anything in it, with so many units that may be saved up? */
static inline int
bucket_open(const struct bucket *b, mono_t now, uint64_t rate,
    uint64_t burst)
{
	return (b->paid <= now + burst * 1000000000ULL / rate);
}

/* When there will be something in it. */
static inline mono_t
bucket_when(const struct bucket *b, uint64_t rate, uint64_t burst)
{
	mono_t	 saved = burst * 1000000000ULL / rate;

	return (b->paid > saved ? b->paid - saved : 0);
}

/* Take one unit if it is there.  Returns whether it was. */
static inline int
bucket_take(struct bucket *b, mono_t now, uint64_t rate, uint64_t burst)
{
	if (!bucket_open(b, now, rate, burst - 1))
		return (0);
	bucket_charge(b, now, rate, 1);
	return (1);
}

#endif
