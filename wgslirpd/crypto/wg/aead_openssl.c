/* SPDX-License-Identifier: ISC */

/*
 * All of OpenSSL's libcrypto that WireGuard needs, in one file; aead_libressl.c
 * is the same for LibreSSL's.
 *
 * Algorithms are fetched once from a private library context without any
 * configuration file, contexts are kept and re-initialised with a new key
 * or nonce only.  EVP_DecryptFinal_ex() succeeds when no tag was ever
 * set, and an old tag survives a change of the nonce, so the tag is set
 * for every packet and aead_init() proves with a corrupted one that it is
 * looked at.
 *
 * Of the microsecond that EVP takes for a full packet an eighth goes into
 * looking things up by name.  Transport keys therefore call the functions
 * of the provider's cipher themselves, as provider-cipher(7) lists them;
 * should one be missing, they go through EVP.
 */

#include <sys/types.h>

#include <endian.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "log.h"
#include "aead.h"

struct aead_key {
	EVP_CIPHER_CTX	*evp;		/* one of the two */
	void		*direct;
};

struct dh_key {
	EVP_PKEY	*pkey;
	EVP_PKEY_CTX	*ctx;
	uint8_t		 public[DH_LEN];
};

static struct {
	OSSL_LIB_CTX	*lib;
	OSSL_PROVIDER	*prov;
	EVP_CIPHER	*chachapoly;
	EVP_CIPHER	*chacha;
	EVP_MD		*blake2s;
	EVP_MAC		*hmac;
	EVP_MAC		*b2mac;
	EVP_CIPHER_CTX	*once_seal;
	EVP_CIPHER_CTX	*once_open;
	EVP_CIPHER_CTX	*stream;
	EVP_MD_CTX	*md;
	EVP_MAC_CTX	*hmac_ctx;
	EVP_MAC_CTX	*mac_ctx;
} g;

/*
 * The provider's ChaCha20-Poly1305, if usable; and its parameter for the tag,
 * which is made once: for each packet only the place changes.
 */
static struct {
	int					 usable;
	OSSL_FUNC_cipher_newctx_fn		*newctx;
	OSSL_FUNC_cipher_freectx_fn		*freectx;
	OSSL_FUNC_cipher_encrypt_init_fn	*seal_init;
	OSSL_FUNC_cipher_decrypt_init_fn	*open_init;
	OSSL_FUNC_cipher_update_fn		*update;
	OSSL_FUNC_cipher_final_fn		*final;
	OSSL_FUNC_cipher_get_ctx_params_fn	*get_params;
	OSSL_PARAM				 tag[2];
} direct;

static void
direct_take(const OSSL_DISPATCH *d)
{
	for (; d->function_id != 0; d++)
		switch (d->function_id) {
		case OSSL_FUNC_CIPHER_NEWCTX:
			direct.newctx = OSSL_FUNC_cipher_newctx(d);
			break;
		case OSSL_FUNC_CIPHER_FREECTX:
			direct.freectx = OSSL_FUNC_cipher_freectx(d);
			break;
		case OSSL_FUNC_CIPHER_ENCRYPT_INIT:
			direct.seal_init = OSSL_FUNC_cipher_encrypt_init(d);
			break;
		case OSSL_FUNC_CIPHER_DECRYPT_INIT:
			direct.open_init = OSSL_FUNC_cipher_decrypt_init(d);
			break;
		case OSSL_FUNC_CIPHER_UPDATE:
			direct.update = OSSL_FUNC_cipher_update(d);
			break;
		case OSSL_FUNC_CIPHER_FINAL:
			direct.final = OSSL_FUNC_cipher_final(d);
			break;
		case OSSL_FUNC_CIPHER_GET_CTX_PARAMS:
			direct.get_params =
			    OSSL_FUNC_cipher_get_ctx_params(d);
			break;
		}
}

