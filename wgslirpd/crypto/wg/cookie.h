/* SPDX-License-Identifier: ISC */

#ifndef WG_COOKIE_H
#define WG_COOKIE_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stdint.h>

#include "mono.h"
#include "siphash.h"
#include "noise.h"

#define COOKIE_LEN	16

struct wg_cookie {
	uint32_t	 type;
	uint32_t	 receiver;
	uint8_t		 nonce[XAEAD_NONCE_LEN];
	uint8_t		 box[COOKIE_LEN + AEAD_TAG_LEN];
};
_Static_assert(sizeof(struct wg_cookie) == WG_COOKIE_LEN,
    "cookie reply has padding");

/* Keys derived from the public key of a message's receiver. */
struct cookie_keys {
	uint8_t		 mac1[HASH_LEN];
	uint8_t		 cookie[HASH_LEN];
};

/* Checks what arrives here. */
struct cookie_checker {
	struct cookie_keys	 keys;
	uint8_t			 secret[32];
	mono_t			 secret_birth;
	uint8_t			 before[32];	/* the last one, if shared */
	uint8_t			 shared[HASH_LEN];	/* of all gateways */
	uint64_t		 epoch;		/* of secret; 0: it is random */
};

/* Signs what is sent to one peer. */
struct cookie_maker {
	struct cookie_keys	 keys;
	uint8_t			 cookie[COOKIE_LEN];
	mono_t			 cookie_birth;
	uint8_t			 last_mac1[MAC_LEN];
	int			 mac1_outstanding;
};

enum cookie_mac {
	COOKIE_MAC_INVALID,
	COOKIE_MAC1,		/* mac1 is valid */
	COOKIE_MAC2		/* and so is mac2 */
};

/* Token buckets for each source, in a table that cannot grow. */
#define RATELIMIT_BUCKETS	1024
#define RATELIMIT_WAYS		8

struct ratelimit_entry {
	uint8_t		 prefix[8];	/* IPv4 /32, or IPv6 /64 */
	uint8_t		 af;
	mono_t		 last;
	mono_t		 tokens;	/* in nanoseconds of credit */
};

struct ratelimit {
	struct siphash_key	 key;
	struct ratelimit_entry	 e[RATELIMIT_BUCKETS][RATELIMIT_WAYS];
};

int	 cookie_keys_init(struct cookie_keys *, const uint8_t [KEY_LEN]);
int	 cookie_checker_init(struct cookie_checker *,
	    const uint8_t [KEY_LEN]);
int	 cookie_checker_share(struct cookie_checker *,
	    const uint8_t [KEY_LEN]);
int	 cookie_checker_time(struct cookie_checker *, uint64_t);
enum cookie_mac	 cookie_check(struct cookie_checker *, const void *,
	    size_t, const struct sockaddr *, int, mono_t);
int	 cookie_reply(struct cookie_checker *, const void *, size_t,
	    uint32_t, const struct sockaddr *, mono_t, struct wg_cookie *);
int	 cookie_maker_init(struct cookie_maker *, const uint8_t [KEY_LEN]);
int	 cookie_sign(struct cookie_maker *, void *, size_t, mono_t);
int	 cookie_consume(struct cookie_maker *, const struct wg_cookie *,
	    mono_t);
void	 ratelimit_init(struct ratelimit *);
int	 ratelimit_allow(struct ratelimit *, const struct sockaddr *, int,
	    mono_t);

#endif
