/* SPDX-License-Identifier: ISC */

#ifndef PEERDIR_BASE_H
#define PEERDIR_BASE_H

#include "peerwish.h"

/*
 * What the parts of peerdir.c share.  What returns an int returns -1 when
 * something is wrong, which it has told by pd_fail().
 */

#define MAX_FILE	65536
#define FILE_LEN	(CTL_NAME_LEN + 32)	/* a name and its end */

/* A peer of the daemon's. */
struct known {
	char		 name[CTL_NAME_LEN];
	struct ipprefix	*aip;
	size_t		 naips;
	size_t		 cap;
};

struct peerdir {
	struct peerdir_daemon	 d;
	struct ctl_setup	 setup;
	struct ctl_summary	 summary;
	struct known		*peer;
	size_t			 npeers;
	size_t			 cap;
	int			 fd;
	int			 given;		/* it was not opened here */
	int			 nomem;		/* not all could be kept */
	char			 err[CTL_TEXT_LEN];
};

/* Sets the text of peerdir_error(); returns -1. */
int	 pd_fail(struct peerdir *, const char *, ...)
	    __attribute__((__format__(printf, 2, 3)));

/* Room for one more of n; where there is none, nomem is set. */
void	*pd_grow(struct peerdir *, void *, size_t, size_t *, size_t);

#endif
