/* SPDX-License-Identifier: ISC */

#ifndef TURNS_H
#define TURNS_H

#include "peer.h"

/*
 * A flow that has something to do is in its peer's row of ready ones, and the
 * peers take turns: one flow each, one train of segments at a time.  One that
 * could not get packet slots is in the same way in the row of those that wait,
 * until slots come back.
 */
int		 turns_init(struct slirp *);
void		 turns_free(struct slirp *);
void		 turns_pass_on(struct slirp *);
int		 turns_any(const struct slirp *, enum turn);
void		 turns_leave(struct slirp *, struct flow *);
struct flow	*turns_take(struct slirp *, enum turn);
void		 turns_ready(struct slirp *, struct flow *);
void		 turns_wait(struct slirp *, struct flow *);
void		 turns_wake(struct slirp *);

#endif
