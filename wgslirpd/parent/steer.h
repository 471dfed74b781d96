/* SPDX-License-Identifier: ISC */

#ifndef STEER_H
#define STEER_H

#include "addr.h"
#include "msg.h"

/*
 * Which of several sockets on one port a datagram goes to.  Where the kernel
 * can do that there is one for the data of sessions that there are, one for
 * that of peers who send little, one for handshakes, and one for data of
 * sessions that there are not, which anybody can send: a flood of it fills a
 * receive buffer that nothing else needs.  The last one has no room and is
 * never read: what cannot be WireGuard at all ends there.  What the kernel
 * reads is a hint; each of the others takes everything.
 *
 * Each worker has such sockets.  Data and answers go to who has made the index
 * that they name, initiations to the first.
 */

/*
 * Sockets beside fd, a WireGuard socket bound to the address and port, which
 * become the caller's; everything goes to fd until steer_aim() is called.  -1
 * with errno if there are none: fd works without.  offload is as for
 * sockopt_wireguard(); there are so many workers, for each of which are some.
 */
int	 steer_open(int, const struct ipaddr *, uint16_t, int,
	    uint32_t, int [][STEER_SIDES]);

/*
 * Have what comes to fd's port go by these sessions, of so many workers; the
 * last argument is the gateway's number.  -1 with errno if it goes as it did
 * before.
 */
int	 steer_aim(int, const struct steer_msg *, uint32_t, uint8_t);

#endif
