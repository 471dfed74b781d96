/* SPDX-License-Identifier: ISC */

#ifndef NAMES_H
#define NAMES_H

#include "conf.h"
#include "net/peer.h"

/*
 * The forwarder behind the gateway's own address: what was staged takes effect,
 * as the configuration says.
 */
void	 names_commit(struct slirp *, const struct conf_global *);

#endif
