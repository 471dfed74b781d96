/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "routes.h"
#include "siphash.h"

static struct route		 table[ROUTE_BUCKETS][ROUTE_WAYS];
static struct siphash_key	 hashkey;

void
routes_init(void)
{
	arc4random_buf(&hashkey, sizeof(hashkey));
}

/* The entry of a key; where there is none, a new one if make is set. */
struct route *
route_find(const uint8_t key[KEY_LEN], mono_t now, int make)
{
	struct route	*r, *oldest;
	int		 i;

	r = oldest = table[siphash24(&hashkey, key, KEY_LEN) %
	    ROUTE_BUCKETS];
	for (i = 0; i < ROUTE_WAYS; i++, r++) {
		if (r->used != 0 && memcmp(r->key, key, KEY_LEN) == 0) {
			r->used = now;
			return (r);
		}
		if (r->used < oldest->used)
			oldest = r;
	}
	if (!make)
		return (NULL);
	memcpy(oldest->key, key, KEY_LEN);
	oldest->used = now;
	oldest->relay = ROUTE_NONE;
	oldest->heard = 0;
	oldest->absent = 0;
	return (oldest);
}

/* A datagram of the key has come by this relay. */
void
route_heard(struct route *r, uint32_t relay, mono_t now)
{
	r->relay = relay;
	r->heard = now;
	r->absent &= ~(1U << relay);
}

/* The relay says that nobody there has the key. */
void
route_gone(const uint8_t key[KEY_LEN], uint32_t relay, mono_t now)
{
	struct route	*r = route_find(key, now, 0);

	if (r == NULL)
		return;
	if (r->relay == relay)
		r->relay = ROUTE_NONE;
	if (now - r->absent_at > ROUTE_ABSENT)
		r->absent = 0;
	r->absent |= 1U << relay;
	r->absent_at = now;
}

int
route_absent(struct route *r, uint32_t relay, mono_t now)
{
	return (now - r->absent_at <= ROUTE_ABSENT &&
	    (r->absent & 1U << relay) != 0);
}

void
routes_clear(void)
{
	memset(table, 0, sizeof(table));
}
