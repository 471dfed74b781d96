/* SPDX-License-Identifier: ISC */

#ifndef WG_INDEX_H
#define WG_INDEX_H

#include <stdint.h>

#include "key.h"
#include "siphash.h"

/*
 * Receiver indices that name: on the wire the first byte is the gateway's
 * number, and in the other three are a peer and some random bits, under a
 * permutation that only who has the private key can undo.  A gateway that
 * has lost a session, or never had it, knows by that who is sending, and any
 * balancer knows where to send it.
 *
 * The upper three bits of the last byte say which worker has the session, so
 * that the kernel can find it: they are its number, or that and a multiple of
 * how many there are.
 *
 * The permutation's key changes every four minutes, so that nobody else can
 * follow a peer by its indices for longer.  No session is older than three:
 * what was made in the epoch before the last one means nothing any more.
 */
#define INDEX_PEER_BITS		18
#define INDEX_EPOCH		240	/* seconds */
#define INDEX_EPOCHS		2	/* that are understood */

struct index_names {
	struct siphash_key	 master;	/* from the private key */
	struct siphash_key	 key[INDEX_EPOCHS];	/* newest first */
	uint64_t		 epoch;		/* of key[0]; 0: none yet */
	uint8_t			 gateway;
	uint8_t			 worker;	/* this one's number, */
	uint8_t			 workers;	/* of so many; 0 is 1 */
};

/* Begin with this private key.  -1 if libcrypto fails. */
int		 index_names_init(struct index_names *,
		    const uint8_t [KEY_LEN]);

/* What stands for a peer, by its public key: INDEX_PEER_BITS. */
uint32_t	 index_peer(const struct index_names *,
		    const uint8_t [KEY_LEN]);

/* The index, as a number, of a peer; any will do for random.  wall: s. */
uint32_t	 index_make(struct index_names *, uint32_t, uint32_t,
		    uint64_t);

/*
 * What an index stands for if it was made in this epoch (0), or so many
 * before; wall: seconds.
 */
uint32_t	 index_read(struct index_names *, uint32_t, int, uint64_t);

#endif
