/* SPDX-License-Identifier: ISC */

#ifndef OPENSSL_SSL_H
#define OPENSSL_SSL_H

#include <stdint.h>

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/x509v3.h>

/* As LibreSSL has it; see evp.h. */
typedef struct ssl_st		 SSL;
typedef struct ssl_ctx_st	 SSL_CTX;
typedef struct ssl_method_st	 SSL_METHOD;

#define TLS1_2_VERSION			0x0303
#define SSL_OP_NO_COMPRESSION		0
#define SSL_OP_NO_RENEGOTIATION		0x00040000L
#define SSL_OP_NO_TICKET		0x00004000L
#define SSL_MODE_RELEASE_BUFFERS	0x00000010L
#define SSL_SESS_CACHE_OFF		0
#define SSL_VERIFY_NONE			0
#define SSL_VERIFY_PEER			1
#define SSL_ERROR_WANT_READ		2
#define SSL_ERROR_WANT_WRITE		3
#define SSL_ST_OK			3
#define OPENSSL_INIT_LOAD_SSL_STRINGS	0

#define SSL_CTX_set_options(c, op)	SSL_CTX_ctrl((c), 32, (op), NULL)
#define SSL_CTX_set_mode(c, op)		SSL_CTX_ctrl((c), 33, (op), NULL)
#define SSL_CTX_set_session_cache_mode(c, m)	\
	SSL_CTX_ctrl((c), 44, (m), NULL)
#define SSL_set_tlsext_host_name(s, name)	\
	SSL_ctrl((s), 55, 0, (void *)(uintptr_t)(name))
#define SSL_is_init_finished(s)		(SSL_state((s)) == SSL_ST_OK)

int		 OPENSSL_init_ssl(uint64_t, const void *);
const SSL_METHOD	*TLS_client_method(void);
SSL_CTX		*SSL_CTX_new(const SSL_METHOD *);
void		 SSL_CTX_free(SSL_CTX *);
long		 SSL_CTX_ctrl(SSL_CTX *, int, long, void *);
X509_STORE	*SSL_CTX_get_cert_store(const SSL_CTX *);
int		 SSL_CTX_set_min_proto_version(SSL_CTX *, uint16_t);
void		 SSL_CTX_set_verify(SSL_CTX *, int,
		    int (*)(int, X509_STORE_CTX *));
SSL		*SSL_new(SSL_CTX *);
void		 SSL_free(SSL *);
long		 SSL_ctrl(SSL *, int, long, void *);
void		 SSL_set_bio(SSL *, BIO *, BIO *);
void		 SSL_set_connect_state(SSL *);
int		 SSL_set1_host(SSL *, const char *);
void		 SSL_set_hostflags(SSL *, unsigned int);
X509_VERIFY_PARAM	*SSL_get0_param(SSL *);
X509		*SSL_get_peer_certificate(const SSL *);
long		 SSL_get_verify_result(const SSL *);
int		 SSL_get_verify_mode(const SSL *);
int		 SSL_get_error(const SSL *, int);
int		 SSL_state(const SSL *);
int		 SSL_do_handshake(SSL *);
int		 SSL_read(SSL *, void *, int);
int		 SSL_write(SSL *, const void *, int);

#endif
