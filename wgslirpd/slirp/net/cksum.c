/* SPDX-License-Identifier: ISC */

/*
 * The Internet checksum (RFC 1071).  Sums are kept in native byte order,
 * 32 bits wide and unfolded, so that parts can be added up; cksum_fold()
 * makes the field's value of it, also in native order.
 */

#include <sys/types.h>
#include <arpa/inet.h>

#include <string.h>

#include "cpu.h"
#include "cksum.h"

#define SHORT	96	/* bytes */

/*
 * Sum of the 32-bit words in n bytes; 64 bits do not overflow within a
 * packet.  The compiler makes vector code of it, for the processors that
 * can do that; which one runs is chosen when the program starts.
 */
CPU_CLONES static uint64_t
sum_words(const uint8_t *p, size_t n)
{
	uint64_t	 acc = 0;
	uint32_t	 w;
	size_t		 i;

	for (i = 0; i < n; i += 4) {
		memcpy(&w, p + i, sizeof(w));
		acc += w;
	}
	return (acc);
}

/* Add len bytes to a sum.  Every part but the last has an even length. */
uint32_t
cksum_add(const void *data, size_t len, uint32_t sum)
{
	const uint8_t	*p = data;
	uint64_t	 acc = sum;
	uint32_t	 w;
	uint16_t	 h;

	/* headers are not worth a vector */
	if (len >= SHORT) {
		acc += sum_words(p, len & ~(size_t)3);
		p += len & ~(size_t)3;
		len &= 3;
	}
	for (; len >= 4; p += 4, len -= 4) {
		memcpy(&w, p, sizeof(w));
		acc += w;
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

void
cksum_icmp(uint8_t *m, size_t len, const struct ipaddr *src,
    const struct ipaddr *dst)
{
	uint32_t	 sum = 0;
	uint16_t	 c;

	m[2] = m[3] = 0;
	if (src->af == 6)
		sum = cksum_pseudo(src, dst, IPPROTO_ICMPV6, len);
	c = cksum_fold(cksum_add(m, len, sum));
	memcpy(m + 2, &c, 2);
}
