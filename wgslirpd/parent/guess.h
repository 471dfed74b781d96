/* SPDX-License-Identifier: ISC */

#ifndef GUESS_H
#define GUESS_H

/*
 * How many letters have to be changed, added or taken away to make one word of
 * the other; more than GUESS_TYPOS is as good as many.
 */
#define GUESS_TYPOS	2
#define GUESS_MAX	48		/* letters */
int	 guess_distance(const char *, const char *);

#endif
