/* SPDX-License-Identifier: ISC */

#ifndef TRIM_H
#define TRIM_H

#include "pktq.h"

/*
 * The memory of packet slots that a burst has used is given back when nobody
 * has needed it for a while.  For the producer of a queue, one in a process.
 */
void	 trim_init(struct pktq *);

/* Once a round: what was used may have to go some day. */
void	 trim_note(void);

#endif
