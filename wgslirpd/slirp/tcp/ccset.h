/* SPDX-License-Identifier: ISC */

#ifndef CCSET_H
#define CCSET_H

#include "tcpcb.h"

/* A new connection, with an initial window of so many segments. */
void	 cc_init(struct tcpcb *, enum cc_id, uint32_t, mono_t);

#endif
