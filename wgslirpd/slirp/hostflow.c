/* SPDX-License-Identifier: ISC */

/*
 * What all flows' host sockets have in common.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <unistd.h>

#include "hostflow.h"
#include "log.h"
#include "tcpopt.h"

static struct conf_tcp	 opts;		/* as configured */

/* Watch a socket for the flow, which owns the descriptor from then on. */
int
hostflow_attach(struct flow *f, int fd, int events)
{
	if (hostfd_watch(f, fd, events) == -1)
		return (-1);
	f->fd = fd;
	return (0);
}

/* The same; on failure the descriptor is closed. */
int
hostflow_attach_or_close(struct flow *f, int fd, int events)
{
	if (hostflow_attach(f, fd, events) == 0)
		return (0);
	close(fd);
	errno = ENOMEM;
	return (-1);
}

void
hostflow_options(const struct conf_tcp *c)
{
	int	 fd;

	if (c->host_cc != 0 && c->host_cc != opts.host_cc &&
	    (fd = hostfd_new(4, SOCK_STREAM, IPPROTO_TCP)) != -1) {
		if (hostfd_congestion(fd, tcpconf_host_cc[c->host_cc]) == -1)
			log_warnx("upstream congestion %s: this kernel does "
			    "not let us; the system's is used",
			    tcpconf_host_cc[c->host_cc]);
		close(fd);
	}
	opts = *c;
}

void
hostflow_tcp_options(int fd)
{
	hostfd_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	/* a server that is gone would be the guest's connection for ever */
	if (opts.host_idle != 0)
		tcpopt_keepalive(fd, (int)opts.host_idle);
	if (opts.host_timeout != 0)
		tcpopt_timeout(fd, (int)opts.host_timeout * 1000);
	if (opts.rcvbuf != 0)
		hostfd_set(fd, SOL_SOCKET, SO_RCVBUF, (int)opts.rcvbuf);
	if (opts.sndbuf != 0)
		hostfd_set(fd, SOL_SOCKET, SO_SNDBUF, (int)opts.sndbuf);
	if (opts.host_cc != 0)
		(void)hostfd_congestion(fd,
		    tcpconf_host_cc[opts.host_cc]);
}
