/* SPDX-License-Identifier: ISC */

#ifndef QUEUE_H
#define QUEUE_H

#include "wg/peer.h"

/* What the protocol needs of this process. */
extern const struct wg_ops	 queue_ops;

int		 queue_take(mono_t);

#endif
