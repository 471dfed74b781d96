/* SPDX-License-Identifier: ISC */

/*
 * Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s as WireGuard uses it (paper, 5.4).
 *
 * No I/O, no clock, no randomness: timestamp, ephemeral and index come
 * from the caller, so that published transcripts can be replayed.  A
 * function that fails leaves the peer's handshake as it was; all
 * intermediate values are wiped.
 */

#include <sys/types.h>

#include <endian.h>
#include <string.h>

#include "noise.h"

#define TAI64_BASE	0x400000000000000aULL	/* 2^62 + 10 */

static const char	 construction[] =
    "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
static const char	 identifier[] = "WireGuard v1 zx2c4 Jason@zx2c4.com";

static int
initial_ck(uint8_t ck[HASH_LEN])
{
	return (hash_blake2s(ck, construction, sizeof(construction) - 1, "",
	    0));
}

static int
mix_hash(uint8_t h[HASH_LEN], const void *data, size_t len)
{
	uint8_t	 out[HASH_LEN];

	if (hash_blake2s(out, h, HASH_LEN, data, len) == -1)
		return (-1);
	memcpy(h, out, HASH_LEN);
	return (0);
}

/* The hash that a handshake toward the owner of public starts with. */
static int
initial_hash(uint8_t h[HASH_LEN], const uint8_t public[KEY_LEN])
{
	uint8_t	 ck[HASH_LEN];

	if (initial_ck(ck) == -1 || hash_blake2s(h, ck, HASH_LEN, identifier,
	    sizeof(identifier) - 1) == -1)
		return (-1);
	return (mix_hash(h, public, KEY_LEN));
}

static int
mix_key(uint8_t ck[HASH_LEN], uint8_t *key, const void *in, size_t len)
{
	uint8_t	 old[HASH_LEN];
	int	 r;

	memcpy(old, ck, sizeof(old));
	r = kdf(ck, key, NULL, old, in, len);
	explicit_bzero(old, sizeof(old));
	return (r);
}

static int
mix_dh(uint8_t ck[HASH_LEN], uint8_t *key, const struct dh_key *dh,
    const uint8_t public[DH_LEN])
{
	uint8_t	 shared[DH_LEN];
	int	 r = -1;

	if (dh_derive(dh, public, shared) == 0)
		r = mix_key(ck, key, shared, sizeof(shared));
	explicit_bzero(shared, sizeof(shared));
	return (r);
}

static int
mix_psk(uint8_t ck[HASH_LEN], uint8_t h[HASH_LEN], uint8_t key[32],
    const uint8_t psk[KEY_LEN])
{
	uint8_t	 old[HASH_LEN], tau[HASH_LEN];
	int	 r;

	memcpy(old, ck, sizeof(old));
	r = kdf(ck, tau, key, old, psk, KEY_LEN);
	if (r == 0)
		r = mix_hash(h, tau, sizeof(tau));
	explicit_bzero(old, sizeof(old));
	explicit_bzero(tau, sizeof(tau));
	return (r);
}

static int
seal_and_mix(uint8_t h[HASH_LEN], const uint8_t key[AEAD_KEY_LEN],
    const void *in, size_t len, uint8_t *out)
{
	if (aead_seal_once(key, h, HASH_LEN, in, len, out) == -1)
		return (-1);
	return (mix_hash(h, out, len + AEAD_TAG_LEN));
}

static int
open_and_mix(uint8_t h[HASH_LEN], const uint8_t key[AEAD_KEY_LEN],
    const uint8_t *in, size_t len, uint8_t *out)
{
	if (aead_open_once(key, h, HASH_LEN, in, len, out) == -1)
		return (-1);
	return (mix_hash(h, in, len));
}

/* Mix a message's ephemeral into both. */
static int
mix_ephemeral(uint8_t ck[HASH_LEN], uint8_t h[HASH_LEN],
    const uint8_t e[DH_LEN])
{
	if (mix_hash(h, e, DH_LEN) == -1)
		return (-1);
	return (mix_key(ck, NULL, e, DH_LEN));
}

/* Take the private key.  -1 if libcrypto fails. */
int
noise_local_init(struct noise_local *l, const uint8_t private[KEY_LEN])
{
	memset(l, 0, sizeof(*l));
	if ((l->key = dh_new(private)) == NULL)
		return (-1);
	memcpy(l->private, private, KEY_LEN);
	dh_public(l->key, l->public);
	return (initial_hash(l->hash, l->public));
}

void
noise_local_clear(struct noise_local *l)
{
	dh_free(l->key);
	explicit_bzero(l, sizeof(*l));
}

