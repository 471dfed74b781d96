/* SPDX-License-Identifier: ISC */

#ifndef PACKET_H
#define PACKET_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "mono.h"
#include "pktq.h"

/*
 * A packet of a guest, and how packets lie in the slots of the queue.
 */
#define IPPROTO_FRAGMENT6	44
#define IP4_HDR_LEN		20
#define IP6_HDR_LEN		40

#define SLOT_PAYLOAD	128	/* headroom for our headers in a slot */
#define SLOT_ROOM	(PKTQ_SLOT_SIZE - SLOT_PAYLOAD)
#define HDR_COPY	192	/* of a packet from the guest, private */
#define DGRAM_MAX	65535

struct slirp_peer;

/* A packet from a guest, checked and taken apart by ip.c. */
struct ippkt {
	const uint8_t	*data;		/* all of it; may be shared memory */
	size_t		 len;
	uint8_t		 hdr[HDR_COPY];	/* private copy of its start */
	size_t		 hdrlen;
	struct slirp_peer	*peer;
	struct ipaddr	 src;
	struct ipaddr	 dst;
	mono_t		 time;		/* when it was received */
	size_t		 l4;		/* offset of the transport header */
	size_t		 l4len;
	size_t		 nhoff;		/* of IPv6's field that names it */
	uint8_t		 proto;
	uint8_t		 ttl;
	uint8_t		 tos;
	uint8_t		 df;
	uint8_t		 stable;	/* data stays until the batch ends */
	void		*frag;		/* of frag.c: it was put together */
};

/*
 * The accessor for everything that is decided upon: len bytes at off of
 * the private copy, or NULL if the packet or the copy is shorter.
 */
static inline const uint8_t *
pkt_get(const struct ippkt *p, size_t off, size_t len)
{
	if (off > p->hdrlen || len > p->hdrlen - off)
		return (NULL);
	return (p->hdr + off);
}

/* Bytes of an IP header with this source, without options. */
static inline size_t
ip_hdr_len(const struct ipaddr *a)
{
	return (a->af == 4 ? IP4_HDR_LEN : IP6_HDR_LEN);
}

#endif
