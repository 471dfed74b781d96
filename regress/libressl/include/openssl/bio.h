/* SPDX-License-Identifier: ISC */

#ifndef OPENSSL_BIO_H
#define OPENSSL_BIO_H

/* As LibreSSL has it; see evp.h. */
typedef struct bio_st		 BIO;
typedef struct bio_method_st	 BIO_METHOD;

BIO		*BIO_new(const BIO_METHOD *);
BIO		*BIO_new_mem_buf(const void *, int);
int		 BIO_free(BIO *);
int		 BIO_read(BIO *, void *, int);
int		 BIO_write(BIO *, const void *, int);
unsigned long	 BIO_ctrl_pending(BIO *);
const BIO_METHOD	*BIO_s_mem(void);

#endif
