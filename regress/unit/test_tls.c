/* SPDX-License-Identifier: ISC */

/*
 * The derp engine's TLS, with libssl's server in the same process: who is
 * trusted, who is not, and what a server cannot make it keep.
 */

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <stdio.h>

#include "derp/tls.h"
#include "unit.h"

struct server {
	EVP_PKEY	*key;
	X509		*cert;
	SSL_CTX		*ctx;
	SSL		*ssl;
	BIO		*in, *out;
	char		 pem[4096];	/* it is its own CA */
	size_t		 len;
	uint8_t		 pin[PIN_LEN];
};

static void
extension(X509 *x, int nid, const char *value)
{
	X509_EXTENSION	*e;
	X509V3_CTX	 ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

static void
server_new(struct server *s, const char *san, long days)
{
	X509_NAME	*name;
	uint8_t		*der = NULL;
	unsigned int	 n;
	BIO		*b;
	int		 len;

	memset(s, 0, sizeof(*s));
	s->key = EVP_EC_gen("P-256");
	s->cert = X509_new();
	X509_set_version(s->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(s->cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(s->cert), -10 * 86400);
	X509_gmtime_adj(X509_getm_notAfter(s->cert), days * 86400);
	name = X509_get_subject_name(s->cert);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	    (const uint8_t *)"relay", -1, -1, 0);
	X509_set_issuer_name(s->cert, name);
	X509_set_pubkey(s->cert, s->key);
	extension(s->cert, NID_subject_alt_name, san);
	extension(s->cert, NID_basic_constraints, "critical,CA:TRUE");
	assert_int_not_equal(X509_sign(s->cert, s->key, EVP_sha256()), 0);
	b = BIO_new(BIO_s_mem());
	PEM_write_bio_X509(b, s->cert);
	s->len = (size_t)BIO_read(b, s->pem, sizeof(s->pem));
	BIO_free(b);
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(s->cert), &der);
	EVP_Digest(der, (size_t)len, s->pin, &n, EVP_sha256(), NULL);
	OPENSSL_free(der);
	s->ctx = SSL_CTX_new(TLS_server_method());
	SSL_CTX_use_certificate(s->ctx, s->cert);
	SSL_CTX_use_PrivateKey(s->ctx, s->key);
	s->ssl = SSL_new(s->ctx);
	s->in = BIO_new(BIO_s_mem());
	s->out = BIO_new(BIO_s_mem());
	SSL_set_bio(s->ssl, s->in, s->out);
	SSL_set_accept_state(s->ssl);
}

static void
server_free(struct server *s)
{
	SSL_free(s->ssl);
	SSL_CTX_free(s->ctx);
	X509_free(s->cert);
	EVP_PKEY_free(s->key);
}

static void
relay_conf(struct conf_relay *r, const char *host, const uint8_t *pin)
{
	memset(r, 0, sizeof(*r));
	strlcpy(r->host, host, sizeof(r->host));
	r->tls = 1;
	if (pin != NULL) {
		r->pinned = 1;
		memcpy(r->pin, pin, PIN_LEN);
	}
}

/* What each has for the other goes there. */
static void
swap(struct server *s, struct tls *t)
{
	uint8_t	 buf[20000];
	size_t	 n;
	int	 k;

	while ((n = tls_output(t, buf, sizeof(buf))) > 0)
		BIO_write(s->in, buf, (int)n);
	while ((k = BIO_read(s->out, buf, sizeof(buf))) > 0)
		assert_int_equal(tls_input(t, buf, (size_t)k), 0);
}

/* The handshake to its end: 1, or -1 with what the client says of it. */
static int
meet(struct server *s, struct tls *t)
{
	int	 i, r = 0;

	for (i = 0; i < 10 && r == 0; i++) {
		r = tls_handshake(t);
		swap(s, t);
		(void)SSL_do_handshake(s->ssl);
		swap(s, t);
	}
	return (r);
}

/* A whole attempt; the text is in what the client says, if it fails. */
static void
attempt(const char *san, long days, const char *host, int ca, int pin,
    const char *text)
{
	struct tls_config	*c;
	struct conf_relay	 r;
	struct server		 s;
	struct tls		*t;
	const char		*why;
	uint8_t			 other[PIN_LEN] = { 1 };

	server_new(&s, san, days);
	relay_conf(&r, host, pin == 0 ? NULL : pin == 1 ? s.pin : other);
	r.has_ca = (uint8_t)ca;
	c = tls_config_new(&r, s.pem, ca ? s.len : 0, &why);
	assert_non_null(c);
	t = tls_new(c);
	assert_non_null(t);
	if (text == NULL)
		assert_int_equal(meet(&s, t), 1);
	else {
		assert_int_equal(meet(&s, t), -1);
		if (strstr(tls_error(t), text) == NULL)
			fail_msg("\"%s\" is not in \"%s\"", text,
			    tls_error(t));
	}
	tls_free(t);
	tls_config_free(c);
	server_free(&s);
}

