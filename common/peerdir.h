/* SPDX-License-Identifier: ISC */

#ifndef PEERDIR_H
#define PEERDIR_H

#include <stddef.h>
#include <stdint.h>

#include "peerwish.h"

/*
 * Peers that have a file of their own, NAME.conf, in the folder of an include
 * with a pattern; that of one who is disabled is called NAME.conf.off, and
 * NAME.client is the client's own configuration, where that is kept.  A change
 * is written beside the file, moved into its place, and taken back if the
 * daemon does not like it.
 *
 * What returns an int returns -1 if something is wrong; then peerdir_error()
 * says what, and nothing has changed.
 */

/* A peer with or without a file. */
struct peer_listed {
	const char		*name;
	const struct ipprefix	*aip;
	size_t			 naips;
	int			 enabled;
	int			 managed;	/* it has a file */
	int			 kept;		/* and its client's is there */
};
typedef void	 peerdir_fn(void *, const struct peer_listed *);

/*
 * fd: the folder, which is this module's then, or -1: it is opened where the
 * daemon says, and made if it is not there.  NULL: out of memory.
 */
struct peerdir	*peerdir_new(const struct peerdir_daemon *, int fd);
void		 peerdir_free(struct peerdir *);
const char	*peerdir_error(const struct peerdir *);
void		 peerdir_record(struct peerdir *, uint32_t, const void *,
		    size_t);

/* What the daemon has told; valid after any of those below. */
const struct ctl_setup	*peerdir_setup(const struct peerdir *);

/* Is that what a file can be called? */
int	 peerdir_name_ok(const char *);

/*
 * A new peer, whose client's configuration is written to *client: the caller
 * has it then, and wipes it (freezero) before it is freed.  before() is called
 * with it when all is known and nothing has been written yet, unless it is
 * NULL; what returns -1 ends it there.
 */
typedef int	 peerdir_before_fn(void *, const char *);
int	 peerdir_add(struct peerdir *, const struct peer_wish *,
	    peerdir_before_fn *, void *, char **, size_t *);
int	 peerdir_state(struct peerdir *, const char *, int);
int	 peerdir_delete(struct peerdir *, const char *);
int	 peerdir_rename(struct peerdir *, const char *, const char *);
int	 peerdir_set(struct peerdir *, const struct peer_wish *);
int	 peerdir_kept(struct peerdir *, const char *, char **, size_t *);

/* All peers, those of the daemon first. */
int	 peerdir_each(struct peerdir *, peerdir_fn *, void *);

/* The names of those who have a file, and whether they are enabled. */
int	 peerdir_files(struct peerdir *, peerdir_fn *, void *);

#endif
