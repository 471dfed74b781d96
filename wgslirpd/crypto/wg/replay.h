/* SPDX-License-Identifier: ISC */

#ifndef WG_REPLAY_H
#define WG_REPLAY_H

#include <stdint.h>

/* RFC 6479: a ring of words, one of which is always being filled. */
#define REPLAY_BITS	8192
#define REPLAY_WORDS	(REPLAY_BITS / 64)
#define REPLAY_WINDOW	(REPLAY_BITS - 64)	/* 8128 counters */

#define REJECT_AFTER_MESSAGES	(UINT64_MAX - REPLAY_BITS)

struct replay {
	uint64_t	 greatest;	/* one more than the greatest seen */
	uint64_t	 map[REPLAY_WORDS];
};

void	replay_init(struct replay *);
int	replay_check(struct replay *, uint64_t);

#endif
