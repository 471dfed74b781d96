/* SPDX-License-Identifier: ISC */

#ifndef FRAME_H
#define FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "key.h"

/*
 * Frames of the DERP protocol, version 2: a type, the length of what follows,
 * and that.
 */
#define FRAME_HDR	5
#define FRAME_DATA_MAX	65536	/* of a datagram */
#define FRAME_MAX	(1U << 20)	/* of what is skipped */
#define FRAME_INFO_MAX	65536	/* of what is read and is no datagram */
#define FRAME_MAGIC	"DERP\xf0\x9f\x94\x91"
#define FRAME_MAGIC_LEN	8

enum frame_type {
	FRAME_SERVER_KEY = 1,
	FRAME_CLIENT_INFO,
	FRAME_SERVER_INFO,
	FRAME_SEND,
	FRAME_RECV,
	FRAME_KEEPALIVE,
	FRAME_PREFERRED,
	FRAME_GONE,
	FRAME_PRESENT,
	FRAME_PING = 18,
	FRAME_PONG,
	FRAME_HEALTH,
	FRAME_RESTARTING
};

struct frame {
	uint8_t		 type;
	uint32_t	 len;
	const uint8_t	*data;
};

/* What frame_next() found. */
enum frame_state {
	FRAME_BAD = -1,		/* this cannot go on */
	FRAME_MORE,		/* it is not complete */
	FRAME_OK
};

/*
 * frame_next:	the next frame in so many bytes, of which *used belong to it.
 *		One that this side does not read may be skipped before it is
 *		complete: then *used is what there is of it, and *skip how many
 *		bytes of it are to come.
 * frame_head:	write a frame's head; returns its length
 */
enum frame_state	 frame_next(const uint8_t *, size_t, struct frame *,
			    size_t *, size_t *);
size_t			 frame_head(uint8_t [FRAME_HDR], uint8_t, size_t);

#endif
