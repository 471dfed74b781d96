/* SPDX-License-Identifier: ISC */

#include <string.h>

#include "aead.h"
#include "index.h"

#define HALF		12		/* bits of a half; two are permuted */
#define HALF_MASK	((1U << HALF) - 1)
#define ROUNDS		6
#define RANDOM_BITS	(2 * HALF - INDEX_PEER_BITS)

static const char	 label_index[] = "wgslirpd index";

int
index_names_init(struct index_names *n, const uint8_t private[KEY_LEN])
{
	uint8_t	 gateway = n->gateway;

	memset(n, 0, sizeof(*n));
	n->gateway = gateway;
	_Static_assert(sizeof(n->master) == MAC_LEN, "a MAC is the key");
	return (mac_blake2s((uint8_t *)&n->master, private, KEY_LEN,
	    label_index, sizeof(label_index) - 1));
}

static void
turn(struct index_names *n, uint64_t wall)
{
	uint64_t	 epoch = wall / INDEX_EPOCH + 1, in[2];
	int		 i;

	if (n->epoch == epoch)
		return;
	n->epoch = epoch;
	for (i = 0; i < INDEX_EPOCHS; i++) {
		in[0] = epoch - (uint64_t)i;
		in[1] = 0;
		n->key[i].k0 = siphash24(&n->master, in, sizeof(in));
		in[1] = 1;
		n->key[i].k1 = siphash24(&n->master, in, sizeof(in));
	}
}

/* One round of a Feistel network. */
static uint32_t
mix(const struct siphash_key *k, uint32_t round, uint32_t half)
{
	uint32_t	 in[2] = { round, half };

	return ((uint32_t)siphash24(k, in, sizeof(in)) & HALF_MASK);
}

uint32_t
index_peer(const struct index_names *n, const uint8_t public[KEY_LEN])
{
	return ((uint32_t)siphash24(&n->master, public, KEY_LEN) &
	    ((1U << INDEX_PEER_BITS) - 1));
}

uint32_t
index_make(struct index_names *n, uint32_t peer, uint32_t random,
    uint64_t wall)
{
	uint32_t	 v, l, r, x, i;

	turn(n, wall);
	v = peer << RANDOM_BITS | (random & ((1U << RANDOM_BITS) - 1));
	l = v >> HALF;
	r = v & HALF_MASK;
	for (i = 0; i < ROUNDS; i++) {
		x = l ^ mix(&n->key[0], i, r);
		l = r;
		r = x;
	}
	/* little-endian on the wire: the lowest byte comes first */
	return ((l << HALF | r) << 8 | n->gateway);
}

uint32_t
index_read(struct index_names *n, uint32_t index, int before, uint64_t wall)
{
	uint32_t	 l, r, x, i;

	turn(n, wall);
	l = index >> 8 >> HALF;
	r = index >> 8 & HALF_MASK;
	for (i = ROUNDS; i-- > 0;) {
		x = r ^ mix(&n->key[before], i, l);
		r = l;
		l = x;
	}
	return ((l << HALF | r) >> RANDOM_BITS);
}
