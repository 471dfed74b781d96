/* SPDX-License-Identifier: ISC */

/*
 * All of LibreSSL's libcrypto that WireGuard needs, in one file: EVP_AEAD
 * (EVP_AEAD_CTX_init(3)), X25519(3) and HChaCha20.  It has no BLAKE2s: that is
 * common/blake2s.c.
 */

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include <openssl/chacha.h>
#include <openssl/crypto.h>
#include <openssl/curve25519.h>
#include <openssl/evp.h>

#include "aead.h"
#include "blake2s.h"

struct aead_key {
	EVP_AEAD_CTX	*ctx;
};

struct dh_key {
	uint8_t		 private[DH_LEN];
	uint8_t		 public[DH_LEN];
};

/* There is one way here. */
void
aead_direct(int on)
{
	(void)on;
}

const char *
aead_library(void)
{
	return (NULL);
}

static EVP_AEAD_CTX *
ctx_new(const EVP_AEAD *aead, const uint8_t key[AEAD_KEY_LEN])
{
	EVP_AEAD_CTX	*ctx;

	if ((ctx = EVP_AEAD_CTX_new()) == NULL)
		return (NULL);
	if (EVP_AEAD_CTX_init(ctx, aead, key, AEAD_KEY_LEN, AEAD_TAG_LEN,
	    NULL) != 1) {
		EVP_AEAD_CTX_free(ctx);
		return (NULL);
	}
	return (ctx);
}

static struct aead_key *
key_new(const uint8_t key[AEAD_KEY_LEN])
{
	struct aead_key	*k;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		return (NULL);
	if ((k->ctx = ctx_new(EVP_aead_chacha20_poly1305(), key)) == NULL) {
		free(k);
		return (NULL);
	}
	return (k);
}

struct aead_key *
aead_key_seal(const uint8_t key[AEAD_KEY_LEN])
{
	return (key_new(key));
}

struct aead_key *
aead_key_open(const uint8_t key[AEAD_KEY_LEN])
{
	return (key_new(key));
}

/* libcrypto wipes the key. */
void
aead_key_free(struct aead_key *k)
{
	if (k == NULL)
		return;
	EVP_AEAD_CTX_free(k->ctx);
	free(k);
}

/*
 * Transport data: encrypt len bytes, zero-padded to padded bytes (at most
 * 16 more), with the counter as nonce and no additional data.  out takes
 * padded + AEAD_TAG_LEN bytes and must not overlap in.
 */
int
aead_seal(struct aead_key *k, uint64_t counter, const uint8_t *in,
    size_t len, size_t padded, uint8_t *out)
{
	uint8_t	 nonce[AEAD_NONCE_LEN];
	size_t	 n;

	aead_nonce(nonce, counter);
	/* it wants all of it in one piece, and may work in place */
	if (padded > len) {
		memcpy(out, in, len);
		memset(out + len, 0, padded - len);
		in = out;
	}
	return (EVP_AEAD_CTX_seal(k->ctx, out, &n, padded + AEAD_TAG_LEN,
	    nonce, sizeof(nonce), in, padded, NULL, 0) == 1 ? 0 : -1);
}

/*
 * Decrypt len bytes, tag included, into len - AEAD_TAG_LEN bytes at out.
 */
int
aead_open(struct aead_key *k, uint64_t counter, const uint8_t *in,
    size_t len, uint8_t *out)
{
	uint8_t	 nonce[AEAD_NONCE_LEN];
	size_t	 n;

	if (len < AEAD_TAG_LEN)
		return (-1);
	aead_nonce(nonce, counter);
	return (EVP_AEAD_CTX_open(k->ctx, out, &n, len - AEAD_TAG_LEN, nonce,
	    sizeof(nonce), in, len, NULL, 0) == 1 ? 0 : -1);
}

/* With a key that is used once, for either direction. */
static int
once(const EVP_AEAD *aead, const uint8_t key[AEAD_KEY_LEN],
    const uint8_t *nonce, size_t noncelen, const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t len, uint8_t *out, int seal)
{
	EVP_AEAD_CTX	*ctx;
	size_t		 n;
	int		 ok;

	if ((ctx = ctx_new(aead, key)) == NULL)
		return (-1);
	if (seal)
		ok = EVP_AEAD_CTX_seal(ctx, out, &n, len + AEAD_TAG_LEN,
		    nonce, noncelen, in, len, ad, adlen);
	else
		ok = EVP_AEAD_CTX_open(ctx, out, &n, len - AEAD_TAG_LEN,
		    nonce, noncelen, in, len, ad, adlen);
	EVP_AEAD_CTX_free(ctx);
	return (ok == 1 ? 0 : -1);
}

/* Handshake fields: nonce 0, used once. */
int
aead_seal_once(const uint8_t key[AEAD_KEY_LEN], const uint8_t *ad,
    size_t adlen, const uint8_t *in, size_t len, uint8_t *out)
{
	static const uint8_t	 nonce[AEAD_NONCE_LEN];

	return (once(EVP_aead_chacha20_poly1305(), key, nonce, sizeof(nonce),
	    ad, adlen, in, len, out, 1));
}

