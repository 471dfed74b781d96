/* SPDX-License-Identifier: ISC */

#ifndef BYTES_H
#define BYTES_H

#include <arpa/inet.h>

#include <stdint.h>
#include <string.h>

/*
 * Numbers in network byte order, wherever they are.  Written whole: of single
 * bytes gcc puts together vectors, by way of memory.
 */
static inline uint16_t
be16(const uint8_t *p)
{
	return ((uint16_t)(p[0] << 8 | p[1]));
}

static inline uint32_t
be32(const uint8_t *p)
{
	return ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3]);
}

static inline void
put16(uint8_t *p, uint32_t v)
{
	uint16_t	 n = htons((uint16_t)v);

	memcpy(p, &n, sizeof(n));
}

static inline void
put32(uint8_t *p, uint32_t v)
{
	v = htonl(v);
	memcpy(p, &v, sizeof(v));
}

#endif
