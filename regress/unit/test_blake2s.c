/* SPDX-License-Identifier: ISC */

/* BLAKE2s of our own against RFC 7693, and against OpenSSL's. */

#include "unit.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include <stdlib.h>
#include <string.h>

#include "blake2s.h"

/* RFC 7693, appendix B */
static void
abc(void **state)
{
	static const uint8_t	 want[32] = {
	    0x50, 0x8c, 0x5e, 0x8c, 0x32, 0x7c, 0x14, 0xe2,
	    0xe1, 0xa7, 0x2b, 0xa3, 0x4e, 0xeb, 0x45, 0x2f,
	    0x37, 0x45, 0x8b, 0x20, 0x9e, 0xd6, 0x3a, 0x29,
	    0x4d, 0x99, 0x9b, 0x4c, 0x86, 0x67, 0x59, 0x82 };
	struct blake2s		 s;
	uint8_t			 out[32];

	(void)state;
	blake2s_init(&s, 32, NULL, 0);
	blake2s_update(&s, "abc", 3);
	blake2s_final(&s, out);
	assert_memory_equal(out, want, 32);
}

/* The bytes of appendix E: a Fibonacci sequence. */
static void
sequence(uint8_t *out, size_t len, uint32_t seed)
{
	uint32_t	 a = 0xdead4bad * seed, b = 1, t;
	size_t		 i;

	for (i = 0; i < len; i++) {
		t = a + b;
		a = b;
		b = t;
		out[i] = (uint8_t)(t >> 24);
	}
}

/* RFC 7693, appendix E: the hash of many hashes, with keys and without. */
static void
grand(void **state)
{
	static const uint8_t	 want[32] = {
	    0x6a, 0x41, 0x1f, 0x08, 0xce, 0x25, 0xad, 0xcd,
	    0xfb, 0x02, 0xab, 0xa6, 0x41, 0x45, 0x1c, 0xec,
	    0x53, 0xc5, 0x98, 0xb2, 0x4f, 0x4f, 0xc7, 0x87,
	    0xfb, 0xdc, 0x88, 0x79, 0x7f, 0x4c, 0x1d, 0xfe };
	static const size_t	 md_len[4] = { 16, 20, 28, 32 };
	static const size_t	 in_len[6] = { 0, 3, 64, 65, 255, 1024 };
	struct blake2s		 all, s;
	uint8_t			 in[1024], md[32], key[32];
	size_t			 i, k;

	(void)state;
	blake2s_init(&all, 32, NULL, 0);
	for (i = 0; i < 4; i++)
		for (k = 0; k < 6; k++) {
			sequence(in, in_len[k], (uint32_t)in_len[k]);
			blake2s_init(&s, md_len[i], NULL, 0);
			blake2s_update(&s, in, in_len[k]);
			blake2s_final(&s, md);
			blake2s_update(&all, md, md_len[i]);
			sequence(key, md_len[i], (uint32_t)md_len[i]);
			blake2s_init(&s, md_len[i], key, md_len[i]);
			blake2s_update(&s, in, in_len[k]);
			blake2s_final(&s, md);
			blake2s_update(&all, md, md_len[i]);
		}
	blake2s_final(&all, md);
	assert_memory_equal(md, want, 32);
}

/* Whatever pieces it comes in; with a key, as OpenSSL's. */
static void
pieces(void **state)
{
	static uint8_t	 in[1000];
	struct blake2s	 s;
	EVP_MAC		*mac = EVP_MAC_fetch(NULL, "BLAKE2SMAC", NULL);
	EVP_MAC_CTX	*ctx = EVP_MAC_CTX_new(mac);
	OSSL_PARAM	 params[2];
	uint8_t		 key[32], out[32], theirs[32];
	size_t		 len, keylen, outlen, off, n;
	int		 i;

	(void)state;
	sequence(in, sizeof(in), 7);
	sequence(key, sizeof(key), 8);
	for (i = 0; i < 3000; i++) {
		len = (size_t)i % 700;
		keylen = 1 + (size_t)i % 32;
		outlen = 1 + (size_t)i / 7 % 32;
		blake2s_init(&s, outlen, key, keylen);
		for (off = 0; off < len; off += n) {
			n = 1 + (size_t)(i * 31 + (int)off * 17) % 130;
			if (n > len - off)
				n = len - off;
			blake2s_update(&s, in + off, n);
		}
		blake2s_final(&s, out);
		params[0] = OSSL_PARAM_construct_size_t(
		    OSSL_MAC_PARAM_SIZE, &outlen);
		params[1] = OSSL_PARAM_construct_end();
		assert_int_equal(EVP_MAC_init(ctx, key, keylen, params), 1);
		assert_int_equal(EVP_MAC_update(ctx, in, len), 1);
		assert_int_equal(EVP_MAC_final(ctx, theirs, &n, 32), 1);
		assert_int_equal(n, outlen);
		assert_memory_equal(out, theirs, outlen);
	}
	EVP_MAC_CTX_free(ctx);
	EVP_MAC_free(mac);
}

int
main(void)
{
	const struct CMUnitTest	 tests[] = {
		cmocka_unit_test(abc),
		cmocka_unit_test(grand),
		cmocka_unit_test(pieces)
	};

	return (RUN(tests));
}
