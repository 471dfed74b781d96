/* SPDX-License-Identifier: ISC */

#ifndef ICMP_H
#define ICMP_H

#include "slirp.h"

/* Have the engine take pings. */
void	 icmp_register(struct slirp *);

#endif
