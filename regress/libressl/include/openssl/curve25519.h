/* SPDX-License-Identifier: ISC */

#ifndef OPENSSL_CURVE25519_H
#define OPENSSL_CURVE25519_H

#include <stdint.h>

/* X25519(3) of LibreSSL; see evp.h. */
int	 X25519(uint8_t [32], const uint8_t [32], const uint8_t [32]);

#endif
