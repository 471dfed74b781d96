/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <openssl/evp.h>

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
	EVP_PKEY	*pkey;
	size_t		 len = KEY_LEN;
	int		 ok;

	pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private,
	    KEY_LEN);
	ok = pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, public,
	    &len) == 1;
	EVP_PKEY_free(pkey);
	return (ok ? 0 : -1);
}
