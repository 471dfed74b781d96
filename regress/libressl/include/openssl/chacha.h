/* SPDX-License-Identifier: ISC */

#ifndef OPENSSL_CHACHA_H
#define OPENSSL_CHACHA_H

/* As LibreSSL has it; see evp.h. */
void	 CRYPTO_hchacha_20(unsigned char [32], const unsigned char [32],
	    const unsigned char [16]);

#endif
