/* SPDX-License-Identifier: ISC */

#ifndef HOSTFLOW_H
#define HOSTFLOW_H

#include "hostfd.h"

/*
 * What flows' host sockets have in common.
 *
 * hostflow_attach:		watch a socket for the flow (HOST_READ,
 *				HOST_WRITE), whose own it is from then on; -1
 *				with errno
 * hostflow_attach_or_close:	the same, and it is closed if that cannot be
 * hostflow_options:		what TCP sockets get that are opened from now on
 * hostflow_tcp_options:	what this one gets of it
 */
int	 hostflow_attach(struct flow *, int, int);
int	 hostflow_attach_or_close(struct flow *, int, int);
void	 hostflow_options(const struct conf_tcp *);
void	 hostflow_tcp_options(int);

#endif
