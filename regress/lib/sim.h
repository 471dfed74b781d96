/* SPDX-License-Identifier: ISC */

#ifndef SIM_H
#define SIM_H

/* What the simulators share: a seeded generator, and how they fail. */

#include <sys/types.h>

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "mono.h"

static uint64_t	 sim_seed, sim_state;
static const char	*sim_name;
static mono_t	 (*sim_clock)(void);

static void	 fail(const char *, ...)
		    __attribute__((__noreturn__, __format__(printf, 1, 2)));

static void
fail(const char *fmt, ...)
{
	va_list	 ap;

	printf("FAIL %s: seed %llu at %.6f s: ", sim_name,
	    (unsigned long long)sim_seed, (double)sim_clock() / 1e9);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

static inline void
seed_with(uint64_t seed)
{
	sim_seed = sim_state = seed;
}

/* splitmix64 */
static inline uint64_t
rnd(void)
{
	uint64_t	 z = (sim_state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31));
}

static inline int
chance(int per_mille)
{
	return ((int)(rnd() % 1000) < per_mille);
}

/*
 * Arguments "[first-seed [seeds]]": run() for each of them, and say how
 * many there were.
 */
static inline uint64_t
run_seeds(int argc, char *argv[], void (*run)(uint64_t))
{
	uint64_t	 first = 1, n = 100, seed;

	if (argc > 1)
		first = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		n = strtoull(argv[2], NULL, 10);
	else if (argc > 1)
		n = 1;
	for (seed = first; seed < first + n; seed++)
		run(seed);
	return (n);
}

/* For devices of the protocol: the time of day, and a buffer of chance. */
#define SIM_WALL	1700000000	/* Unix seconds when the clock is 0 */

static inline void
sim_wall(void *arg, struct timespec *ts)
{
	mono_t	 now = sim_clock();

	(void)arg;
	ts->tv_sec = (time_t)(SIM_WALL + now / MONO_SEC(1));
	ts->tv_nsec = (long)(now % MONO_SEC(1));
}

static inline void
sim_random(void *arg, void *p, size_t len)
{
	uint8_t	*b = p;
	size_t	 i;

	(void)arg;
	for (i = 0; i < len; i++)
		b[i] = (uint8_t)rnd();
}

#endif
