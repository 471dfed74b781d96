/* SPDX-License-Identifier: ISC */

/*
 * MACs, cookies and the handshake rate limit (WireGuard paper, 5.3 and
 * 5.4.7).  mac1 proves that the sender knows who it talks to, mac2 that
 * it can receive at its address.  A cookie covers address and port.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <endian.h>
#include <string.h>

#include "addr.h"
#include "cookie.h"

#define COOKIE_SECRET_AGE	MONO_SEC(120)
#define COOKIE_LATENCY		MONO_SEC(5)
#define RATELIMIT_COST		(MONO_SEC(1) / 20)
#define RATELIMIT_BURST		(5 * RATELIMIT_COST)
#define RATELIMIT_IDLE		MONO_SEC(1)

static const char	 label_mac1[] = "mac1----";
static const char	 label_cookie[] = "cookie--";
static const char	 label_shared[] = "wgslirpd cookie secret";

int
cookie_keys_init(struct cookie_keys *k, const uint8_t public[KEY_LEN])
{
	if (hash_blake2s(k->mac1, label_mac1, sizeof(label_mac1) - 1, public,
	    KEY_LEN) == -1)
		return (-1);
	return (hash_blake2s(k->cookie, label_cookie,
	    sizeof(label_cookie) - 1, public, KEY_LEN));
}

/* For messages to the owner of the public key, which is this side. */
int
cookie_checker_init(struct cookie_checker *c, const uint8_t public[KEY_LEN])
{
	memset(c, 0, sizeof(*c));
	return (cookie_keys_init(&c->keys, public));
}

/* Address and port as they go into the cookie, or the key at a relay. */
#define SOURCE_MAX	32
static size_t
source_bytes(const struct sockaddr *sa, uint8_t buf[SOURCE_MAX])
{
	const struct sockaddr_in	*sin;
	const struct sockaddr_in6	*sin6;

	if (sa->sa_family == AF_INET) {
		sin = (const struct sockaddr_in *)sa;
		memcpy(buf, &sin->sin_addr, 4);
		memcpy(buf + 4, &sin->sin_port, 2);
		return (6);
	}
	if (sa->sa_family == AF_RELAY) {
		memcpy(buf, sa_relay(sa), 32);
		return (32);
	}
	sin6 = (const struct sockaddr_in6 *)sa;
	memcpy(buf, &sin6->sin6_addr, 16);
	memcpy(buf + 16, &sin6->sin6_port, 2);
	return (18);
}

/*
 * Gateways with one key have one secret, which follows from the key and the
 * time: a cookie of one of them is good at the others.
 */
int
cookie_checker_share(struct cookie_checker *c, const uint8_t private[KEY_LEN])
{
	c->epoch = 0;
	return (hash_blake2s(c->shared, label_shared,
	    sizeof(label_shared) - 1, private, KEY_LEN));
}

static int
secret_of(const struct cookie_checker *c, uint64_t epoch, uint8_t secret[32])
{
	uint8_t	 in[9];
	int	 i;

	epoch = htole64(epoch);
	memcpy(in, &epoch, 8);
	for (i = 0; i < 2; i++) {
		in[8] = (uint8_t)i;
		if (mac_blake2s(secret + i * MAC_LEN, c->shared, HASH_LEN, in,
		    sizeof(in)) == -1)
			return (-1);
	}
	return (0);
}

/* It is so late, in Unix seconds; for a secret that is shared. */
int
cookie_checker_time(struct cookie_checker *c, uint64_t wall)
{
	uint64_t	 epoch = wall / MONO_TO_SEC(COOKIE_SECRET_AGE) + 1;

	if (epoch == c->epoch)
		return (0);
	if (secret_of(c, epoch, c->secret) == -1 ||
	    secret_of(c, epoch - 1, c->before) == -1)
		return (-1);
	c->epoch = epoch;
	return (0);
}

static int
make_cookie(struct cookie_checker *c, const uint8_t secret[32],
    const struct sockaddr *sa, uint8_t cookie[COOKIE_LEN])
{
	uint8_t	 src[SOURCE_MAX];

	return (mac_blake2s(cookie, secret, sizeof(c->secret), src,
	    source_bytes(sa, src)));
}

/* Without others to share it with: another one every two minutes. */
static void
renew(struct cookie_checker *c, mono_t now)
{
	if (c->epoch == 0 && (c->secret_birth == 0 ||
	    now - c->secret_birth > COOKIE_SECRET_AGE)) {
		rand_bytes(c->secret, sizeof(c->secret));
		c->secret_birth = now;
	}
}

/* Was mac2 made with the cookie of this secret? */
static int
has_cookie(struct cookie_checker *c, const uint8_t secret[32],
    const uint8_t *m, size_t len, const struct sockaddr *src)
{
	uint8_t	 mac[MAC_LEN], cookie[COOKIE_LEN];

	return (make_cookie(c, secret, src, cookie) == 0 &&
	    mac_blake2s(mac, cookie, sizeof(cookie), m, len - MAC_LEN) == 0 &&
	    ct_equal(mac, m + len - MAC_LEN, MAC_LEN));
}

/*
 * Check the MACs at the end of a handshake message; mac2 only if it is
 * wanted, which is under load.
 */
