/* SPDX-License-Identifier: ISC */

#ifndef REMOTES_H
#define REMOTES_H

#include <stdint.h>

#include "addr.h"

/*
 * Whom a guest has sent to through one mapping, some thousands; the one that
 * it has not sent to for longest makes room.  What the policy of a generation
 * said about each is kept.  A few are found by looking at each; for more
 * there are two hash tables, by address and port, and by address.
 */
#define MAX_REMOTES		4096	/* of a mapping */
#define MAX_PEER_REMOTES	65536	/* of all mappings of a peer */
#define FEW_REMOTES		8

struct remote {
	struct ipaddr	 addr;
	uint16_t	 port;
	uint16_t	 next[2];	/* in its chains */
	uint16_t	 older;
	uint16_t	 newer;
	uint32_t	 leaves;	/* by the mapping's way, in this generation */
	uint32_t	 passed;	/* by the policy of this generation */
	uint32_t	 failed;	/* or not */
};
struct remotes {
	struct remote	*v;
	uint16_t	*bucket[2];	/* 2 * cap of each, or NULL */
	uint16_t	 n;
	uint16_t	 cap;
	uint16_t	 hot;		/* used last */
	uint16_t	 oldest;
	uint16_t	 newest;
};

/*
 * remotes_find:	the one with this address and port, or NULL
 * remotes_note:	the guest sends there; *used counts the peer's.  NULL if
 *			there is no memory to note it
 * remotes_at:		those with this address, one after the other: the one
 *			after e, or the first one if that is NULL
 */
struct remote	*remotes_find(struct remotes *, const struct ipaddr *,
		    uint16_t);
struct remote	*remotes_note(struct remotes *, const struct ipaddr *,
		    uint16_t, uint32_t *);
struct remote	*remotes_at(struct remotes *, const struct ipaddr *,
		    const struct remote *);
void		 remotes_free(struct remotes *, uint32_t *);

#endif
