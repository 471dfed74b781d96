/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/udp.h>

#include "sockopt.h"

#define UDP_BUFFER	(4 * 1024 * 1024)

static void
set_int(int fd, int level, int opt, int value)
{
	/* each is an improvement where the kernel has it, no need */
	(void)setsockopt(fd, level, opt, &value, sizeof(value));
}

/*
 * Options of a WireGuard socket: the address that a datagram came to, the
 * ECN bits, receive coalescing if wanted, large buffers, and no DF bit on
 * what is sent, since WireGuard's own MTU is the user's to set.
 */
void
sockopt_wireguard(int fd, int family, int offload)
{
	set_int(fd, SOL_SOCKET, SO_RCVBUF, UDP_BUFFER);
	set_int(fd, SOL_SOCKET, SO_SNDBUF, UDP_BUFFER);
	set_int(fd, IPPROTO_UDP, UDP_GRO, offload != 0);
	if (family == AF_INET) {
		set_int(fd, IPPROTO_IP, IP_PKTINFO, 1);
		set_int(fd, IPPROTO_IP, IP_RECVTOS, 1);
		set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
	} else {
		set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
		set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER,
		    IPV6_PMTUDISC_DONT);
	}
}

int
sockopt_interfaces(void)
{
	return (1);
}