enum cookie_mac
cookie_check(struct cookie_checker *c, const void *msg, size_t len,
    const struct sockaddr *src, int want_mac2, mono_t now)
{
	const uint8_t	*m = msg;
	uint8_t		 mac[MAC_LEN];

	if (len < WG_MACS_LEN || mac_blake2s(mac, c->keys.mac1, HASH_LEN, m,
	    len - WG_MACS_LEN) == -1 ||
	    !ct_equal(mac, m + len - WG_MACS_LEN, MAC_LEN))
		return (COOKIE_MAC_INVALID);
	if (!want_mac2)
		return (COOKIE_MAC1);
	renew(c, now);
	if (has_cookie(c, c->secret, m, len, src) ||
	    (c->epoch != 0 && has_cookie(c, c->before, m, len, src)))
		return (COOKIE_MAC2);
	return (COOKIE_MAC1);
}

/* Answer a message that had a valid mac1; sender is its sender index. */
int
cookie_reply(struct cookie_checker *c, const void *msg, size_t len,
    uint32_t sender, const struct sockaddr *src, mono_t now,
    struct wg_cookie *out)
{
	const uint8_t	*mac1 = (const uint8_t *)msg + len - WG_MACS_LEN;
	uint8_t		 cookie[COOKIE_LEN];

	memset(out, 0, sizeof(*out));
	out->type = htole32(WG_MSG_COOKIE);
	out->receiver = htole32(sender);
	rand_bytes(out->nonce, sizeof(out->nonce));
	renew(c, now);
	if (make_cookie(c, c->secret, src, cookie) == -1)
		return (-1);
	return (xaead_seal(c->keys.cookie, out->nonce, mac1, MAC_LEN, cookie,
	    sizeof(cookie), out->box));
}

int
cookie_maker_init(struct cookie_maker *c, const uint8_t public[KEY_LEN])
{
	memset(c, 0, sizeof(*c));
	return (cookie_keys_init(&c->keys, public));
}

/* Fill in the MACs of a handshake message of len bytes. */
int
cookie_sign(struct cookie_maker *c, void *msg, size_t len, mono_t now)
{
	uint8_t	*mac1 = (uint8_t *)msg + len - WG_MACS_LEN;
	uint8_t	*mac2 = mac1 + MAC_LEN;

	if (mac_blake2s(mac1, c->keys.mac1, HASH_LEN, msg,
	    len - WG_MACS_LEN) == -1)
		return (-1);
	memcpy(c->last_mac1, mac1, MAC_LEN);
	c->mac1_outstanding = 1;
	if (c->cookie_birth != 0 &&
	    now - c->cookie_birth < COOKIE_SECRET_AGE - COOKIE_LATENCY)
		return (mac_blake2s(mac2, c->cookie, COOKIE_LEN, msg,
		    len - MAC_LEN));
	memset(mac2, 0, MAC_LEN);
	return (0);
}

/* Take a cookie, which must answer the last message that was signed. */
int
cookie_consume(struct cookie_maker *c, const struct wg_cookie *m,
    mono_t now)
{
	uint8_t	 cookie[COOKIE_LEN];

	if (!c->mac1_outstanding ||
	    xaead_open(c->keys.cookie, m->nonce, c->last_mac1, MAC_LEN,
	    m->box, sizeof(m->box), cookie) == -1)
		return (-1);
	memcpy(c->cookie, cookie, COOKIE_LEN);
	c->cookie_birth = now;
	c->mac1_outstanding = 0;
	return (0);
}

void
ratelimit_init(struct ratelimit *r)
{
	memset(r, 0, sizeof(*r));
	rand_bytes(&r->key, sizeof(r->key));
}

/*
 * May this source have another handshake message looked at: 20 a second,
 * 5 at once; a source is an address, or behind somebody who hides it
 * (by_port) an address and a port.  One that finds its bucket full of others
 * that are in use is refused.
 */
int
ratelimit_allow(struct ratelimit *r, const struct sockaddr *sa, int by_port,
    mono_t now)
{
	struct ratelimit_entry	*e, *empty = NULL;
	uint8_t			 prefix[8] = { 0 }, af;
	uint16_t		 port;
	mono_t			 t;
	int			 i;

	if (sa->sa_family == AF_INET) {
		af = 4;
		memcpy(prefix, &((const struct sockaddr_in *)sa)->sin_addr, 4);
	} else if (sa->sa_family == AF_RELAY) {
		af = 1;
		memcpy(prefix, sa_relay(sa), sizeof(prefix));
		by_port = 0;	/* it is a single one */
	} else {
		af = 6;
		memcpy(prefix, &((const struct sockaddr_in6 *)sa)->sin6_addr,
		    8);
	}
	if (by_port) {
		/* no address of either family looks like this */
		port = af == 4 ? ((const struct sockaddr_in *)sa)->sin_port :
		    ((const struct sockaddr_in6 *)sa)->sin6_port;
		memcpy(prefix + 6, &port, sizeof(port));
		af |= 0x80;
	}
	e = r->e[siphash24(&r->key, prefix, sizeof(prefix)) %
	    RATELIMIT_BUCKETS];
	for (i = 0; i < RATELIMIT_WAYS; i++, e++) {
		if (e->af == af && memcmp(e->prefix, prefix, 8) == 0) {
			t = e->tokens + (now - e->last);
			e->tokens = t > RATELIMIT_BURST ? RATELIMIT_BURST : t;
			e->last = now;
			if (e->tokens < RATELIMIT_COST)
				return (0);
			e->tokens -= RATELIMIT_COST;
			return (1);
		}
		if (empty == NULL &&
		    (e->af == 0 || now - e->last > RATELIMIT_IDLE))
			empty = e;
	}
	if (empty == NULL)
		return (0);
	memcpy(empty->prefix, prefix, 8);
	empty->af = af;
	empty->last = now;
	empty->tokens = RATELIMIT_BURST - RATELIMIT_COST;
	return (1);
}