static void
direct_find(void)
{
	const OSSL_ALGORITHM	*a;
	int			 no_cache;

	direct.tag[0] = OSSL_PARAM_construct_octet_string(
	    OSSL_CIPHER_PARAM_AEAD_TAG, NULL, AEAD_TAG_LEN);
	direct.tag[1] = OSSL_PARAM_construct_end();
	if ((a = OSSL_PROVIDER_query_operation(g.prov, OSSL_OP_CIPHER,
	    &no_cache)) == NULL)
		return;
	for (; a->algorithm_names != NULL; a++)
		if (strcasecmp(a->algorithm_names,
		    "ChaCha20-Poly1305") == 0)
			direct_take(a->implementation);
}

/* Whether transport keys made from now on pass by EVP, if they can. */
void
aead_direct(int on)
{
	direct.usable = on && direct.newctx != NULL &&
	    direct.freectx != NULL && direct.seal_init != NULL &&
	    direct.open_init != NULL && direct.update != NULL &&
	    direct.final != NULL && direct.get_params != NULL;
}

static int
lib_init(void)
{
	OSSL_PARAM	 params[2];
	size_t		 size = MAC_LEN;
	char		 digest[] = "BLAKE2S-256";
	uint8_t		 zero[32] = { 0 };

	if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
	    OPENSSL_INIT_NO_ATEXIT, NULL))
		return (-1);
	if ((g.lib = OSSL_LIB_CTX_new()) == NULL ||
	    (g.prov = OSSL_PROVIDER_load(g.lib, "default")) == NULL)
		return (-1);
	g.chachapoly = EVP_CIPHER_fetch(g.lib, "ChaCha20-Poly1305", NULL);
	g.chacha = EVP_CIPHER_fetch(g.lib, "ChaCha20", NULL);
	g.blake2s = EVP_MD_fetch(g.lib, "BLAKE2S-256", NULL);
	g.hmac = EVP_MAC_fetch(g.lib, "HMAC", NULL);
	g.b2mac = EVP_MAC_fetch(g.lib, "BLAKE2SMAC", NULL);
	if (g.chachapoly == NULL || g.chacha == NULL || g.blake2s == NULL ||
	    g.hmac == NULL || g.b2mac == NULL)
		return (-1);
	if ((g.once_seal = EVP_CIPHER_CTX_new()) == NULL ||
	    (g.once_open = EVP_CIPHER_CTX_new()) == NULL ||
	    (g.stream = EVP_CIPHER_CTX_new()) == NULL ||
	    (g.md = EVP_MD_CTX_new()) == NULL ||
	    (g.hmac_ctx = EVP_MAC_CTX_new(g.hmac)) == NULL ||
	    (g.mac_ctx = EVP_MAC_CTX_new(g.b2mac)) == NULL)
		return (-1);
	if (EVP_EncryptInit_ex2(g.once_seal, g.chachapoly, NULL, NULL,
	    NULL) != 1 ||
	    EVP_DecryptInit_ex2(g.once_open, g.chachapoly, NULL, NULL,
	    NULL) != 1 ||
	    EVP_EncryptInit_ex2(g.stream, g.chacha, NULL, NULL, NULL) != 1 ||
	    EVP_DigestInit_ex2(g.md, g.blake2s, NULL) != 1)
		return (-1);
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST,
	    digest, 0);
	params[1] = OSSL_PARAM_construct_end();
	if (EVP_MAC_CTX_set_params(g.hmac_ctx, params) != 1)
		return (-1);
	/* a digest of 16 bytes is not a longer one cut off */
	params[0] = OSSL_PARAM_construct_size_t(OSSL_MAC_PARAM_SIZE, &size);
	return (EVP_MAC_init(g.mac_ctx, zero, sizeof(zero), params) == 1 ?
	    0 : -1);
}

