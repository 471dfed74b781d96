/* SPDX-License-Identifier: ISC */

#ifndef HTTPCONNECT_H
#define HTTPCONNECT_H

#include "proxyconn.h"

void	 httpconnect_init(struct slirp *);

/* Tell a client what became of its request: 0, or an errno. */
void	 httpconnect_answer(int, int);

/* Take a request; returns as socks_step(). */
int	 httpconnect_step(struct proxy *);

#endif
