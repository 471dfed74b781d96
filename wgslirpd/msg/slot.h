/* SPDX-License-Identifier: ISC */

#ifndef SLOT_H
#define SLOT_H

#include <stdint.h>

enum proc_id {
	PROC_PARENT,
	PROC_CRYPTO,
	PROC_SLIRP,
	PROC_CONTROL,
	PROC_DERP,		/* only if a relay is configured */
	PROC_WEB,		/* only if there is a page */
	PROC_FILES,		/* and it may change peers' files */
	PROC_MAX
};

/*
 * There may be several pairs of a crypto and a slirp engine, the workers.  Each
 * process has a slot: the first pair's are the numbers above, and those of the
 * others follow.
 */
#define MAX_WORKERS		8
#define PROC_SLOTS		(PROC_MAX + 2 * (MAX_WORKERS - 1))

/* The slot of a process; worker is 0 for all but the two engines. */
static inline int
proc_slot(enum proc_id id, uint32_t worker)
{
	return (worker == 0 ? (int)id : PROC_MAX + 2 * ((int)worker - 1) +
	    (id == PROC_SLIRP));
}

/* What a slot's process is, and of which worker. */
static inline enum proc_id
slot_proc(int slot)
{
	return (slot < PROC_MAX ? (enum proc_id)slot :
	    (slot - PROC_MAX) % 2 ? PROC_SLIRP : PROC_CRYPTO);
}

static inline uint32_t
slot_worker(int slot)
{
	return (slot < PROC_MAX ? 0 : (uint32_t)(slot - PROC_MAX) / 2 + 1);
}

#endif