int
aead_open_once(const uint8_t key[AEAD_KEY_LEN], const uint8_t *ad,
    size_t adlen, const uint8_t *in, size_t len, uint8_t *out)
{
	static const uint8_t	 nonce[AEAD_NONCE_LEN];

	if (len < AEAD_TAG_LEN)
		return (-1);
	return (once(EVP_aead_chacha20_poly1305(), key, nonce, sizeof(nonce),
	    ad, adlen, in, len, out, 0));
}

int
hchacha20(uint8_t out[32], const uint8_t key[32], const uint8_t in[16])
{
	CRYPTO_hchacha_20(out, key, in);
	return (0);
}

int
xaead_seal(const uint8_t key[AEAD_KEY_LEN],
    const uint8_t nonce[XAEAD_NONCE_LEN], const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t len, uint8_t *out)
{
	return (once(EVP_aead_xchacha20_poly1305(), key, nonce,
	    XAEAD_NONCE_LEN, ad, adlen, in, len, out, 1));
}

int
xaead_open(const uint8_t key[AEAD_KEY_LEN],
    const uint8_t nonce[XAEAD_NONCE_LEN], const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t len, uint8_t *out)
{
	if (len < AEAD_TAG_LEN)
		return (-1);
	return (once(EVP_aead_xchacha20_poly1305(), key, nonce,
	    XAEAD_NONCE_LEN, ad, adlen, in, len, out, 0));
}

/* BLAKE2s-256 of a, followed by b. */
int
hash_blake2s(uint8_t out[HASH_LEN], const void *a, size_t alen,
    const void *b, size_t blen)
{
	struct blake2s	 s;

	blake2s_init(&s, HASH_LEN, NULL, 0);
	blake2s_update(&s, a, alen);
	blake2s_update(&s, b, blen);
	blake2s_final(&s, out);
	return (0);
}

/* Keyed BLAKE2s with 16 bytes of output (RFC 7693). */
int
mac_blake2s(uint8_t out[MAC_LEN], const void *key, size_t keylen,
    const void *data, size_t len)
{
	struct blake2s	 s;

	blake2s_init(&s, MAC_LEN, key, keylen);
	blake2s_update(&s, data, len);
	blake2s_final(&s, out);
	return (0);
}

/* HMAC (RFC 2104) over BLAKE2s-256, with a key of its length. */
int
hmac_blake2s(uint8_t out[HASH_LEN], const uint8_t key[HASH_LEN],
    const void *a, size_t alen, const void *b, size_t blen)
{
	struct blake2s	 s;
	uint8_t		 pad[BLAKE2S_BLOCK], inner[HASH_LEN];
	int		 i;

	memset(pad, 0x36, sizeof(pad));
	for (i = 0; i < HASH_LEN; i++)
		pad[i] ^= key[i];
	blake2s_init(&s, HASH_LEN, NULL, 0);
	blake2s_update(&s, pad, sizeof(pad));
	blake2s_update(&s, a, alen);
	blake2s_update(&s, b, blen);
	blake2s_final(&s, inner);
	for (i = 0; i < BLAKE2S_BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	blake2s_init(&s, HASH_LEN, NULL, 0);
	blake2s_update(&s, pad, sizeof(pad));
	blake2s_update(&s, inner, sizeof(inner));
	blake2s_final(&s, out);
	explicit_bzero(pad, sizeof(pad));
	explicit_bzero(inner, sizeof(inner));
	return (0);
}

/* Takes a copy of the private key.  NULL on failure. */
struct dh_key *
dh_new(const uint8_t private[DH_LEN])
{
	static const uint8_t	 base[DH_LEN] = { 9 };
	struct dh_key		*k;

	if ((k = malloc(sizeof(*k))) == NULL)
		return (NULL);
	memcpy(k->private, private, DH_LEN);
	if (X25519(k->public, k->private, base) != 1) {
		dh_free(k);
		return (NULL);
	}
	return (k);
}

void
dh_free(struct dh_key *k)
{
	freezero(k, sizeof(*k));
}

void
dh_public(const struct dh_key *k, uint8_t public[DH_LEN])
{
	memcpy(public, k->public, DH_LEN);
}

/*
 * X25519 (RFC 7748).  Fails for a low-order point, whose product would be
 * all zeros.
 */
int
dh_derive(const struct dh_key *k, const uint8_t public[DH_LEN],
    uint8_t out[DH_LEN])
{
	if (X25519(out, k->private, public) == 1)
		return (0);
	explicit_bzero(out, DH_LEN);
	return (-1);
}

/* In time that does not depend on the content. */
int
ct_equal(const void *a, const void *b, size_t len)
{
	return (CRYPTO_memcmp(a, b, len) == 0);
}
