/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <time.h>

#include "around.h"
#include "sockets.h"
#include "wg/aead.h"

uint8_t *
around_tx_buf(void *arg, const struct wg_endpoint *ep, size_t len, int tos)
{
	(void)arg;
	return (train_room(ep, len, tos));
}

void
around_tx_done(void *arg, size_t len)
{
	(void)arg;
	train_add(len);
}

void
around_wall(void *arg, struct timespec *ts)
{
	(void)arg;
	clock_gettime(CLOCK_REALTIME, ts);
}

void
around_random(void *arg, void *p, size_t len)
{
	(void)arg;
	rand_bytes(p, len);
}
