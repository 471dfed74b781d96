/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <string.h>

#include "blake2s.h"

#define ROUNDS	10

/* RFC 7693 2.6 */
static const uint32_t	 iv[8] = {
	0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
	0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
};

/* RFC 7693 2.7 */
static const uint8_t	 sigma[ROUNDS][16] = {
	{ 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 },
	{ 14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3 },
	{ 11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4 },
	{ 7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8 },
	{ 9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13 },
	{ 2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9 },
	{ 12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11 },
	{ 13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10 },
	{ 6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5 },
	{ 10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0 }
};

static uint32_t
rotr(uint32_t x, int n)
{
	return (x >> n | x << (32 - n));
}

static uint32_t
load(const uint8_t *p)
{
	return ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24);
}

/* RFC 7693 3.1 */
static void
mix(uint32_t v[16], int a, int b, int c, int d, uint32_t x, uint32_t y)
{
	v[a] += v[b] + x;
	v[d] = rotr(v[d] ^ v[a], 16);
	v[c] += v[d];
	v[b] = rotr(v[b] ^ v[c], 12);
	v[a] += v[b] + y;
	v[d] = rotr(v[d] ^ v[a], 8);
	v[c] += v[d];
	v[b] = rotr(v[b] ^ v[c], 7);
}

/* One block, the last one or not (RFC 7693 3.2). */
static void
compress(struct blake2s *s, const uint8_t block[BLAKE2S_BLOCK], int last)
{
	uint32_t	 v[16], m[16];
	const uint8_t	*o;
	int		 i;

	for (i = 0; i < 16; i++)
		m[i] = load(block + 4 * i);
	memcpy(v, s->h, sizeof(s->h));
	memcpy(v + 8, iv, sizeof(iv));
	v[12] ^= (uint32_t)s->total;
	v[13] ^= (uint32_t)(s->total >> 32);
	if (last)
		v[14] = ~v[14];
	for (i = 0; i < ROUNDS; i++) {
		o = sigma[i];
		mix(v, 0, 4, 8, 12, m[o[0]], m[o[1]]);
		mix(v, 1, 5, 9, 13, m[o[2]], m[o[3]]);
		mix(v, 2, 6, 10, 14, m[o[4]], m[o[5]]);
		mix(v, 3, 7, 11, 15, m[o[6]], m[o[7]]);
		mix(v, 0, 5, 10, 15, m[o[8]], m[o[9]]);
		mix(v, 1, 6, 11, 12, m[o[10]], m[o[11]]);
		mix(v, 2, 7, 8, 13, m[o[12]], m[o[13]]);
		mix(v, 3, 4, 9, 14, m[o[14]], m[o[15]]);
	}
	for (i = 0; i < 8; i++)
		s->h[i] ^= v[i] ^ v[i + 8];
	explicit_bzero(v, sizeof(v));
	explicit_bzero(m, sizeof(m));
}

void
blake2s_init(struct blake2s *s, size_t outlen, const void *key, size_t keylen)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->h, iv, sizeof(iv));
	s->h[0] ^= 0x01010000 ^ (uint32_t)keylen << 8 ^ (uint32_t)outlen;
	s->outlen = outlen;
	if (keylen > 0) {
		memcpy(s->buf, key, keylen);
		s->used = BLAKE2S_BLOCK;
	}
}

void
blake2s_update(struct blake2s *s, const void *data, size_t len)
{
	const uint8_t	*p = data;
	size_t		 n;

	while (len > 0) {
		/* a full block may be the last one, until more comes */
		if (s->used == BLAKE2S_BLOCK) {
			s->total += BLAKE2S_BLOCK;
			compress(s, s->buf, 0);
			s->used = 0;
		}
		n = BLAKE2S_BLOCK - s->used < len ? BLAKE2S_BLOCK - s->used :
		    len;
		memcpy(s->buf + s->used, p, n);
		s->used += n;
		p += n;
		len -= n;
	}
}

void
blake2s_final(struct blake2s *s, uint8_t *out)
{
	size_t	 i;

	s->total += s->used;
	memset(s->buf + s->used, 0, BLAKE2S_BLOCK - s->used);
	compress(s, s->buf, 1);
	for (i = 0; i < s->outlen; i++)
		out[i] = (uint8_t)(s->h[i / 4] >> 8 * (i % 4));
	explicit_bzero(s, sizeof(*s));
}
