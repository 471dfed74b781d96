/* SPDX-License-Identifier: ISC */

#ifndef PEERDIR_ADDR_H
#define PEERDIR_ADDR_H

#include "peerdir_base.h"

/* What is wished, or the next that are free. */
int	 pd_choose_addresses(struct peerdir *, struct peer_wish *);

#endif
