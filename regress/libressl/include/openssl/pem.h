/* SPDX-License-Identifier: ISC */

#ifndef OPENSSL_PEM_H
#define OPENSSL_PEM_H

#include <openssl/bio.h>
#include <openssl/x509v3.h>

/* As LibreSSL has it; see evp.h. */
typedef int	 pem_password_cb(char *, int, int, void *);

X509	*PEM_read_bio_X509(BIO *, X509 **, pem_password_cb *, void *);

#endif
