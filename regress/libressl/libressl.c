/* SPDX-License-Identifier: ISC */

/*
 * LibreSSL's interface, as its manual describes it, with libsodium below: for
 * the tests of crypto/wg/aead_libressl.c.  It is strict where LibreSSL is:
 * lengths of keys, nonces and tags, and room for the result.
 */

#include <sys/types.h>

#include <openssl/chacha.h>
#include <openssl/crypto.h>
#include <openssl/curve25519.h>
#include <openssl/evp.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct evp_aead_st {
	size_t	 noncelen;
};

struct evp_aead_ctx_st {
	const EVP_AEAD	*aead;
	unsigned char	 key[32];
};

static const EVP_AEAD	 chacha = { 12 }, xchacha = { 24 };

const EVP_AEAD *
EVP_aead_chacha20_poly1305(void)
{
	return (&chacha);
}

const EVP_AEAD *
EVP_aead_xchacha20_poly1305(void)
{
	return (&xchacha);
}

EVP_AEAD_CTX *
EVP_AEAD_CTX_new(void)
{
	return (calloc(1, sizeof(EVP_AEAD_CTX)));
}

void
EVP_AEAD_CTX_free(EVP_AEAD_CTX *ctx)
{
	freezero(ctx, sizeof(*ctx));
}

int
EVP_AEAD_CTX_init(EVP_AEAD_CTX *ctx, const EVP_AEAD *aead,
    const unsigned char *key, size_t keylen, size_t taglen, ENGINE *impl)
{
	if (keylen != sizeof(ctx->key) || taglen != 16 || impl != NULL)
		return (0);
	ctx->aead = aead;
	memcpy(ctx->key, key, keylen);
	return (1);
}

int
EVP_AEAD_CTX_open(const EVP_AEAD_CTX *ctx, unsigned char *out,
    size_t *outlen, size_t max, const unsigned char *nonce, size_t noncelen,
    const unsigned char *in, size_t inlen, const unsigned char *ad,
    size_t adlen)
{
	unsigned long long	 n;
	int			 r;

	if (noncelen != ctx->aead->noncelen || inlen < 16 ||
	    max < inlen - 16)
		return (0);
	r = ctx->aead == &chacha ?
	    crypto_aead_chacha20poly1305_ietf_decrypt(out, &n, NULL, in,
	    inlen, ad, adlen, nonce, ctx->key) :
	    crypto_aead_xchacha20poly1305_ietf_decrypt(out, &n, NULL, in,
	    inlen, ad, adlen, nonce, ctx->key);
	*outlen = r == 0 ? (size_t)n : 0;
	return (r == 0);
}

int
EVP_AEAD_CTX_seal(const EVP_AEAD_CTX *ctx, unsigned char *out,
    size_t *outlen, size_t max, const unsigned char *nonce, size_t noncelen,
    const unsigned char *in, size_t inlen, const unsigned char *ad,
    size_t adlen)
{
	unsigned long long	 n;

	/* overlapping is all or nothing */
	if (noncelen != ctx->aead->noncelen || max < inlen + 16 ||
	    (out != in && out < in + inlen && in < out + inlen + 16))
		return (0);
	if (ctx->aead == &chacha)
		crypto_aead_chacha20poly1305_ietf_encrypt(out, &n, in, inlen,
		    ad, adlen, NULL, nonce, ctx->key);
	else
		crypto_aead_xchacha20poly1305_ietf_encrypt(out, &n, in, inlen,
		    ad, adlen, NULL, nonce, ctx->key);
	*outlen = (size_t)n;
	return (1);
}

int
CRYPTO_memcmp(const void *a, const void *b, size_t len)
{
	return (sodium_memcmp(a, b, len));
}

int
X25519(uint8_t out[32], const uint8_t private[32], const uint8_t public[32])
{
	return (crypto_scalarmult(out, private, public) == 0);
}

void
CRYPTO_hchacha_20(unsigned char out[32], const unsigned char key[32],
    const unsigned char iv[16])
{
	crypto_core_hchacha20(out, iv, key, NULL);
}
