/* SPDX-License-Identifier: ISC */

#ifndef PROXY_H
#define PROXY_H

#include "listener.h"

void	 proxy_init(struct slirp *);

extern const struct listener_ops	 proxy_ops;

/* Tell a client what became of its connection: 0, or an errno. */
void	 proxy_answered(int, enum flow_via, int);

#endif
