/* SPDX-License-Identifier: ISC */

#ifndef DNSCACHE_H
#define DNSCACHE_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include <stddef.h>
#include <stdint.h>

#include "dnsmsg.h"
#include "mono.h"

/*
 * Answers of upstreams, for as long as they say; bounded in number and bytes,
 * those that were not used for longest go first.
 */
/* An answer, and when it came. */
struct dns_cached {
	RB_ENTRY(dns_cached)	 entry;
	TAILQ_ENTRY(dns_cached)	 lru;		/* used last at the end */
	struct dns_question	 q;
	mono_t			 at;
	mono_t			 until;
	size_t			 len;
	uint8_t			 msg[];
};

/* The answer to a question, or NULL. */
const struct dns_cached	*dnscache_find(const struct dns_question *, mono_t);

/* Keep one of len bytes for ttl seconds. */
void	 dnscache_add(const struct dns_question *, const uint8_t *, size_t,
	    uint32_t, mono_t);
void	 dnscache_clear(void);

#endif