/* One context, keyed once; afterwards only the nonce changes. */
static struct aead_key *
aead_key_new(const uint8_t key[AEAD_KEY_LEN], int seal)
{
	struct aead_key	*k;
	int		 ok = 0;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		return (NULL);
	if (direct.usable) {
		k->direct = direct.newctx(
		    OSSL_PROVIDER_get0_provider_ctx(g.prov));
		if (k->direct != NULL)
			ok = (seal ? direct.seal_init : direct.open_init)(
			    k->direct, key, AEAD_KEY_LEN, NULL, 0, NULL);
	} else if ((k->evp = EVP_CIPHER_CTX_new()) != NULL)
		ok = EVP_CipherInit_ex2(k->evp, g.chachapoly, key, NULL,
		    seal, NULL);
	if (ok != 1) {
		aead_key_free(k);
		return (NULL);
	}
	return (k);
}

struct aead_key *
aead_key_seal(const uint8_t key[AEAD_KEY_LEN])
{
	return (aead_key_new(key, 1));
}

struct aead_key *
aead_key_open(const uint8_t key[AEAD_KEY_LEN])
{
	return (aead_key_new(key, 0));
}

/* libcrypto wipes the key schedule. */
void
aead_key_free(struct aead_key *k)
{
	if (k == NULL)
		return;
	if (k->direct != NULL)
		direct.freectx(k->direct);
	EVP_CIPHER_CTX_free(k->evp);
	free(k);
}

static int
ctx_seal(EVP_CIPHER_CTX *ctx, const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t len, size_t padded, uint8_t *out)
{
	static const uint8_t	 zeros[16];
	int			 n, total = 0;

	if (adlen > 0 && EVP_EncryptUpdate(ctx, NULL, &n, ad,
	    (int)adlen) != 1)
		return (-1);
	if (len > 0) {
		if (EVP_EncryptUpdate(ctx, out, &n, in, (int)len) != 1)
			return (-1);
		total = n;
	}
	if (padded > len) {
		if (EVP_EncryptUpdate(ctx, out + total, &n, zeros,
		    (int)(padded - len)) != 1)
			return (-1);
		total += n;
	}
	if (EVP_EncryptFinal_ex(ctx, out + total, &n) != 1)
		return (-1);
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, AEAD_TAG_LEN,
	    out + padded) != 1)
		return (-1);
	return (0);
}

static int
ctx_open(EVP_CIPHER_CTX *ctx, const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t len, uint8_t *out)
{
	uint8_t	 tag[AEAD_TAG_LEN];
	int	 n;

	len -= AEAD_TAG_LEN;
	memcpy(tag, in + len, sizeof(tag));
	if (EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, AEAD_TAG_LEN,
	    tag) != 1)
		return (-1);
	if (adlen > 0 && EVP_DecryptUpdate(ctx, NULL, &n, ad,
	    (int)adlen) != 1)
		return (-1);
	if (len > 0 && EVP_DecryptUpdate(ctx, out, &n, in, (int)len) != 1)
		return (-1);
	return (EVP_DecryptFinal_ex(ctx, out + len, &n) == 1 ? 0 : -1);
}

static int
direct_seal(void *ctx, const uint8_t nonce[AEAD_NONCE_LEN], const uint8_t *in,
    size_t len, size_t padded, uint8_t *out)
{
	static const uint8_t	 zeros[16];
	size_t			 n;

	direct.tag[0].data = out + padded;
	if (direct.seal_init(ctx, NULL, 0, nonce, AEAD_NONCE_LEN, NULL) != 1 ||
	    (len > 0 && direct.update(ctx, out, &n, padded, in, len) != 1) ||
	    (padded > len && direct.update(ctx, out + len, &n, padded - len,
	    zeros, padded - len) != 1) ||
	    direct.final(ctx, out + padded, &n, AEAD_TAG_LEN) != 1 ||
	    direct.get_params(ctx, direct.tag) != 1)
		return (-1);
	return (0);
}

