/* SPDX-License-Identifier: ISC */

#ifndef WG_AEAD_H
#define WG_AEAD_H

#include <sys/types.h>

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define AEAD_KEY_LEN	32
#define AEAD_TAG_LEN	16
#define AEAD_NONCE_LEN	12
#define XAEAD_NONCE_LEN	24
#define HASH_LEN	32
#define MAC_LEN		16
#define DH_LEN		32

struct aead_key;	/* one key in one direction, ready to use */
struct dh_key;		/* X25519 private key with its public key */

/*
 * Once, before the sandbox: NULL, or why the library cannot be used.  The
 * second is a part of it.
 */
const char	*aead_init(void);
const char	*aead_library(void);

/* RFC 8439 2.8: four zeros and the counter. */
static inline void
aead_nonce(uint8_t nonce[AEAD_NONCE_LEN], uint64_t counter)
{
	memset(nonce, 0, 4);
	counter = htole64(counter);
	memcpy(nonce + 4, &counter, 8);
}

void		 aead_direct(int);	/* for tests: 0 is by EVP only */

struct aead_key	*aead_key_seal(const uint8_t [AEAD_KEY_LEN]);
struct aead_key	*aead_key_open(const uint8_t [AEAD_KEY_LEN]);
void		 aead_key_free(struct aead_key *);
int		 aead_seal(struct aead_key *, uint64_t, const uint8_t *,
		    size_t, size_t, uint8_t *);
int		 aead_open(struct aead_key *, uint64_t, const uint8_t *,
		    size_t, uint8_t *);
int		 aead_seal_once(const uint8_t [AEAD_KEY_LEN],
		    const uint8_t *, size_t, const uint8_t *, size_t,
		    uint8_t *);
int		 aead_open_once(const uint8_t [AEAD_KEY_LEN],
		    const uint8_t *, size_t, const uint8_t *, size_t,
		    uint8_t *);
int		 xaead_seal(const uint8_t [AEAD_KEY_LEN],
		    const uint8_t [XAEAD_NONCE_LEN], const uint8_t *, size_t,
		    const uint8_t *, size_t, uint8_t *);
int		 xaead_open(const uint8_t [AEAD_KEY_LEN],
		    const uint8_t [XAEAD_NONCE_LEN], const uint8_t *, size_t,
		    const uint8_t *, size_t, uint8_t *);
int		 hchacha20(uint8_t [32], const uint8_t [32],
		    const uint8_t [16]);

int		 hash_blake2s(uint8_t [HASH_LEN], const void *, size_t,
		    const void *, size_t);
int		 mac_blake2s(uint8_t [MAC_LEN], const void *, size_t,
		    const void *, size_t);
int		 hmac_blake2s(uint8_t [HASH_LEN], const uint8_t [HASH_LEN],
		    const void *, size_t, const void *, size_t);
int		 kdf(uint8_t *, uint8_t *, uint8_t *,
		    const uint8_t [HASH_LEN], const void *, size_t);

struct dh_key	*dh_new(const uint8_t [DH_LEN]);
void		 dh_free(struct dh_key *);
void		 dh_public(const struct dh_key *, uint8_t [DH_LEN]);
int		 dh_derive(const struct dh_key *, const uint8_t [DH_LEN],
		    uint8_t [DH_LEN]);

int		 ct_equal(const void *, const void *, size_t);
void		 rand_bytes(void *, size_t);

#endif
