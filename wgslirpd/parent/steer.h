/* SPDX-License-Identifier: ISC */

#ifndef STEER_H
#define STEER_H

#include "addr.h"
#include "msg.h"

/*
 * Which of several sockets on one port a datagram goes to.  Where the kernel
 * can do that there are three of each: one for the data of sessions that there
 * are, one for those of peers that send little, and one for all the rest,
 * which anybody can send: so a flood of it fills a receive buffer that no
 * session needs.  A fourth has no room and is never read: what cannot be
 * WireGuard at all ends there.  What the kernel reads is a hint; each of the
 * three takes everything.
 */
/*
 * Sockets beside fd, a WireGuard socket bound to the address and port, which
 * become the caller's.  -1 if there are none, and errno; fd works without.
 * offload is as for sockopt_wireguard().
 */
int	 steer_open(int, const struct ipaddr *, uint16_t, int,
	    int [STEER_SIDES]);

/*
 * Have what comes to fd's port go by these sessions; the last argument is the
 * gateway's number.  fd and those beside it only.
 */
void	 steer_aim(int, const struct steer_msg *, uint8_t);

#endif
