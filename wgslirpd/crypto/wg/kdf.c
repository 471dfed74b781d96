/* SPDX-License-Identifier: ISC */

/* What is made of the primitives, whichever library has them. */

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "aead.h"

/*
 * KDFn of the WireGuard paper (5.4): HKDF (RFC 5869) over HMAC-BLAKE2s,
 * salt ck, empty info; n is the number of outputs that are not NULL.
 */
int
kdf(uint8_t *o1, uint8_t *o2, uint8_t *o3, const uint8_t ck[HASH_LEN],
    const void *in, size_t inlen)
{
	uint8_t		 prk[HASH_LEN], t[HASH_LEN];
	uint8_t		*out[3] = { o1, o2, o3 }, n;
	int		 r = -1;

	if (hmac_blake2s(prk, ck, in, inlen, "", 0) == -1)
		return (-1);
	for (n = 1; n <= 3 && out[n - 1] != NULL; n++) {
		if (hmac_blake2s(t, prk, t, n == 1 ? 0 : HASH_LEN, &n,
		    1) == -1)
			goto done;
		memcpy(out[n - 1], t, HASH_LEN);
	}
	r = 0;
 done:
	explicit_bzero(prk, sizeof(prk));
	explicit_bzero(t, sizeof(t));
	return (r);
}

void
rand_bytes(void *p, size_t len)
{
	arc4random_buf(p, len);
}

/*
 * Known answers: the constant that starts the Noise handshake, and a tag
 * that must be looked at.
 */
static const char *
self_test(void)
{
	static const char	 name[] =
	    "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
	static const uint8_t	 want[HASH_LEN] = {
	    0x60, 0xe2, 0x6d, 0xae, 0xf3, 0x27, 0xef, 0xc0,
	    0x2e, 0xc3, 0x35, 0xe2, 0xa0, 0x25, 0xd2, 0xd0,
	    0x16, 0xeb, 0x42, 0x06, 0xf8, 0x72, 0x77, 0xf5,
	    0x2d, 0x38, 0xd1, 0x98, 0x8b, 0x78, 0xcd, 0x36 };
	static const uint8_t	 key[32] = { 1 }, msg[32] = { 2 }, zero[32];
	uint8_t			 h[HASH_LEN], box[48], out[32], pub[32];
	struct aead_key		*seal, *open;
	struct dh_key		*dh;
	const char		*reason = NULL;

	if (hash_blake2s(h, name, sizeof(name) - 1, "", 0) == -1 ||
	    memcmp(h, want, sizeof(h)) != 0)
		return ("BLAKE2s gives a wrong answer");
	if (mac_blake2s(h, key, sizeof(key), msg, sizeof(msg)) == -1 ||
	    kdf(h, out, NULL, key, msg, sizeof(msg)) == -1 ||
	    hchacha20(out, key, msg) == -1)
		return ("a primitive is missing");
	seal = aead_key_seal(key);
	open = aead_key_open(key);
	if (seal == NULL || open == NULL ||
	    aead_seal(seal, 1, msg, 32, 32, box) == -1 ||
	    aead_open(open, 1, box, 48, out) == -1 ||
	    memcmp(out, msg, 32) != 0)
		reason = "ChaCha20-Poly1305 does not decrypt";
	else {
		box[47] ^= 1;
		if (aead_open(open, 1, box, 48, out) == 0)
			reason = "ChaCha20-Poly1305 accepts a bad tag";
		box[47] ^= 1;
		if (aead_open(open, 2, box, 48, out) == 0)
			reason = "ChaCha20-Poly1305 accepts a bad nonce";
	}
	aead_key_free(seal);
	aead_key_free(open);
	if (reason != NULL)
		return (reason);
	/* also warms up key generation and the random generator */
	if ((dh = dh_new(key)) == NULL)
		return ("X25519 is missing");
	dh_public(dh, pub);
	if (dh_derive(dh, pub, out) == -1 || dh_derive(dh, zero, h) == 0)
		reason = "X25519 gives a wrong answer";
	dh_free(dh);
	return (reason);
}

const char *
aead_init(void)
{
	const char	*why = aead_library();

	return (why != NULL ? why : self_test());
}