static void
test_trust(void **state)
{
	(void)state;
	attempt("DNS:relay.test", 5, "relay.test", 1, 0, NULL);
	attempt("DNS:relay.test", 5, "relay.test", 1, 1, NULL);
	attempt("DNS:relay.test", 5, "relay.test", 1, 2, "of the pin");
	attempt("DNS:relay.test", 5, "other.test", 1, 0, "ostname mismatch");
	attempt("DNS:relay.test", 5, "other.test", 1, 1, "ostname mismatch");
	attempt("DNS:relay.test", -1, "relay.test", 1, 0, "expired");
	attempt("DNS:*.relay.test", 5, "a.relay.test", 1, 0, NULL);
	attempt("DNS:r*.relay.test", 5, "ra.relay.test", 1, 0,
	    "ostname mismatch");
	attempt("IP:192.0.2.1", 5, "192.0.2.1", 1, 0, NULL);
	attempt("IP:192.0.2.1", 5, "192.0.2.2", 1, 0, "IP address mismatch");
	attempt("IP:2001:db8::1", 5, "2001:db8::1", 1, 0, NULL);
	attempt("DNS:192.0.2.1", 5, "192.0.2.1", 1, 0, "mismatch");
	/* a pin alone says who it is, whatever the certificate says */
	attempt("DNS:relay.test", -1, "other.test", 0, 1, NULL);
	attempt("DNS:relay.test", 5, "relay.test", 0, 2, "of the pin");
}

static void
test_trust_nobody(void **state)
{
	struct conf_relay	 r;
	const char		*why;

	(void)state;
	relay_conf(&r, "relay.test", NULL);
	assert_null(tls_config_new(&r, NULL, 0, &why));
	r.has_ca = 1;
	assert_null(tls_config_new(&r, NULL, 0, &why));
	assert_null(tls_config_new(&r, "garbage", 7, &why));
	assert_string_equal(why, "the CA file holds no certificate");
	/* a file that lost its certificates is not as if there were none */
	r.pinned = 1;
	assert_null(tls_config_new(&r, NULL, 0, &why));
}

static struct tls	*
connected(struct server *s, struct tls_config **c)
{
	struct conf_relay	 r;
	const char		*why;
	struct tls		*t;

	server_new(s, "DNS:relay.test", 5);
	relay_conf(&r, "relay.test", s->pin);
	*c = tls_config_new(&r, NULL, 0, &why);
	t = tls_new(*c);
	assert_int_equal(meet(s, t), 1);
	return (t);
}

static void
test_data(void **state)
{
	struct tls_config	*c;
	struct server		 s;
	struct tls		*t;
	uint8_t			 buf[64];
	int			 n;

	(void)state;
	t = connected(&s, &c);
	assert_int_equal(tls_read(t, buf, sizeof(buf)), 0);
	assert_int_equal(tls_write(t, (const uint8_t *)"hello", 5), 0);
	swap(&s, t);
	assert_int_equal(SSL_read(s.ssl, buf, sizeof(buf)), 5);
	SSL_write(s.ssl, "world", 5);
	swap(&s, t);
	n = tls_read(t, buf, sizeof(buf));
	assert_int_equal(n, 5);
	assert_memory_equal(buf, "world", 5);
	SSL_shutdown(s.ssl);
	swap(&s, t);
	assert_int_equal(tls_read(t, buf, sizeof(buf)), -1);
	tls_free(t);
	tls_config_free(c);
	server_free(&s);
}

/* Answers that are asked for without end, and not taken. */
static void
test_key_updates(void **state)
{
	static uint8_t		 buf[20000];
	struct tls_config	*c;
	struct server		 s;
	struct tls		*t;
	int			 i, k, r = 0;

	(void)state;
	t = connected(&s, &c);
	for (i = 0; i < 100000 && r != -1; i++) {
		SSL_key_update(s.ssl, SSL_KEY_UPDATE_REQUESTED);
		SSL_do_handshake(s.ssl);
		SSL_write(s.ssl, "x", 1);
		while ((k = BIO_read(s.out, buf, sizeof(buf))) > 0)
			tls_input(t, buf, (size_t)k);
		while ((r = tls_read(t, buf, sizeof(buf))) > 0)
			continue;
	}
	assert_int_equal(r, -1);
	assert_true(i < 5000);
	assert_non_null(strstr(tls_error(t), "does not read"));
	tls_free(t);
	tls_config_free(c);
	server_free(&s);
}

/* Is this byte the version of a record, which says nothing (RFC 8446 5.1)? */
static int
is_version(const uint8_t *p, int n, int at)
{
	int	 off;

	for (off = 0; off + 5 <= n; off += 5 + (p[off + 3] << 8 | p[off + 4]))
		if (at == off + 1 || at == off + 2)
			return (1);
	return (0);
}

/* Bytes of the server's first flight are wrong, one at a time. */
static void
test_wrong_bytes(void **state)
{
	static uint8_t		 buf[20000], bad[20000];
	struct tls_config	*c;
	struct conf_relay	 r;
	struct server		 s;
	struct tls		*t;
	const char		*why;
	size_t			 n;
	int			 k, i;

	(void)state;
	for (i = 0, k = 1; i < k; i += 7) {
		server_new(&s, "DNS:relay.test", 5);
		relay_conf(&r, "relay.test", s.pin);
		c = tls_config_new(&r, NULL, 0, &why);
		t = tls_new(c);
		assert_int_equal(tls_handshake(t), 0);
		n = tls_output(t, buf, sizeof(buf));
		BIO_write(s.in, buf, (int)n);
		SSL_do_handshake(s.ssl);
		k = BIO_read(s.out, bad, sizeof(bad));
		while (is_version(bad, k, i))
			i++;
		/* signatures differ in length: this one may be shorter */
		bad[i < k ? i : k - 1] ^= 0x41;
		tls_input(t, bad, (size_t)k);
		assert_int_not_equal(tls_handshake(t), 1);
		tls_free(t);
		tls_config_free(c);
		server_free(&s);
	}
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(test_trust),
		cmocka_unit_test(test_trust_nobody),
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_key_updates),
		cmocka_unit_test(test_wrong_bytes)
	};

	return (RUN(tests));
}
