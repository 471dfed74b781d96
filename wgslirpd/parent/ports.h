/* SPDX-License-Identifier: ISC */

#ifndef PORTS_H
#define PORTS_H

#include "proc.h"

/*
 * Ports of the host that guests ask for.  The slirp engine speaks for them;
 * what it gets the configuration decides, and how many.
 */
void	 ports_ask(struct imsgev *, struct imsg *);
void	 ports_give(struct imsgev *, struct imsg *);

#endif
