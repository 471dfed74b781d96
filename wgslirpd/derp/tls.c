/* SPDX-License-Identifier: ISC */

/*
 * TLS by libssl, over memory.  Everything that libssl and libcrypto look up by
 * name, or read from files, was done before the first byte of a server came:
 * the certificates that are trusted are in a store of this process.
 */

#include <sys/types.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "tls.h"

#define UNSENT_MAX	65536	/* bytes that wait for the socket */

struct tls_config {
	SSL_CTX		*ctx;
	char		 host[HOST_NAME_LEN];
	int		 is_address;
	int		 pinned;
	uint8_t		 pin[PIN_LEN];
};

struct tls {
	struct tls_config	*c;
	SSL			*ssl;
	BIO			*in;		/* they belong to ssl */
	BIO			*out;
	char			 error[160];
};

/* All certificates of a PEM file; returns how many. */
static int
load_ca(X509_STORE *store, const char *pem, size_t len)
{
	BIO	*bio;
	X509	*x;
	int	 n = 0;

	if (len > INT_MAX || (bio = BIO_new_mem_buf(pem, (int)len)) == NULL)
		return (0);
	while ((x = PEM_read_bio_X509(bio, NULL, NULL, NULL)) != NULL) {
		n += X509_STORE_add_cert(store, x);
		X509_free(x);
	}
	BIO_free(bio);
	ERR_clear_error();
	return (n);
}

struct tls_config *
tls_config_new(const struct conf_relay *r, const char *pem, size_t len,
    const char **why)
{
	struct tls_config	*c;
	struct ipaddr		 a;

	*why = "out of memory";
	if ((c = calloc(1, sizeof(*c))) == NULL)
		return (NULL);
	strlcpy(c->host, r->host, sizeof(c->host));
	c->is_address = ipaddr_parse(&a, c->host) == 0;
	c->pinned = r->pinned;
	memcpy(c->pin, r->pin, sizeof(c->pin));
	if ((c->ctx = SSL_CTX_new(TLS_client_method())) == NULL) {
		free(c);
		return (NULL);
	}
	SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION);
	SSL_CTX_set_options(c->ctx, SSL_OP_NO_RENEGOTIATION |
	    SSL_OP_NO_COMPRESSION | SSL_OP_NO_TICKET);
	SSL_CTX_set_mode(c->ctx, SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_OFF);
	if (!r->has_ca && !r->pinned) {
		*why = "it is not said whom to trust";
		tls_config_free(c);
		return (NULL);
	}
	if (!r->has_ca) {
		/* a pin alone says who it is */
		SSL_CTX_set_verify(c->ctx, SSL_VERIFY_NONE, NULL);
		return (c);
	}
	SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
	if (load_ca(SSL_CTX_get_cert_store(c->ctx), pem, len) == 0) {
		*why = "the CA file holds no certificate";
		tls_config_free(c);
		return (NULL);
	}
	return (c);
}

void
tls_config_free(struct tls_config *c)
{
	if (c == NULL)
		return;
	SSL_CTX_free(c->ctx);
	free(c);
}

struct tls *
tls_new(struct tls_config *c)
{
	struct tls	*t;
	int		 ok;

	if ((t = calloc(1, sizeof(*t))) == NULL)
		return (NULL);
	t->c = c;
	t->ssl = SSL_new(c->ctx);
	t->in = BIO_new(BIO_s_mem());
	t->out = BIO_new(BIO_s_mem());
	if (t->ssl == NULL || t->in == NULL || t->out == NULL) {
		SSL_free(t->ssl);
		BIO_free(t->in);
		BIO_free(t->out);
		free(t);
		return (NULL);
	}
	SSL_set_bio(t->ssl, t->in, t->out);
	SSL_set_connect_state(t->ssl);
	SSL_set_hostflags(t->ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
	if (c->is_address)
		ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(t->ssl),
		    c->host);
	else
		ok = SSL_set1_host(t->ssl, c->host) &&
		    SSL_set_tlsext_host_name(t->ssl, c->host);
	if (!ok) {
		tls_free(t);
		return (NULL);
	}
	return (t);
}

void
tls_free(struct tls *t)
{
	if (t == NULL)
		return;
	SSL_free(t->ssl);
	free(t);
}

int
tls_input(struct tls *t, const uint8_t *p, size_t n)
{
	return (BIO_write(t->in, p, (int)n) == (int)n ? 0 : -1);
}

static void
set_error(struct tls *t, const char *what)
{
	unsigned long	 e = ERR_get_error();
	long		 v = SSL_get_verify_result(t->ssl);
	const char	*why = e != 0 ? ERR_reason_error_string(e) : NULL;

	if (v != X509_V_OK && !SSL_is_init_finished(t->ssl) &&
	    SSL_get_verify_mode(t->ssl) != SSL_VERIFY_NONE)
		why = X509_verify_cert_error_string(v);
	snprintf(t->error, sizeof(t->error), "TLS: %s%s%s", what,
	    why != NULL ? ": " : "", why != NULL ? why : "");
	ERR_clear_error();
}

/* Is the server's public key the one that was told? */
static int
pin_ok(struct tls *t)
{
	uint8_t		 md[EVP_MAX_MD_SIZE], *der = NULL;
	unsigned int	 n = 0;
	X509		*x;
	int		 len, ok;

	if (!t->c->pinned)
		return (1);
	if ((x = SSL_get_peer_certificate(t->ssl)) == NULL)
		return (0);
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	ok = len > 0 && EVP_Digest(der, (size_t)len, md, &n, EVP_sha256(),
	    NULL) == 1 && n == PIN_LEN && memcmp(md, t->c->pin, PIN_LEN) == 0;
	OPENSSL_free(der);
	X509_free(x);
	return (ok);
}

int
tls_handshake(struct tls *t)
{
	int	 r;

	ERR_clear_error();
	if ((r = SSL_do_handshake(t->ssl)) != 1) {
		r = SSL_get_error(t->ssl, r);
		if (r == SSL_ERROR_WANT_READ || r == SSL_ERROR_WANT_WRITE)
			return (0);
		set_error(t, "handshake");
		return (-1);
	}
	if (!pin_ok(t)) {
		snprintf(t->error, sizeof(t->error), "TLS: the server's "
		    "public key is not the one of the pin");
		return (-1);
	}
	return (1);
}

int
tls_read(struct tls *t, uint8_t *p, size_t n)
{
	int	 r;

	/* answers that the other side asks for, and does not take */
	if (BIO_ctrl_pending(t->out) > UNSENT_MAX) {
		snprintf(t->error, sizeof(t->error),
		    "TLS: the other side does not read");
		return (-1);
	}
	ERR_clear_error();
	r = SSL_read(t->ssl, p, n > INT_MAX ? INT_MAX : (int)n);
	if (r > 0)
		return (r);
	if (SSL_get_error(t->ssl, r) == SSL_ERROR_WANT_READ)
		return (0);
	set_error(t, "closed");
	return (-1);
}

int
tls_write(struct tls *t, const uint8_t *p, size_t n)
{
	ERR_clear_error();
	if (SSL_write(t->ssl, p, (int)n) == (int)n)
		return (0);
	set_error(t, "write");
	return (-1);
}

size_t
tls_output(struct tls *t, uint8_t *p, size_t n)
{
	int	 r = BIO_read(t->out, p, (int)n);

	return (r > 0 ? (size_t)r : 0);
}

const char *
tls_error(struct tls *t)
{
	return (t->error);
}