/* Forget everything that the handshake in progress has collected. */
void
noise_handshake_clear(struct noise_remote *r)
{
	dh_free(r->hs_e);
	r->hs_e = NULL;
	explicit_bzero(r->hs_ck, sizeof(r->hs_ck));
	explicit_bzero(r->hs_hash, sizeof(r->hs_hash));
	explicit_bzero(r->hs_remote_e, sizeof(r->hs_remote_e));
	r->remote_index = 0;
	r->state = NOISE_ZEROED;
}

/*
 * (Re)compute what depends on this side's private key, if it has one.  A
 * peer whose key is a low-order point is kept, but can never complete a
 * handshake.
 */
void
noise_remote_rekey(const struct noise_local *l, struct noise_remote *r)
{
	noise_handshake_clear(r);
	explicit_bzero(r->ss, sizeof(r->ss));
	r->ss_valid = l->key != NULL &&
	    dh_derive(l->key, r->public, r->ss) == 0;
}

/* psk may be NULL for none. */
int
noise_remote_init(const struct noise_local *l, struct noise_remote *r,
    const uint8_t public[KEY_LEN], const uint8_t psk[KEY_LEN])
{
	memset(r, 0, sizeof(*r));
	memcpy(r->public, public, KEY_LEN);
	if (psk != NULL)
		memcpy(r->psk, psk, KEY_LEN);
	if (initial_hash(r->hash, public) == -1)
		return (-1);
	noise_remote_rekey(l, r);
	return (0);
}

/* TAI64N label of a Unix time, coarse so that it tells nothing more. */
void
noise_tai64n(uint8_t out[NOISE_TAI64N_LEN], uint64_t sec, uint32_t nsec)
{
	uint64_t	 s = htobe64(TAI64_BASE + sec);
	uint32_t	 n = htobe32(nsec & ~(NOISE_TAI64N_STEP - 1));

	memcpy(out, &s, sizeof(s));
	memcpy(out + sizeof(s), &n, sizeof(n));
}

/*
 * First message, without MACs.  ephemeral is a fresh random private key;
 * it is copied.
 */
int
noise_create_initiation(const struct noise_local *l, struct noise_remote *r,
    const uint8_t timestamp[NOISE_TAI64N_LEN],
    const uint8_t ephemeral[DH_LEN], uint32_t index,
    struct wg_initiation *m)
{
	uint8_t		 ck[HASH_LEN], h[HASH_LEN], key[AEAD_KEY_LEN];
	struct dh_key	*e;
	int		 ok = -1;

	if (!r->ss_valid || (e = dh_new(ephemeral)) == NULL)
		return (-1);
	memset(m, 0, sizeof(*m));
	m->type = htole32(WG_MSG_INITIATION);
	m->sender = htole32(index);
	dh_public(e, m->ephemeral);
	memcpy(h, r->hash, sizeof(h));
	if (initial_ck(ck) == -1 ||
	    mix_ephemeral(ck, h, m->ephemeral) == -1 ||
	    mix_dh(ck, key, e, r->public) == -1 ||
	    seal_and_mix(h, key, l->public, KEY_LEN, m->static_box) == -1 ||
	    mix_key(ck, key, r->ss, DH_LEN) == -1 ||
	    seal_and_mix(h, key, timestamp, NOISE_TAI64N_LEN,
	    m->timestamp_box) == -1)
		goto done;
	noise_handshake_clear(r);
	memcpy(r->hs_ck, ck, sizeof(ck));
	memcpy(r->hs_hash, h, sizeof(h));
	r->hs_e = e;
	r->state = NOISE_CREATED_INITIATION;
	e = NULL;
	ok = 0;
 done:
	dh_free(e);
	explicit_bzero(ck, sizeof(ck));
	explicit_bzero(key, sizeof(key));
	return (ok);
}

/* Open the sender's static key, so that its peer can be looked up. */
int
noise_open_initiation(const struct noise_local *l,
    const struct wg_initiation *m, struct noise_opened *o)
{
	uint8_t	 key[AEAD_KEY_LEN];
	int	 r = -1;

	memcpy(o->hash, l->hash, sizeof(o->hash));
	memcpy(o->ephemeral, m->ephemeral, sizeof(o->ephemeral));
	if (initial_ck(o->ck) == 0 &&
	    mix_ephemeral(o->ck, o->hash, m->ephemeral) == 0 &&
	    mix_dh(o->ck, key, l->key, m->ephemeral) == 0 &&
	    open_and_mix(o->hash, key, m->static_box,
	    sizeof(m->static_box), o->public) == 0)
		r = 0;
	else
		explicit_bzero(o, sizeof(*o));
	explicit_bzero(key, sizeof(key));
	return (r);
}

/*
 * Finish an opened initiation for its peer: the timestamp must be newer
 * than any before.  Wipes o in any case.
 */
