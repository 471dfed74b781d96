/* SPDX-License-Identifier: ISC */

#include <string.h>

#include "aead.h"
#include "index.h"

#define LEFT		11		/* bits of the two halves of what is */
#define RIGHT		10		/* permuted */
#define LEFT_MASK	((1U << LEFT) - 1)
#define RIGHT_MASK	((1U << RIGHT) - 1)
#define ROUNDS		3		/* of two each */
#define RANDOM_BITS	(LEFT + RIGHT - INDEX_PEER_BITS)
#define GATEWAY_BITS	8
#define WORKER_SHIFT	(GATEWAY_BITS + LEFT + RIGHT)
#define WORKER_NUMBERS	(32 - WORKER_SHIFT)	/* bits */

static const char	 label_index[] = "wgslirpd index";

int
index_names_init(struct index_names *n, const uint8_t private[KEY_LEN])
{
	uint8_t	 gateway = n->gateway, worker = n->worker;
	uint8_t	 workers = n->workers;

	memset(n, 0, sizeof(*n));
	n->gateway = gateway;
	n->worker = worker;
	n->workers = workers;
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

/* One round of a Feistel network, whose halves differ in length. */
static uint32_t
mix(const struct siphash_key *k, uint32_t round, uint32_t half)
{
	uint32_t	 in[2] = { round, half };

	return ((uint32_t)siphash24(k, in, sizeof(in)));
}

/* A number of three bits that stands for this worker. */
static uint32_t
worker_number(const struct index_names *n, uint32_t random)
{
	uint32_t	 all = n->workers == 0 ? 1 : n->workers, count;

	count = ((1U << WORKER_NUMBERS) - n->worker + all - 1) / all;
	return (n->worker + all * (random % count));
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
	uint32_t	 v, l, r, i;

	turn(n, wall);
	v = peer << RANDOM_BITS | (random & ((1U << RANDOM_BITS) - 1));
	l = v >> RIGHT;
	r = v & RIGHT_MASK;
	for (i = 0; i < ROUNDS; i++) {
		l ^= mix(&n->key[0], 2 * i, r) & LEFT_MASK;
		r ^= mix(&n->key[0], 2 * i + 1, l) & RIGHT_MASK;
	}
	/* little-endian on the wire: the lowest byte comes first */
	return (worker_number(n, random >> RANDOM_BITS) << WORKER_SHIFT |
	    (l << RIGHT | r) << GATEWAY_BITS | n->gateway);
}

uint32_t
index_read(struct index_names *n, uint32_t index, int before, uint64_t wall)
{
	uint32_t	 l, r, i;

	turn(n, wall);
	l = index >> (GATEWAY_BITS + RIGHT) & LEFT_MASK;
	r = index >> GATEWAY_BITS & RIGHT_MASK;
	for (i = ROUNDS; i-- > 0;) {
		r ^= mix(&n->key[before], 2 * i + 1, l) & RIGHT_MASK;
		l ^= mix(&n->key[before], 2 * i, r) & LEFT_MASK;
	}
	return ((l << RIGHT | r) >> RANDOM_BITS);
}
