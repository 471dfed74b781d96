/* SPDX-License-Identifier: ISC */

/*
 * The Internet checksum (RFC 1071).  Sums are kept in native byte order,
 * 32 bits wide and unfolded, so that parts can be added up; cksum_fold()
 * makes the field's value of it, also in native order.
 */

#include <sys/types.h>
#include <arpa/inet.h>

#include <string.h>

#include "slirp.h"

/* Add len bytes to a sum.  Every part but the last has an even length. */
uint32_t
cksum_add(const void *data, size_t len, uint32_t sum)
{
	const uint8_t	*p = data;
	uint64_t	 acc = sum, acc2 = 0, a, b, c, d;
	uint32_t	 w;
	uint16_t	 h;

	/* 32-bit halves cannot overflow 64 bits within a packet */
	while (len >= 32) {
		memcpy(&a, p, 8);
		memcpy(&b, p + 8, 8);
		memcpy(&c, p + 16, 8);
		memcpy(&d, p + 24, 8);
		acc += (a & 0xffffffff) + (a >> 32);
		acc2 += (b & 0xffffffff) + (b >> 32);
		acc += (c & 0xffffffff) + (c >> 32);
		acc2 += (d & 0xffffffff) + (d >> 32);
		p += 32;
		len -= 32;
	}
	acc += acc2;
	while (len >= 4) {
		memcpy(&w, p, 4);
		acc += w;
		p += 4;
		len -= 4;
	}
	if (len >= 2) {
		memcpy(&h, p, 2);
		acc += h;
		p += 2;
		len -= 2;
	}
	if (len > 0) {
		h = 0;
		memcpy(&h, p, 1);
		acc += h;
	}
	acc = (acc & 0xffffffff) + (acc >> 32);
	acc = (acc & 0xffffffff) + (acc >> 32);
	return ((uint32_t)acc);
}

/* The complement that goes into the header; store it with memcpy(). */
uint16_t
cksum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ((uint16_t)~sum);
}

/* Pseudo-header of TCP, UDP and ICMPv6 (RFC 9293 3.1, RFC 8200 8.1). */
uint32_t
cksum_pseudo(const struct ipaddr *src, const struct ipaddr *dst,
    uint8_t proto, size_t len)
{
	uint32_t	 tail[2];
	uint32_t	 sum;
	size_t		 n = src->af == 4 ? 4 : 16;

	sum = cksum_add(src->a, n, 0);
	tail[0] = htonl((uint32_t)len);
	tail[1] = htonl(proto);
	/* two sums of 32 bits could wrap: fold the first */
	sum = (sum & 0xffff) + (sum >> 16);
	sum += (uint16_t)~cksum_fold(cksum_add(dst->a, n, 0));
	sum += (uint16_t)~cksum_fold(cksum_add(tail, sizeof(tail), 0));
	return (sum);
}
