/* SPDX-License-Identifier: ISC */

#ifndef CPU_H
#define CPU_H

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

#endif
