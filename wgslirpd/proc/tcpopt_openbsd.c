/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>

#include "tcpopt.h"

/* When it asks is the system's to say: sysctl net.inet.tcp.keepidle. */
void
tcpopt_keepalive(int fd, int idle)
{
	int	 on = 1;

	(void)idle;
	(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
}

/* The system gives up on its own, after some ten minutes. */
void
tcpopt_timeout(int fd, int ms)
{
	(void)fd;
	(void)ms;
}

/* What is in a socket's buffer is not told apart from what was sent. */
void
tcpopt_lowat(int fd, int bytes)
{
	(void)fd;
	(void)bytes;
}
