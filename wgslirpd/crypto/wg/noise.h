/* SPDX-License-Identifier: ISC */

#ifndef WG_NOISE_H
#define WG_NOISE_H

#include <stdint.h>

#include "key.h"
#include "aead.h"

#define NOISE_TAI64N_LEN	12
#define NOISE_TAI64N_STEP	0x01000000	/* nanoseconds: keep no finer time */

/* WireGuard paper, 5.4: messages.  Integers are little-endian. */
#define WG_MSG_INITIATION	1
#define WG_MSG_RESPONSE		2
#define WG_MSG_COOKIE		3
#define WG_MSG_DATA		4

#define WG_INITIATION_LEN	148
#define WG_RESPONSE_LEN		92
#define WG_COOKIE_LEN		64
#define WG_DATA_HDR_LEN		16
#define WG_DATA_MIN_LEN		(WG_DATA_HDR_LEN + AEAD_TAG_LEN)
#define WG_DATA_OVERHEAD	WG_DATA_MIN_LEN
#define WG_MACS_LEN		(2 * MAC_LEN)

struct wg_initiation {
	uint32_t	 type;
	uint32_t	 sender;
	uint8_t		 ephemeral[DH_LEN];
	uint8_t		 static_box[KEY_LEN + AEAD_TAG_LEN];
	uint8_t		 timestamp_box[NOISE_TAI64N_LEN + AEAD_TAG_LEN];
	uint8_t		 mac1[MAC_LEN];
	uint8_t		 mac2[MAC_LEN];
};

struct wg_response {
	uint32_t	 type;
	uint32_t	 sender;
	uint32_t	 receiver;
	uint8_t		 ephemeral[DH_LEN];
	uint8_t		 empty_box[AEAD_TAG_LEN];
	uint8_t		 mac1[MAC_LEN];
	uint8_t		 mac2[MAC_LEN];
};

_Static_assert(sizeof(struct wg_initiation) == WG_INITIATION_LEN,
    "initiation has padding");
_Static_assert(sizeof(struct wg_response) == WG_RESPONSE_LEN,
    "response has padding");

/* This side's identity. */
struct noise_local {
	struct dh_key	*key;
	uint8_t		 private[KEY_LEN];	/* for who may see it */
	uint8_t		 public[KEY_LEN];
	uint8_t		 hash[HASH_LEN];	/* with public mixed in */
};

enum noise_state {
	NOISE_ZEROED,
	NOISE_CREATED_INITIATION,
	NOISE_CONSUMED_INITIATION,
	NOISE_CREATED_RESPONSE,
	NOISE_CONSUMED_RESPONSE
};

/* A peer's identity and its handshake in progress. */
struct noise_remote {
	uint8_t			 public[KEY_LEN];
	uint8_t			 psk[KEY_LEN];
	uint8_t			 ss[DH_LEN];	/* static-static */
	int			 ss_valid;
	uint8_t			 hash[HASH_LEN];/* with public mixed in */
	uint8_t			 last_timestamp[NOISE_TAI64N_LEN];

	enum noise_state	 state;
	uint32_t		 remote_index;
	uint8_t			 hs_ck[HASH_LEN];
	uint8_t			 hs_hash[HASH_LEN];
	uint8_t			 hs_remote_e[DH_LEN];
	struct dh_key		*hs_e;
};

/* An initiation whose static key was opened, before its peer is known. */
struct noise_opened {
	uint8_t		 public[KEY_LEN];
	uint8_t		 ck[HASH_LEN];
	uint8_t		 hash[HASH_LEN];
	uint8_t		 ephemeral[DH_LEN];
};

struct noise_keys {
	uint8_t		 send[AEAD_KEY_LEN];
	uint8_t		 recv[AEAD_KEY_LEN];
	uint32_t	 remote_index;
	int		 initiator;
};

int	 noise_local_init(struct noise_local *, const uint8_t [KEY_LEN]);
void	 noise_local_clear(struct noise_local *);
int	 noise_remote_init(const struct noise_local *,
	    struct noise_remote *, const uint8_t [KEY_LEN],
	    const uint8_t [KEY_LEN]);
void	 noise_remote_rekey(const struct noise_local *,
	    struct noise_remote *);
void	 noise_handshake_clear(struct noise_remote *);
void	 noise_tai64n(uint8_t [NOISE_TAI64N_LEN], uint64_t, uint32_t);
int	 noise_create_initiation(const struct noise_local *,
	    struct noise_remote *, const uint8_t [NOISE_TAI64N_LEN],
	    const uint8_t [DH_LEN], uint32_t, struct wg_initiation *);
int	 noise_open_initiation(const struct noise_local *,
	    const struct wg_initiation *, struct noise_opened *);
int	 noise_consume_initiation(struct noise_remote *,
	    const struct wg_initiation *, struct noise_opened *);
int	 noise_create_response(struct noise_remote *,
	    const uint8_t [DH_LEN], uint32_t, struct wg_response *);
int	 noise_consume_response(const struct noise_local *,
	    struct noise_remote *, const struct wg_response *);
int	 noise_derive(struct noise_remote *, struct noise_keys *);

#endif
