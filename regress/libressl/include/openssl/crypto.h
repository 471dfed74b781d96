/* SPDX-License-Identifier: ISC */

#ifndef OPENSSL_CRYPTO_H
#define OPENSSL_CRYPTO_H

#include <stddef.h>

/* As LibreSSL has it; see evp.h. */
int	 CRYPTO_memcmp(const void *, const void *, size_t);

#endif
