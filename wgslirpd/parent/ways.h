/* SPDX-License-Identifier: ISC */

#ifndef WAYS_H
#define WAYS_H

#include <stddef.h>

#include "config.h"
#include "proc.h"

/*
 * All ways by which guests come out, in the order of their indices: the host,
 * none, every uplink, those with names, everybody's, the peers' own.
 */

/*
 * Find what names mean, of ways and for rules, and number them.  NULL, or what
 * is wrong.
 */
const char	*ways_resolve(struct config *, char *, size_t);

/* Send them to the slirp engine. */
void		 ways_send(const struct config *, struct imsgev *);

#endif
