/* SPDX-License-Identifier: ISC */

/*
 * DERP frames.  A server is not trusted: no length of it makes this process
 * keep more than the largest frame that it reads.
 */

#include <string.h>

#include "frame.h"

static uint32_t
get32(const uint8_t *p)
{
	return ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3]);
}

/* Bytes that a frame of the type may have, and may have to have. */
static int
len_ok(uint8_t type, uint32_t len)
{
	switch (type) {
	case FRAME_SERVER_KEY:
		return (len >= FRAME_MAGIC_LEN + KEY_LEN && len <= 1024);
	case FRAME_RECV:
		return (len >= KEY_LEN && len <= KEY_LEN + FRAME_DATA_MAX);
	case FRAME_GONE:
		return (len >= KEY_LEN && len <= FRAME_INFO_MAX);
	case FRAME_KEEPALIVE:
		return (len <= 64);
	case FRAME_PING:
	case FRAME_PONG:
		return (len == 8);
	case FRAME_RESTARTING:
		return (len >= 8 && len <= FRAME_INFO_MAX);
	case FRAME_SERVER_INFO:
	case FRAME_HEALTH:
		return (len <= FRAME_INFO_MAX);
	default:
		return (len <= FRAME_MAX);
	}
}

static int
is_read(uint8_t type)
{
	switch (type) {
	case FRAME_SERVER_KEY:
	case FRAME_SERVER_INFO:
	case FRAME_RECV:
	case FRAME_KEEPALIVE:
	case FRAME_GONE:
	case FRAME_PING:
	case FRAME_PONG:
	case FRAME_HEALTH:
	case FRAME_RESTARTING:
		return (1);
	default:
		return (0);
	}
}

enum frame_state
frame_next(const uint8_t *p, size_t n, struct frame *f, size_t *used,
    size_t *skip)
{
	*used = *skip = 0;
	if (n < FRAME_HDR)
		return (FRAME_MORE);
	f->type = p[0];
	f->len = get32(p + 1);
	f->data = p + FRAME_HDR;
	if (!len_ok(f->type, f->len))
		return (FRAME_BAD);
	n -= FRAME_HDR;
	if (!is_read(f->type)) {
		*used = FRAME_HDR + (f->len < n ? f->len : n);
		*skip = f->len < n ? 0 : f->len - n;
		return (FRAME_OK);
	}
	if (f->len > n)
		return (FRAME_MORE);
	*used = FRAME_HDR + f->len;
	return (FRAME_OK);
}

size_t
frame_head(uint8_t p[FRAME_HDR], uint8_t type, size_t len)
{
	p[0] = type;
	p[1] = (uint8_t)(len >> 24);
	p[2] = (uint8_t)(len >> 16);
	p[3] = (uint8_t)(len >> 8);
	p[4] = (uint8_t)len;
	return (FRAME_HDR);
}
