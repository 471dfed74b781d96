/* SPDX-License-Identifier: ISC */

#ifndef ZONE_H
#define ZONE_H

#include <sys/types.h>
#include <sys/queue.h>

/*
 * Objects of one size that come and go in large numbers, apart from the
 * rest of the heap: when most have gone, so has their memory.
 */

struct zone_slab;
TAILQ_HEAD(zone_slabs, zone_slab);

struct zone {
	size_t			 size;		/* of an object */
	size_t			 per_slab;
	size_t			 nused;		/* objects */
	size_t			 nslabs;
	struct zone_slabs	 partial;	/* that have room */
	struct zone_slab	*spare;		/* an empty one */
};

void	 zone_init(struct zone *, size_t);
void	*zone_alloc(struct zone *);
void	 zone_free(struct zone *, void *);
void	 zone_fini(struct zone *);

#endif
