/* SPDX-License-Identifier: ISC */

#ifndef SOCKS_H
#define SOCKS_H

#include "proxyconn.h"

#define SOCKS_VERSION	5

void	 socks_init(struct slirp *);

/* Tell a client what became of its request: 0, or an errno. */
void	 socks_answer(int, int);

/*
 * Take the next message of a client.  Returns 1 if there may be another one, 0
 * if it has to be waited for, -1 if the client is to be dropped, 2 if it goes
 * on elsewhere.
 */
int	 socks_step(struct proxy *);

#endif
