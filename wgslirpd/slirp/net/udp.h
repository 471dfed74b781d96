/* SPDX-License-Identifier: ISC */

#ifndef UDP_H
#define UDP_H

#include "slirp.h"

/* Have the engine take UDP.  -1 if there is no memory. */
int	 udp_register(struct slirp *);

#endif
