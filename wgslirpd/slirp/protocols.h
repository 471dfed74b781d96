/* SPDX-License-Identifier: ISC */

#ifndef PROTOCOLS_H
#define PROTOCOLS_H

#include "net/slirp.h"
#include "siphash.h"

/*
 * Everything that the engine understands; seed as for slirp_init().  -1 if
 * there is no memory.
 */
int	 protocols_register(struct slirp *, const struct siphash_key *);

#endif
