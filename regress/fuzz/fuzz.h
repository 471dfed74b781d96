/* SPDX-License-Identifier: ISC */

#ifndef FUZZ_H
#define FUZZ_H

/*
 * A fuzzer is one function over bytes that are anybody's.  They are read as a
 * script: each takes from them what it does next, so that whoever makes them
 * up, libFuzzer or driver.c, can make up sequences.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int	 LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* What must always hold; the fuzzer ends where it does not. */
#define MUST(x)	do {							\
	if (!(x)) {							\
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);	\
		abort();						\
	}								\
} while (0)

struct input {
	const uint8_t	*p;
	size_t		 n;
};

static inline uint8_t
in8(struct input *in)
{
	if (in->n == 0)
		return (0);
	in->n--;
	return (*in->p++);
}

static inline uint16_t
in16(struct input *in)
{
	uint16_t	 hi = in8(in);

	return ((uint16_t)(hi << 8 | in8(in)));
}

static inline uint32_t
in32(struct input *in)
{
	uint32_t	 hi = in16(in);

	return (hi << 16 | in16(in));
}

/* So many bytes, or as many as there are. */
static inline size_t
in_bytes(struct input *in, void *buf, size_t len)
{
	if (len > in->n)
		len = in->n;
	if (len > 0)
		memcpy(buf, in->p, len);
	in->p += len;
	in->n -= len;
	return (len);
}

/* Numbers that are the same in every run. */
static inline uint64_t
fuzz_random(uint64_t *state)
{
	uint64_t	 z = (*state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return (z ^ (z >> 31));
}

#endif
