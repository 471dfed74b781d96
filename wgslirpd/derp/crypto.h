/* SPDX-License-Identifier: ISC */

#ifndef CRYPTO_H
#define CRYPTO_H

#include <stddef.h>
#include <stdint.h>

#include "key.h"

/*
 * The crypto engine, by its link: crypto_put() gives it a datagram from a key,
 * by a relay, which goes with crypto_flush() at the latest.
 */
void	 crypto_link(int);
void	 crypto_put(const uint8_t [KEY_LEN], unsigned int, const uint8_t *,
	    size_t);
void	 crypto_flush(void);

#endif