static int
direct_open(void *ctx, const uint8_t nonce[AEAD_NONCE_LEN], const uint8_t *in,
    size_t len, uint8_t *out)
{
	static uint8_t	 tag[AEAD_TAG_LEN];
	size_t		 n;

	len -= AEAD_TAG_LEN;
	memcpy(tag, in + len, sizeof(tag));
	direct.tag[0].data = tag;
	if (direct.open_init(ctx, NULL, 0, nonce, AEAD_NONCE_LEN,
	    direct.tag) != 1 ||
	    (len > 0 && direct.update(ctx, out, &n, len, in, len) != 1) ||
	    direct.final(ctx, out + len, &n, 0) != 1)
		return (-1);
	return (0);
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

	aead_nonce(nonce, counter);
	if (k->direct != NULL)
		return (direct_seal(k->direct, nonce, in, len, padded, out));
	if (EVP_EncryptInit_ex(k->evp, NULL, NULL, NULL, nonce) != 1)
		return (-1);
	return (ctx_seal(k->evp, NULL, 0, in, len, padded, out));
}

/*
 * Decrypt len bytes, tag included, into len - AEAD_TAG_LEN bytes at out.
 * On failure (-1) out holds unverified bytes and must not be used.
 */
int
aead_open(struct aead_key *k, uint64_t counter, const uint8_t *in,
    size_t len, uint8_t *out)
{
	uint8_t	 nonce[AEAD_NONCE_LEN];

	if (len < AEAD_TAG_LEN)
		return (-1);
	aead_nonce(nonce, counter);
	if (k->direct != NULL)
		return (direct_open(k->direct, nonce, in, len, out));
	if (EVP_DecryptInit_ex(k->evp, NULL, NULL, NULL, nonce) != 1)
		return (-1);
	return (ctx_open(k->evp, NULL, 0, in, len, out));
}

/* Handshake fields: nonce 0, used once. */
int
aead_seal_once(const uint8_t key[AEAD_KEY_LEN], const uint8_t *ad,
    size_t adlen, const uint8_t *in, size_t len, uint8_t *out)
{
	static const uint8_t	 nonce[AEAD_NONCE_LEN];

	if (EVP_EncryptInit_ex(g.once_seal, NULL, NULL, key, nonce) != 1)
		return (-1);
	return (ctx_seal(g.once_seal, ad, adlen, in, len, len, out));
}

int
aead_open_once(const uint8_t key[AEAD_KEY_LEN], const uint8_t *ad,
    size_t adlen, const uint8_t *in, size_t len, uint8_t *out)
{
	static const uint8_t	 nonce[AEAD_NONCE_LEN];

	if (len < AEAD_TAG_LEN || EVP_DecryptInit_ex(g.once_open, NULL, NULL,
	    key, nonce) != 1)
		return (-1);
	return (ctx_open(g.once_open, ad, adlen, in, len, out));
}

/*
 * HChaCha20 (draft-irtf-cfrg-xchacha, 2.2) from the ChaCha20 stream: the
 * last step of a block adds the initial state, so subtracting it from
 * words 0-3 and 12-15 of the first block leaves the wanted output.
 */
int
hchacha20(uint8_t out[32], const uint8_t key[32], const uint8_t in[16])
{
	static const uint8_t	 sigma[] = "expand 32-byte k";
	uint8_t			 zeros[64] = { 0 }, block[64];
	uint32_t		 w, s;
	int			 i, n;

	if (EVP_EncryptInit_ex(g.stream, NULL, NULL, key, in) != 1 ||
	    EVP_EncryptUpdate(g.stream, block, &n, zeros,
	    sizeof(zeros)) != 1)
		return (-1);
	for (i = 0; i < 4; i++) {
		memcpy(&w, block + i * 4, 4);
		memcpy(&s, sigma + i * 4, 4);
		w = htole32(le32toh(w) - le32toh(s));
		memcpy(out + i * 4, &w, 4);
		memcpy(&w, block + 48 + i * 4, 4);
		memcpy(&s, in + i * 4, 4);
		w = htole32(le32toh(w) - le32toh(s));
		memcpy(out + 16 + i * 4, &w, 4);
	}
	OPENSSL_cleanse(block, sizeof(block));
	return (0);
}

