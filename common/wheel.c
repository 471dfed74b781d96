/* SPDX-License-Identifier: ISC */

#include <string.h>

#include "wheel.h"

#define TICK		MONO_MS(1)
#define MASK		(WHEEL_SLOTS - 1)
#define SPAN(level)	(1ULL << (WHEEL_BITS * ((level) + 1)))

/* fn(arg, timer, now) is called for each timer when its time has come. */
void
wheel_init(struct wheel *w, mono_t now, wheel_fn *fn, void *arg)
{
	int	 i;

	memset(w, 0, sizeof(*w));
	for (i = 0; i < WHEEL_LEVELS * WHEEL_SLOTS; i++)
		TAILQ_INIT(&w->slots[i]);
	w->tick = now / TICK;
	w->fn = fn;
	w->arg = arg;
}

/* Due at the current tick at the earliest, which only a cascade may use. */
static void
wheel_link(struct wheel *w, struct wheel_timer *t)
{
	uint64_t	 tick = (t->when + TICK - 1) / TICK;
	int		 level;

	if (tick < w->tick)
		tick = w->tick;
	if (tick - w->tick >= SPAN(WHEEL_LEVELS - 1))
		tick = w->tick + SPAN(WHEEL_LEVELS - 1) - 1;
	for (level = 0; level < WHEEL_LEVELS - 1; level++)
		if (tick - w->tick < SPAN(level))
			break;
	t->slot = level * WHEEL_SLOTS +
	    ((tick >> (WHEEL_BITS * level)) & MASK);
	TAILQ_INSERT_TAIL(&w->slots[t->slot], t, entry);
	w->busy[t->slot / 64] |= 1ULL << (t->slot % 64);
}

static void
wheel_unlink(struct wheel *w, struct wheel_timer *t)
{
	TAILQ_REMOVE(&w->slots[t->slot], t, entry);
	if (TAILQ_EMPTY(&w->slots[t->slot]))
		w->busy[t->slot / 64] &= ~(1ULL << (t->slot % 64));
}

/* Arm or re-arm a timer; its owner keeps it alive until it is deleted. */
void
wheel_add(struct wheel *w, struct wheel_timer *t, mono_t when)
{
	if (t->when != 0)
		wheel_unlink(w, t);
	else
		w->count++;
	if (when <= w->tick * TICK)
		when = w->tick * TICK + 1;
	t->when = when;
	wheel_link(w, t);
}

void
wheel_del(struct wheel *w, struct wheel_timer *t)
{
	if (t->when == 0)
		return;
	wheel_unlink(w, t);
	t->when = 0;
	w->count--;
}

/* Distribute a slot of a higher level over the levels below it. */
static void
wheel_cascade(struct wheel *w, int slot)
{
	struct wheel_slot	 list;
	struct wheel_timer	*t;

	TAILQ_INIT(&list);
	TAILQ_CONCAT(&list, &w->slots[slot], entry);
	w->busy[slot / 64] &= ~(1ULL << (slot % 64));
	while ((t = TAILQ_FIRST(&list)) != NULL) {
		TAILQ_REMOVE(&list, t, entry);
		wheel_link(w, t);
	}
}

static int
wheel_level_empty(const struct wheel *w, int level)
{
	const uint64_t	*b = &w->busy[level * WHEEL_SLOTS / 64];

	return ((b[0] | b[1] | b[2] | b[3]) == 0);
}

/* Fire everything that is due at now. */
void
wheel_run(struct wheel *w, mono_t now)
{
	struct wheel_timer	*t;
	uint64_t		 target = now / TICK, left;
	int			 level, slot;

	while (w->tick < target) {
		if (w->count == 0) {
			w->tick = target;
			return;
		}
		/* nothing on the lowest level: go to its next turn */
		if (wheel_level_empty(w, 0)) {
			left = MASK - (w->tick & MASK);
			if (left > target - w->tick)
				left = target - w->tick;
			w->tick += left;
			if (w->tick == target)
				return;
		}
		w->tick++;
		for (level = 1; level < WHEEL_LEVELS; level++) {
			if ((w->tick & (SPAN(level - 1) - 1)) != 0)
				break;
			wheel_cascade(w, level * WHEEL_SLOTS +
			    ((w->tick >> (WHEEL_BITS * level)) & MASK));
		}
		slot = w->tick & MASK;
		while ((t = TAILQ_FIRST(&w->slots[slot])) != NULL) {
			wheel_del(w, t);
			w->fn(w->arg, t, now);
		}
	}
}

/* Distance from a slot to the first busy one of a level, or -1. */
static int
wheel_first(const uint64_t *b, int from)
{
	int	 i, s;

	for (i = 0; i < WHEEL_SLOTS; i++) {
		s = (from + i) & MASK;
		if (b[s / 64] == 0) {
			i += 63 - (s % 64);
			continue;
		}
		if (b[s / 64] & (1ULL << (s % 64)))
			return (i);
	}
	return (-1);
}

/*
 * When wheel_run() has to be called next; 0 if no timer is armed.  It
 * may be early, when a higher level has to be distributed first.
 */
mono_t
wheel_next(struct wheel *w)
{
	uint64_t	 next, best = 0;
	int		 level, d, from;

	if (w->count == 0)
		return (0);
	for (level = 0; level < WHEEL_LEVELS; level++) {
		from = ((w->tick >> (WHEEL_BITS * level)) + 1) & MASK;
		d = wheel_first(&w->busy[level * WHEEL_SLOTS / 64], from);
		if (d == -1)
			continue;
		next = ((w->tick >> (WHEEL_BITS * level)) + 1 + d) <<
		    (WHEEL_BITS * level);
		if (best == 0 || next < best)
			best = next;
	}
	return (best * TICK);
}
