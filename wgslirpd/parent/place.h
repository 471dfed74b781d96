/* SPDX-License-Identifier: ISC */

#ifndef PLACE_H
#define PLACE_H

#include "config.h"

/*
 * Which worker each peer lives with.  They are shared out evenly, and stay
 * where they are; but what is one thing for several peers is the first
 * worker's: peers at relays, because there is one link to these, and uplinks
 * with everybody who may come out there, because such a connection is two in
 * one process.
 */

/*
 * Place those of a configuration that have no place, or may not keep it.  -1 if
 * that would be one that wg(8) has made.
 */
int	 place_peers(struct config *);

/*
 * Place one more peer of a configuration whose others have a place.  The first
 * of several begins with place_count().
 */
void	 place_count(const struct config *);
void	 place_one(const struct config *, struct conf_peer *);

#endif
