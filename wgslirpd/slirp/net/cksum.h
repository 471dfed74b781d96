/* SPDX-License-Identifier: ISC */

#ifndef CKSUM_H
#define CKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/* The Internet's checksum (RFC 1071), added up in the host's byte order. */
uint32_t	 cksum_add(const void *, size_t, uint32_t);
uint16_t	 cksum_fold(uint32_t);

/* Of what TCP, UDP and ICMPv6 include of the IP header. */
uint32_t	 cksum_pseudo(const struct ipaddr *, const struct ipaddr *,
		    uint8_t, size_t);

/* Write the checksum of an ICMP or ICMPv6 message of len bytes into it. */
void		 cksum_icmp(uint8_t *, size_t, const struct ipaddr *,
		    const struct ipaddr *);

#endif
