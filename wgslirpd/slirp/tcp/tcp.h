/* SPDX-License-Identifier: ISC */

#ifndef TCP_H
#define TCP_H

#include "siphash.h"
#include "slirp.h"

/*
 * Have the engine take TCP; seed as for slirp_init().  -1 if there is no
 * memory.
 */
int	 tcp_register(struct slirp *, const struct siphash_key *);

#endif
