/* SPDX-License-Identifier: ISC */

#ifndef NAP_H
#define NAP_H

#include <stdint.h>

#include "mono.h"

/*
 * How a busy engine waits.  Waking up for every few packets costs more
 * than handling them, so while traffic flows it naps for a moment instead
 * of sleeping until something happens; what came meanwhile is a batch.
 * The doorbell wakes it for what is urgent.  Without traffic it sleeps for
 * real, and a single packet never waits.
 */
#define NAP_LEAST	MONO_US(40)
#define NAP_PACKET	MONO_US(4)	/* more for each of the last round */
#define NAP_MOST	MONO_US(160)
#define NAP_TRAFFIC	4	/* packets a round that mean traffic */
#define NAP_ROUNDS	8	/* empty ones before it sleeps again */

struct nap {
	int		 rounds;	/* left */
	mono_t		 time;
};

int		 nap_wanted(struct nap *, uint64_t);
void		 nap_take(const struct nap *, int);

#endif
