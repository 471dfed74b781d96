/* SPDX-License-Identifier: ISC */

#ifndef AROUND_H
#define AROUND_H

#include "wg/device.h"

/*
 * What every WireGuard device of this process has around it: the train that
 * goes out, the time of day, chance.  Rows of struct wg_ops.
 */
uint8_t	*around_tx_buf(void *, const struct wg_endpoint *, size_t, int);
void	 around_tx_done(void *, size_t);
void	 around_wall(void *, struct timespec *);
void	 around_random(void *, void *, size_t);

#endif