int
noise_consume_initiation(struct noise_remote *r,
    const struct wg_initiation *m, struct noise_opened *o)
{
	uint8_t	 key[AEAD_KEY_LEN], ts[NOISE_TAI64N_LEN];
	int	 ok = -1;

	if (!r->ss_valid || mix_key(o->ck, key, r->ss, DH_LEN) == -1 ||
	    open_and_mix(o->hash, key, m->timestamp_box,
	    sizeof(m->timestamp_box), ts) == -1)
		goto done;
	if (memcmp(ts, r->last_timestamp, sizeof(ts)) <= 0)
		goto done;
	noise_handshake_clear(r);
	memcpy(r->last_timestamp, ts, sizeof(ts));
	memcpy(r->hs_ck, o->ck, sizeof(o->ck));
	memcpy(r->hs_hash, o->hash, sizeof(o->hash));
	memcpy(r->hs_remote_e, o->ephemeral, sizeof(o->ephemeral));
	r->remote_index = le32toh(m->sender);
	r->state = NOISE_CONSUMED_INITIATION;
	ok = 0;
 done:
	explicit_bzero(key, sizeof(key));
	explicit_bzero(o, sizeof(*o));
	return (ok);
}

/* Second message, without MACs; after noise_consume_initiation(). */
int
noise_create_response(struct noise_remote *r,
    const uint8_t ephemeral[DH_LEN], uint32_t index, struct wg_response *m)
{
	uint8_t		 ck[HASH_LEN], h[HASH_LEN], key[AEAD_KEY_LEN];
	struct dh_key	*e;
	int		 ok = -1;

	if (r->state != NOISE_CONSUMED_INITIATION ||
	    (e = dh_new(ephemeral)) == NULL)
		return (-1);
	memset(m, 0, sizeof(*m));
	m->type = htole32(WG_MSG_RESPONSE);
	m->sender = htole32(index);
	m->receiver = htole32(r->remote_index);
	dh_public(e, m->ephemeral);
	memcpy(ck, r->hs_ck, sizeof(ck));
	memcpy(h, r->hs_hash, sizeof(h));
	if (mix_ephemeral(ck, h, m->ephemeral) == -1 ||
	    mix_dh(ck, NULL, e, r->hs_remote_e) == -1 ||
	    mix_dh(ck, NULL, e, r->public) == -1 ||
	    mix_psk(ck, h, key, r->psk) == -1 ||
	    seal_and_mix(h, key, NULL, 0, m->empty_box) == -1)
		goto done;
	memcpy(r->hs_ck, ck, sizeof(ck));
	memcpy(r->hs_hash, h, sizeof(h));
	r->state = NOISE_CREATED_RESPONSE;
	ok = 0;
 done:
	dh_free(e);
	explicit_bzero(ck, sizeof(ck));
	explicit_bzero(key, sizeof(key));
	return (ok);
}

/* The caller has found r by the message's receiver index. */
int
noise_consume_response(const struct noise_local *l, struct noise_remote *r,
    const struct wg_response *m)
{
	uint8_t	 ck[HASH_LEN], h[HASH_LEN], key[AEAD_KEY_LEN], none[1];
	int	 ok = -1;

	if (r->state != NOISE_CREATED_INITIATION)
		return (-1);
	memcpy(ck, r->hs_ck, sizeof(ck));
	memcpy(h, r->hs_hash, sizeof(h));
	if (mix_ephemeral(ck, h, m->ephemeral) == -1 ||
	    mix_dh(ck, NULL, r->hs_e, m->ephemeral) == -1 ||
	    mix_dh(ck, NULL, l->key, m->ephemeral) == -1 ||
	    mix_psk(ck, h, key, r->psk) == -1 ||
	    open_and_mix(h, key, m->empty_box, sizeof(m->empty_box),
	    none) == -1)
		goto done;
	memcpy(r->hs_ck, ck, sizeof(ck));
	memcpy(r->hs_hash, h, sizeof(h));
	r->remote_index = le32toh(m->sender);
	r->state = NOISE_CONSUMED_RESPONSE;
	ok = 0;
 done:
	explicit_bzero(ck, sizeof(ck));
	explicit_bzero(key, sizeof(key));
	return (ok);
}

/*
 * Transport keys of a finished handshake, which is forgotten.  The caller
 * wipes k.
 */
int
noise_derive(struct noise_remote *r, struct noise_keys *k)
{
	int	 ok;

	if (r->state == NOISE_CONSUMED_RESPONSE) {
		ok = kdf(k->send, k->recv, NULL, r->hs_ck, NULL, 0);
		k->initiator = 1;
	} else if (r->state == NOISE_CREATED_RESPONSE) {
		ok = kdf(k->recv, k->send, NULL, r->hs_ck, NULL, 0);
		k->initiator = 0;
	} else
		return (-1);
	k->remote_index = r->remote_index;
	noise_handshake_clear(r);
	return (ok);
}
