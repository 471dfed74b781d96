/* SPDX-License-Identifier: ISC */

/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): the keyed hash of tables
 * whose keys a remote chooses, and of initial sequence numbers (RFC
 * 6528).  libcrypto has it only behind EVP_MAC, which costs an
 * allocation and some 300 ns for each packet's lookup.
 */

#include <sys/types.h>

#include <endian.h>
#include <string.h>

#include "siphash.h"

#define ROTL(x, b)	((x) << (b) | (x) >> (64 - (b)))

#define SIPROUND do {							\
	v0 += v1; v1 = ROTL(v1, 13); v1 ^= v0; v0 = ROTL(v0, 32);	\
	v2 += v3; v3 = ROTL(v3, 16); v3 ^= v2;				\
	v0 += v3; v3 = ROTL(v3, 21); v3 ^= v0;				\
	v2 += v1; v1 = ROTL(v1, 17); v1 ^= v2; v2 = ROTL(v2, 32);	\
} while (0)

uint64_t
siphash24(const struct siphash_key *key, const void *data, size_t len)
{
	const uint8_t	*p = data;
	uint64_t	 v0 = 0x736f6d6570736575ULL ^ key->k0;
	uint64_t	 v1 = 0x646f72616e646f6dULL ^ key->k1;
	uint64_t	 v2 = 0x6c7967656e657261ULL ^ key->k0;
	uint64_t	 v3 = 0x7465646279746573ULL ^ key->k1;
	uint64_t	 m, last = (uint64_t)len << 56;
	size_t		 i, n = len / 8;

	for (i = 0; i < n; i++, p += 8) {
		memcpy(&m, p, sizeof(m));
		m = le64toh(m);
		v3 ^= m;
		SIPROUND;
		SIPROUND;
		v0 ^= m;
	}
	for (i = 0; i < len % 8; i++)
		last |= (uint64_t)p[i] << (8 * i);
	v3 ^= last;
	SIPROUND;
	SIPROUND;
	v0 ^= last;
	v2 ^= 0xff;
	SIPROUND;
	SIPROUND;
	SIPROUND;
	SIPROUND;
	return (v0 ^ v1 ^ v2 ^ v3);
}
