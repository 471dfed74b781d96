/* SPDX-License-Identifier: ISC */

#ifndef SOCKOPT_H
#define SOCKOPT_H

/*
 * What a platform can do for a socket: one file for each, sockopt_*.c.
 */

/* A WireGuard socket of the family; offload: have the kernel join and cut. */
void	 sockopt_wireguard(int, int, int);

/* Can an ordinary user have a socket leave by one interface? */
int	 sockopt_interfaces(void);

#endif
