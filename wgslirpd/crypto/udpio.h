/* SPDX-License-Identifier: ISC */

#ifndef UDPIO_H
#define UDPIO_H

#include <sys/types.h>

#include "wg/peer.h"

/*
 * Platform: batched UDP of the crypto engine.  A received buffer holds
 * one or, after coalescing, several datagrams of segment bytes each, of
 * which the last may be shorter.
 */
#define UDPIO_BATCH	8
#define UDPIO_LANES	2	/* sets of buffers */
#define UDPIO_BUF	65536

struct udpio_rx {
	uint8_t			*buf;
	size_t			 len;
	size_t			 segment;
	struct wg_endpoint	 from;
	int			 ecn;
};

int	 udpio_init(void);
void	 udpio_offload(int);
int	 udpio_recv(int, int, struct udpio_rx [UDPIO_BATCH], int *);
uint32_t udpio_drops(int);
int	 udpio_send(int, const struct wg_endpoint *, const uint8_t *, size_t,
	    size_t, int, int);

#endif
