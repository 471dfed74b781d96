/* SPDX-License-Identifier: ISC */

#ifndef BLOCKLIST_H
#define BLOCKLIST_H

#include <stddef.h>
#include <stdint.h>

/*
 * Names that guests are not told, and exceptions from that.  Lists have a
 * million names: they are kept as 64 bits of a keyed hash each, and a file is
 * read in portions, while everything else goes on.
 */
enum blocklist_kind {
	BLOCK_NAME,		/* this name */
	BLOCK_DOMAIN,		/* it, and all below it */
	ALLOW_NAME,
	ALLOW_DOMAIN
};

/*
 * blocklist_line:	the names of a line of a list, each for fn; returns how
 *			many.  As hosts(5) has it, they are names; alone on
 *			their line, or as "*.name" or "||name^", domains, and as
 *			"@@||name^" exceptions; -1: it is none of these.
 * blocklist_stage:	one name of the configuration, lower case
 * blocklist_file:	a list of so many bytes, which is closed when it was
 *			read; one that cannot be leaves things as they were
 * blocklist_load:	read a portion of them; 0: all of it is read
 * blocklist_commit:	what was loaded takes the place of what was before
 * blocklist_has:	is this name, lower case, not to be told?
 * blocklist_size:	how many entries there are
 */
enum blocklist_what {
	BLOCKLIST_NAME,
	BLOCKLIST_DOMAIN,
	BLOCKLIST_EXCEPTION	/* a domain that is to be told */
};
typedef void	 blocklist_fn(const char *, enum blocklist_what);

int	 blocklist_line(char *, blocklist_fn *);
void	 blocklist_stage(enum blocklist_kind, const char *);
void	 blocklist_file(int, int, uint64_t);
int	 blocklist_load(void);
void	 blocklist_commit(void);
int	 blocklist_has(const char *);
size_t	 blocklist_size(void);

#endif
