/* SPDX-License-Identifier: ISC */

#ifndef WHEEL_H
#define WHEEL_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "mono.h"

/*
 * Hierarchical timer wheel (Varghese and Lauck, 1987): four levels of
 * 256 slots, ticks of one millisecond.  Insertion and removal are O(1).
 * Timers never fire early and less than one tick late, as far as the
 * owner calls wheel_run() in time.
 */
#define WHEEL_LEVELS	4
#define WHEEL_BITS	8
#define WHEEL_SLOTS	(1 << WHEEL_BITS)

struct wheel_timer {
	TAILQ_ENTRY(wheel_timer)	 entry;
	mono_t				 when;	/* 0: not armed */
	uint16_t			 slot;
};
TAILQ_HEAD(wheel_slot, wheel_timer);

typedef void	wheel_fn(void *, struct wheel_timer *, mono_t);

struct wheel {
	struct wheel_slot	 slots[WHEEL_LEVELS * WHEEL_SLOTS];
	uint64_t		 busy[WHEEL_LEVELS * WHEEL_SLOTS / 64];
	uint64_t		 tick;		/* last tick that was run */
	wheel_fn		*fn;
	void			*arg;
	size_t			 count;
};

void	wheel_init(struct wheel *, mono_t, wheel_fn *, void *);
void	wheel_add(struct wheel *, struct wheel_timer *, mono_t);
void	wheel_del(struct wheel *, struct wheel_timer *);
void	wheel_run(struct wheel *, mono_t);
mono_t	wheel_next(struct wheel *);

#endif
