/* SPDX-License-Identifier: ISC */

#ifndef UDPSYS_H
#define UDPSYS_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stdint.h>

#include "wg/peer.h"

#define UDPSYS_CONTROL	192	/* bytes of control data beside a datagram */

/*
 * A received buffer: one or, after coalescing, several datagrams of segment
 * bytes each, of which the last may be shorter.
 */
struct udpio_rx {
	uint8_t			*buf;
	size_t			 len;
	size_t			 segment;
	struct wg_endpoint	 from;
	int			 ecn;
};

/*
 * UDP as systems do it differently.  Platform.
 *
 * udpsys_new:		a socket that is used from now on
 * udpsys_offload:	may the kernel cut trains that are sent?
 * udpsys_drops:	how many datagrams did not fit into a socket's buffer,
 *			modulo 2^32
 * udpsys_send:		send len bytes as datagrams of segment bytes each, the
 *			last one with what is left, with this TOS.  dual: the
 *			socket is an IPv6 one that also takes IPv4.  -1 with
 *			errno EAGAIN if none was sent because the socket is
 *			full, or with another errno if they are lost
 * udpsys_sender:	who sent it, into the buffer's from; -1: nobody that can
 *			be answered
 * udpsys_control:	what the control data of a message tell about it
 */
void	 udpsys_new(int);
void	 udpsys_offload(int);
uint32_t udpsys_drops(int);
int	 udpsys_send(int, const struct wg_endpoint *, const uint8_t *, size_t,
	    size_t, int, int);
int	 udpsys_sender(struct udpio_rx *, const struct sockaddr_storage *);
void	 udpsys_control(struct msghdr *, struct udpio_rx *);

#endif
