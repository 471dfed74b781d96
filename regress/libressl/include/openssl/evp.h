/* SPDX-License-Identifier: ISC */

#ifndef OPENSSL_EVP_H
#define OPENSSL_EVP_H

#include <stddef.h>

/*
 * EVP_AEAD as EVP_AEAD_CTX_init(3) of LibreSSL has it, for the tests of what
 * uses it on a system that has another libcrypto; here and beside, what else of
 * LibreSSL is used, to build for a system that has it.
 */
typedef struct evp_aead_st	 EVP_AEAD;
typedef struct evp_aead_ctx_st	 EVP_AEAD_CTX;
typedef struct engine_st	 ENGINE;

EVP_AEAD_CTX	*EVP_AEAD_CTX_new(void);
void		 EVP_AEAD_CTX_free(EVP_AEAD_CTX *);
int		 EVP_AEAD_CTX_init(EVP_AEAD_CTX *, const EVP_AEAD *,
		    const unsigned char *, size_t, size_t, ENGINE *);
int		 EVP_AEAD_CTX_open(const EVP_AEAD_CTX *, unsigned char *,
		    size_t *, size_t, const unsigned char *, size_t,
		    const unsigned char *, size_t, const unsigned char *,
		    size_t);
int		 EVP_AEAD_CTX_seal(const EVP_AEAD_CTX *, unsigned char *,
		    size_t *, size_t, const unsigned char *, size_t,
		    const unsigned char *, size_t, const unsigned char *,
		    size_t);
const EVP_AEAD	*EVP_aead_chacha20_poly1305(void);
const EVP_AEAD	*EVP_aead_xchacha20_poly1305(void);

#define EVP_MAX_MD_SIZE	64

typedef struct env_md_st	 EVP_MD;

const EVP_MD	*EVP_sha256(void);
int		 EVP_Digest(const void *, size_t, unsigned char *,
		    unsigned int *, const EVP_MD *, ENGINE *);
int		 EVP_EncodeBlock(unsigned char *, const unsigned char *, int);
int		 EVP_DecodeBlock(unsigned char *, const unsigned char *, int);

#endif
