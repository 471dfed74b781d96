/* SPDX-License-Identifier: ISC */

#ifndef PEERDIR_FILE_H
#define PEERDIR_FILE_H

#include "peerdir_base.h"

/* A file is a name and an end, ".conf". */

extern const char *const	 pd_ends[2];	/* enabled, disabled */

int		 pd_name_ok(const char *);
int		 pd_check_name(struct peerdir *, const char *);
int		 pd_open(struct peerdir *, int);
const char	*pd_file_of(char [FILE_LEN], const char *, const char *);
int		 pd_exists(const struct peerdir *, const char *, const char *);
int		 pd_find_file(struct peerdir *, const char *);
char		*pd_read_file(struct peerdir *, const char *);
int		 pd_write_file(struct peerdir *, const char *, const char *,
		    const char *);
void		 pd_remove_file(struct peerdir *, const char *, const char *);
int		 pd_rename_file(struct peerdir *, const char *, const char *,
		    const char *, const char *);
void		 pd_rename_back(struct peerdir *, const char *, const char *,
		    const char *, const char *);
typedef int	 pd_file_fn(struct peerdir *, const char *, void *);
int		 pd_each_file(struct peerdir *, const char *, pd_file_fn *,
		    void *);
void		 pd_sweep(struct peerdir *);

#endif