static int
xaead(const uint8_t key[AEAD_KEY_LEN], const uint8_t nonce[XAEAD_NONCE_LEN],
    const uint8_t *ad, size_t adlen, const uint8_t *in, size_t len,
    uint8_t *out, int seal)
{
	uint8_t	 sub[32], n12[AEAD_NONCE_LEN] = { 0 };
	int	 r = -1;

	memcpy(n12 + 4, nonce + 16, 8);
	if (hchacha20(sub, key, nonce) == -1)
		return (-1);
	if (seal) {
		if (EVP_EncryptInit_ex(g.once_seal, NULL, NULL, sub,
		    n12) == 1)
			r = ctx_seal(g.once_seal, ad, adlen, in, len, len,
			    out);
	} else if (EVP_DecryptInit_ex(g.once_open, NULL, NULL, sub,
	    n12) == 1)
		r = ctx_open(g.once_open, ad, adlen, in, len, out);
	OPENSSL_cleanse(sub, sizeof(sub));
	return (r);
}

int
xaead_seal(const uint8_t key[AEAD_KEY_LEN],
    const uint8_t nonce[XAEAD_NONCE_LEN], const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t len, uint8_t *out)
{
	return (xaead(key, nonce, ad, adlen, in, len, out, 1));
}

int
xaead_open(const uint8_t key[AEAD_KEY_LEN],
    const uint8_t nonce[XAEAD_NONCE_LEN], const uint8_t *ad, size_t adlen,
    const uint8_t *in, size_t len, uint8_t *out)
{
	if (len < AEAD_TAG_LEN)
		return (-1);
	return (xaead(key, nonce, ad, adlen, in, len, out, 0));
}

/* BLAKE2s-256 of a, followed by b. */
int
hash_blake2s(uint8_t out[HASH_LEN], const void *a, size_t alen,
    const void *b, size_t blen)
{
	unsigned int	 n;

	if (EVP_DigestInit_ex2(g.md, NULL, NULL) != 1 ||
	    EVP_DigestUpdate(g.md, a, alen) != 1 ||
	    EVP_DigestUpdate(g.md, b, blen) != 1 ||
	    EVP_DigestFinal_ex(g.md, out, &n) != 1)
		return (-1);
	return (0);
}

/* Keyed BLAKE2s with 16 bytes of output (RFC 7693). */
int
mac_blake2s(uint8_t out[MAC_LEN], const void *key, size_t keylen,
    const void *data, size_t len)
{
	size_t	 n;

	if (EVP_MAC_init(g.mac_ctx, key, keylen, NULL) != 1 ||
	    EVP_MAC_update(g.mac_ctx, data, len) != 1 ||
	    EVP_MAC_final(g.mac_ctx, out, &n, MAC_LEN) != 1)
		return (-1);
	return (0);
}

int
hmac_blake2s(uint8_t out[HASH_LEN], const uint8_t key[HASH_LEN],
    const void *a, size_t alen, const void *b, size_t blen)
{
	size_t	 n;

	if (EVP_MAC_init(g.hmac_ctx, key, HASH_LEN, NULL) != 1 ||
	    EVP_MAC_update(g.hmac_ctx, a, alen) != 1 ||
	    EVP_MAC_update(g.hmac_ctx, b, blen) != 1 ||
	    EVP_MAC_final(g.hmac_ctx, out, &n, HASH_LEN) != 1)
		return (-1);
	return (0);
}

