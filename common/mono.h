/* SPDX-License-Identifier: ISC */

#ifndef MONO_H
#define MONO_H

#include <stdint.h>
#include <time.h>

/*
 * Time on the monotonic clock, in nanoseconds, and a machine that sleeps grows
 * older: a session that it slept through is over.  0 means "never" or "unset"
 * wherever a point in time is stored.
 */
#ifdef CLOCK_BOOTTIME
#define MONO_CLOCK	CLOCK_BOOTTIME
#else
#define MONO_CLOCK	CLOCK_MONOTONIC
#endif

typedef uint64_t mono_t;

#define MONO_US(n)	((mono_t)(n) * 1000ULL)
#define MONO_MS(n)	((mono_t)(n) * 1000000ULL)
#define MONO_SEC(n)	((mono_t)(n) * 1000000000ULL)

#define MONO_TO_US(t)	((t) / 1000ULL)
#define MONO_TO_MS(t)	((t) / 1000000ULL)
#define MONO_TO_SEC(t)	((t) / 1000000000ULL)

static inline mono_t
mono_now(void)
{
	struct timespec	 ts;

	clock_gettime(MONO_CLOCK, &ts);
	return (MONO_SEC(ts.tv_sec) + (mono_t)ts.tv_nsec);
}

/* Processor time of this process, in microseconds. */
static inline uint64_t
mono_cpu_us(void)
{
	struct timespec	 ts;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts) == -1)
		return (0);
	return (MONO_TO_US(MONO_SEC(ts.tv_sec) + (mono_t)ts.tv_nsec));
}

#endif
