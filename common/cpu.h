/* SPDX-License-Identifier: ISC */

#ifndef CPU_H
#define CPU_H

#include <sys/types.h>

#include <stdint.h>

/*
 * CPU_CLONES before a function: have it compiled for several kinds of the
 * processor, where compiler and C library can choose among them.
 */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__)
#define CPU_CLONES	__attribute__((target_clones("avx2", "default"), \
			    optimize("O3")))
#else
#define CPU_CLONES
#endif

#define CPU_LINE	64	/* bytes that come together, or fewer */

/* Ask early for n bytes at p, which another core may have. */
static inline void
cpu_want(const uint8_t *p, size_t n)
{
	size_t	 i;

	for (i = 0; i < n; i += CPU_LINE)
		__builtin_prefetch(p + i);
}

#endif
