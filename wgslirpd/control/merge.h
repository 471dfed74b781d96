/* SPDX-License-Identifier: ISC */

#ifndef MERGE_H
#define MERGE_H

#include <stddef.h>
#include <stdint.h>

#include "ctl.h"

/*
 * Several workers answer for one: what each of them counts is added up, and
 * rules, which all of them have, are shown once.
 */
struct merge {
	uint32_t	 type;		/* of the record, 0: there is none */
	union {
		struct ctl_summary	 summary;
		struct crypto_counters	 crypto;
		struct slirp_counters	 slirp;
	}		 sum;
	struct ctl_rule	 rules[CTL_PORTION];
	int		 nrules;
	int		 at;		/* of who answers now */
};

/* Is a record of this type one for all of them? */
int	 merge_wanted(uint32_t);

/* Another worker's answer, or its next portion, begins. */
void	 merge_begin(struct merge *);

/* One more record, of the length that its type has. */
void	 merge_add(struct merge *, uint32_t, const void *, size_t);

/* All have answered: fn gets each record, with arg. */
void	 merge_end(struct merge *, void (*)(void *, uint32_t, const void *,
	    size_t), void *);

#endif
