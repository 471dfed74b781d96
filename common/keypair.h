/* SPDX-License-Identifier: ISC */

#ifndef KEYPAIR_H
#define KEYPAIR_H

#include "key.h"

/* A new private key, or with 1 a preshared key. */
void	 key_make(uint8_t [KEY_LEN], int);

/* The public key of a private one.  -1 if that is no key. */
int	 key_derive(uint8_t [KEY_LEN], const uint8_t [KEY_LEN]);

#endif
