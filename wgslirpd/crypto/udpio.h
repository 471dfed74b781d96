/* SPDX-License-Identifier: ISC */

#ifndef UDPIO_H
#define UDPIO_H

#include "udpsys.h"

/*
 * Batched UDP of the crypto engine.
 */
#define UDPIO_BATCH	8
#define UDPIO_LANES	2	/* sets of buffers */
#define UDPIO_BUF	65536

int	 udpio_init(void);
int	 udpio_recv(int, int, struct udpio_rx [UDPIO_BATCH], int *);

#endif
