/* SPDX-License-Identifier: ISC */

#ifndef PEERDIR_ASK_H
#define PEERDIR_ASK_H

#include "peerdir_base.h"

/* One request, whose answer is kept; those for the peers, anew. */
int	 pd_ask(struct peerdir *, uint32_t);
int	 pd_ask_peers(struct peerdir *);

/* A record of an answer; any that is not one is left out. */
void	 pd_record(struct peerdir *, uint32_t, const void *, size_t);
void	 pd_forget_peers(struct peerdir *);
int	 pd_check_setup(struct peerdir *);

/* All that is needed to change something; with make, the folder too. */
int	 pd_learn(struct peerdir *, int);
int	 pd_known(const struct peerdir *, const char *);
int	 pd_reload(struct peerdir *);
void	 pd_reload_back(struct peerdir *);

#endif
