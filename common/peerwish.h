/* SPDX-License-Identifier: ISC */

#ifndef PEERWISH_H
#define PEERWISH_H

#include <stddef.h>
#include <stdint.h>

#include "ctl.h"

struct peerdir;

/*
 * How the daemon is asked.  ask() gives each record of the answer to
 * peerdir_record() and returns NULL, or what is wrong; the text stays its own.
 * wait() lets a tenth of a second pass; warn() tells whoever watches.
 */
struct peerdir_daemon {
	const char	*(*ask)(void *, uint32_t, struct peerdir *);
	void		 (*wait)(void *);
	void		 (*warn)(void *, const char *);
	void		*arg;
};

/* What a peer is to be; NULL: nothing is said of that. */
struct peer_wish {
	const char	*name;
	const char	*expires;	/* a time; "never" takes it away */
	const char	*quota;		/* bytes; "none" takes it away */
	const char	*rate_in;	/* bits a second; the same */
	const char	*rate_out;
	const char	*host;		/* where clients come to, if no
					   "public endpoint" says so */
	struct ipprefix	 aip[CTL_ADDRESSES];
	int		 naips;		/* 0: the next that are free */
	int		 keep;		/* the client's configuration */
};

#endif
