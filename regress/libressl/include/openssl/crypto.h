/* SPDX-License-Identifier: ISC */

#ifndef OPENSSL_CRYPTO_H
#define OPENSSL_CRYPTO_H

#include <stddef.h>

/* As LibreSSL has it; see evp.h. */
#define OPENSSL_INIT_NO_LOAD_CONFIG	0x00000001L
#define OPENSSL_free(p)			CRYPTO_free((p), NULL, 0)

int	 CRYPTO_memcmp(const void *, const void *, size_t);
void	 CRYPTO_free(void *, const char *, int);

#endif