/* Takes a copy of the private key.  NULL on failure. */
struct dh_key *
dh_new(const uint8_t private[DH_LEN])
{
	struct dh_key	*k;
	size_t		 n = DH_LEN;

	if ((k = calloc(1, sizeof(*k))) == NULL)
		return (NULL);
	k->pkey = EVP_PKEY_new_raw_private_key_ex(g.lib, "X25519", NULL,
	    private, DH_LEN);
	if (k->pkey == NULL ||
	    EVP_PKEY_get_raw_public_key(k->pkey, k->public, &n) != 1 ||
	    (k->ctx = EVP_PKEY_CTX_new_from_pkey(g.lib, k->pkey, NULL)) ==
	    NULL || EVP_PKEY_derive_init(k->ctx) != 1) {
		dh_free(k);
		return (NULL);
	}
	return (k);
}

void
dh_free(struct dh_key *k)
{
	if (k == NULL)
		return;
	EVP_PKEY_CTX_free(k->ctx);
	EVP_PKEY_free(k->pkey);
	free(k);
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
	EVP_PKEY	*peer;
	size_t		 n = DH_LEN;
	int		 r = -1;

	peer = EVP_PKEY_new_raw_public_key_ex(g.lib, "X25519", NULL, public,
	    DH_LEN);
	if (peer != NULL && EVP_PKEY_derive_set_peer_ex(k->ctx, peer, 0) ==
	    1 && EVP_PKEY_derive(k->ctx, out, &n) == 1 && n == DH_LEN)
		r = 0;
	else {
		OPENSSL_cleanse(out, DH_LEN);
		ERR_clear_error();
	}
	EVP_PKEY_free(peer);
	return (r);
}

/* In time that does not depend on the content. */
int
ct_equal(const void *a, const void *b, size_t len)
{
	return (CRYPTO_memcmp(a, b, len) == 0);
}

/*
 * Do the provider's functions and EVP agree about a packet of so many bytes,
 * both ways, and about one that was changed?
 */
static int
paths_agree(size_t len, size_t padded)
{
	static const uint8_t	 key[AEAD_KEY_LEN] = { 3 };
	static uint8_t		 msg[1420], box[2][1440], out[1440];
	struct aead_key		*seal[2] = { NULL, NULL };
	struct aead_key		*open[2] = { NULL, NULL };
	size_t			 total = padded + AEAD_TAG_LEN;
	int			 i, ok = 1;

	memset(msg, 7, sizeof(msg));
	for (i = 0; i < 2; i++) {
		aead_direct(i);
		seal[i] = aead_key_seal(key);
		open[i] = aead_key_open(key);
		ok = ok && seal[i] != NULL && open[i] != NULL &&
		    aead_seal(seal[i], 5, msg, len, padded, box[i]) == 0;
	}
	ok = ok && memcmp(box[0], box[1], total) == 0;
	for (i = 0; i < 2 && ok; i++) {
		ok = aead_open(open[i], 5, box[!i], total, out) == 0 &&
		    memcmp(out, msg, len) == 0;
		box[!i][total - 1] ^= 1;
		ok = ok && aead_open(open[i], 5, box[!i], total, out) == -1;
		box[!i][total - 1] ^= 1;
	}
	for (i = 0; i < 2; i++) {
		aead_key_free(seal[i]);
		aead_key_free(open[i]);
	}
	return (ok);
}

/*
 * Whether the provider's functions can be used: each kind of packet that
 * there is must come out as EVP makes it, a keepalive, a padded one, a full
 * one.  Another libcrypto may want them called otherwise.
 */
static void
direct_test(void)
{
	aead_direct(1);
	if (!direct.usable)
		return;
	if (!paths_agree(0, 0) || !paths_agree(21, 32) ||
	    !paths_agree(1420, 1420)) {
		ERR_clear_error();
		log_info("this libcrypto's ChaCha20-Poly1305 is used by EVP");
		aead_direct(0);
		return;
	}
	aead_direct(1);
}

const char *
aead_library(void)
{
	if (lib_init() == -1)
		return ("libcrypto lacks an algorithm");
	direct_find();
	direct_test();
	return (NULL);
}
