/* SPDX-License-Identifier: ISC */

#ifndef SIDES_H
#define SIDES_H

#include <stdint.h>

#define STEER_MAX	512	/* sessions that the kernel knows */

/* Sessions, by their indices as big-endian numbers, which ascend. */
enum steer_kind {
	STEER_HEAVY,			/* their peers send much */
	STEER_LITTLE,
	STEER_KINDS
};

struct steer_msg {
	uint32_t	 many;		/* more than STEER_MAX: none follow */
	uint32_t	 n[STEER_KINDS];
	uint32_t	 index[STEER_MAX];	/* one kind behind the other */
};

/*
 * The worker, of so many, that has made an index, as a big-endian number: it is
 * in the upper bits of its last byte.
 */
#define WORKER_SHIFT	5
static inline uint32_t
index_worker(uint32_t index, uint32_t workers)
{
	return (((index & 0xff) >> WORKER_SHIFT) % workers);
}

/* Sockets beside one that takes the data of sessions. */
enum steer_side {
	STEER_HANDSHAKE,
	STEER_UNKNOWN,			/* data of sessions there are not */
	STEER_LIGHT,			/* peers that send little */
	STEER_JUNK,			/* nobody reads it: it is full */
	STEER_SIDES
};

/*
 * One socket for junk is enough: in its place the other workers have theirs for
 * the data of sessions.
 */
#define STEER_OWN	STEER_JUNK

#endif
