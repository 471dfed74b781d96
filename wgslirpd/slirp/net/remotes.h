/* SPDX-License-Identifier: ISC */

#ifndef REMOTES_H
#define REMOTES_H

#include <stdint.h>

#include "addr.h"
#include "mono.h"

/*
 * Whom a guest has sent to through one mapping; the oldest make room.  What
 * the policy of a generation said about each is kept.
 */
#define MAX_REMOTES	128
struct remote {
	struct ipaddr	 addr;
	uint16_t	 port;
	uint32_t	 passed;	/* by the policy of this generation */
	mono_t		 last;
};
struct remotes {
	struct remote	*v;
	uint16_t	 n;
	uint16_t	 cap;
	uint16_t	 hot;		/* used last */
};

struct remote	*remotes_find(struct remotes *, const struct ipaddr *,
		    uint16_t);
struct remote	*remotes_note(struct remotes *, const struct ipaddr *,
		    uint16_t, mono_t);
int		 remotes_have(const struct remotes *, const struct ipaddr *);
void		 remotes_free(struct remotes *);

#endif
