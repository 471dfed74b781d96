/* SPDX-License-Identifier: ISC */

#include <string.h>

#include "replay.h"

void
replay_init(struct replay *r)
{
	memset(r, 0, sizeof(*r));
}

/*
 * Accept an authenticated packet's counter at most once (RFC 6479).
 * Returns 0 and remembers it, or -1 if it is a replay, too old, or past
 * the last counter that a session may use.
 */
int
replay_check(struct replay *r, uint64_t counter)
{
	uint64_t	 next, word, cur, n, i, bit;

	if (counter >= REJECT_AFTER_MESSAGES)
		return (-1);
	next = counter + 1;
	if (r->greatest > REPLAY_WINDOW &&
	    next < r->greatest - REPLAY_WINDOW)
		return (-1);
	word = next / 64;
	if (next > r->greatest) {
		cur = r->greatest / 64;
		n = word - cur;
		if (n > REPLAY_WORDS)
			n = REPLAY_WORDS;
		for (i = 1; i <= n; i++)
			r->map[(cur + i) % REPLAY_WORDS] = 0;
		r->greatest = next;
	}
	bit = 1ULL << (next % 64);
	if (r->map[word % REPLAY_WORDS] & bit)
		return (-1);
	r->map[word % REPLAY_WORDS] |= bit;
	return (0);
}
