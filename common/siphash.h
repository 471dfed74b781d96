/* SPDX-License-Identifier: ISC */

#ifndef SIPHASH_H
#define SIPHASH_H

#include <sys/types.h>

#include <stdint.h>

#define SIPHASH_KEY_LEN	16

struct siphash_key {
	uint64_t	 k0;
	uint64_t	 k1;
};

uint64_t	 siphash24(const struct siphash_key *, const void *, size_t);

#endif
