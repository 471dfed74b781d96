/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <sodium.h>

#include <stdlib.h>

#include "keypair.h"

/* Clamped as X25519 has it, unless it is a preshared key. */
void
key_make(uint8_t key[KEY_LEN], int psk)
{
	arc4random_buf(key, KEY_LEN);
	if (!psk) {
		key[0] &= 248;
		key[31] = (key[31] & 127) | 64;
	}
}

int
key_derive(uint8_t public[KEY_LEN], const uint8_t private[KEY_LEN])
{
	return (crypto_scalarmult_base(public, private));
}
