/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include "sockopt.h"

#define UDP_BUFFER	(2 * 1024 * 1024)	/* kern.sb_max, as it comes */

static void
set_int(int fd, int level, int opt, int value)
{
	/* each is an improvement where the kernel has it, no need */
	(void)setsockopt(fd, level, opt, &value, sizeof(value));
}

/*
 * Options of a WireGuard socket: the address that a datagram came to, the
 * ECN bits where they are told (IPv6), large buffers.  What is sent over
 * IPv4 has no DF bit, and nothing is joined or cut.  Each of them is let
 * through by pledge "inet", since a reload opens sockets too.
 */
void
sockopt_wireguard(int fd, int family, int offload)
{
	(void)offload;
	set_int(fd, SOL_SOCKET, SO_RCVBUF, UDP_BUFFER);
	set_int(fd, SOL_SOCKET, SO_SNDBUF, UDP_BUFFER);
	if (family == AF_INET)
		set_int(fd, IPPROTO_IP, IP_RECVDSTADDR, 1);
	else {
		set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
		set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	}
}

int
sockopt_interfaces(void)
{
	return (0);
}
