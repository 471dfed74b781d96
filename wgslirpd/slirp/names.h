/* SPDX-License-Identifier: ISC */

#ifndef NAMES_H
#define NAMES_H

#include "net/peer.h"

/*
 * The forwarder behind the gateway's own address: what was staged takes effect,
 * for the names of a domain; on 0: nothing is answered.
 */
void	 names_commit(struct slirp *, int, const char *);

#endif
