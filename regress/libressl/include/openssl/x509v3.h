/* SPDX-License-Identifier: ISC */

#ifndef OPENSSL_X509V3_H
#define OPENSSL_X509V3_H

/* As LibreSSL has it; see evp.h. */
typedef struct x509_st			 X509;
typedef struct x509_store_st		 X509_STORE;
typedef struct x509_store_ctx_st	 X509_STORE_CTX;
typedef struct X509_pubkey_st		 X509_PUBKEY;
typedef struct X509_VERIFY_PARAM_st	 X509_VERIFY_PARAM;

#define X509_V_OK				0
#define X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS	0x4

void		 X509_free(X509 *);
int		 X509_STORE_add_cert(X509_STORE *, X509 *);
X509_PUBKEY	*X509_get_X509_PUBKEY(const X509 *);
int		 i2d_X509_PUBKEY(X509_PUBKEY *, unsigned char **);
int		 X509_VERIFY_PARAM_set1_ip_asc(X509_VERIFY_PARAM *,
		    const char *);
const char	*X509_verify_cert_error_string(long);

#endif
