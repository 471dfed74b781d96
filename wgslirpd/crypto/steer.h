/* SPDX-License-Identifier: ISC */

#ifndef STEER_H
#define STEER_H

#include "wg/peer.h"

/*
 * Which sessions there are, and which of their peers send little, for the
 * parent, who has the kernel put their data where it is taken first.
 */

/* Once a round.  Tells the parent what has changed, not too often. */
void	 steer_run(mono_t);

/* Does anybody send so much that others would wait behind it? */
int	 steer_crowded(void);

/* Grows whenever one who sent much has become one of those others. */
uint32_t steer_turns(void);

/* Is the peer one of those others? */
int	 steer_light(const struct wg_peer *);

#endif
