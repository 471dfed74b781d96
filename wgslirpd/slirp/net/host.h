/* SPDX-License-Identifier: ISC */

#ifndef HOST_H
#define HOST_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/*
 * Host sockets, as the engine reaches them.  A flow has at most one, which the
 * open functions make, non-blocking and watched edge-triggered; they return -1
 * with errno.  Whatever happens on it is told by slirp_host_event().  adopt()
 * takes one that is connected.
 */
struct flow;

/* An error that the host's kernel reports about something sent. */
struct host_error {
	int		 error;		/* errno */
	int		 icmp;		/* it came as ICMP */
	uint8_t		 af;
	uint8_t		 type;
	uint8_t		 code;
	uint32_t	 info;		/* MTU */
	struct ipaddr	 offender;	/* af 0: not known */
	struct ipaddr	 dst;		/* of what was sent; af 0: flow's */
	uint16_t	 dport;
	uint8_t		 data[64];	/* start of what was sent */
	size_t		 datalen;
};

/*
 * How datagrams go, or came: with segment not 0, several of that many bytes
 * each, of which the last may be shorter.
 */
struct dgram_opts {
	int		 ttl;
	int		 tos;
	int		 df;
	size_t		 segment;
};

struct host_ops {
	/* of what is no socket: the far end has answered, with 0 or an errno */
	void	 (*answered)(void *, struct flow *, int);
	int	 (*tcp_open)(void *, struct flow *, int);
	int	 (*adopt)(void *, struct flow *, int);
	int	 (*udp_open)(void *, struct flow *);
	int	 (*icmp_open)(void *, struct flow *);
	uint16_t (*local_port)(void *, struct flow *);	/* 0: none */
	void	 (*close)(void *, struct flow *, int);
	ssize_t	 (*readv)(void *, struct flow *, const struct iovec *, int);
	ssize_t	 (*writev)(void *, struct flow *, const struct iovec *, int);
	int	 (*shutdown)(void *, struct flow *);
	int	 (*connected)(void *, struct flow *);
	int	 (*error)(void *, struct flow *);
	int	 (*errqueue)(void *, struct flow *, struct host_error *);
	ssize_t	 (*sendto)(void *, struct flow *, const struct ipaddr *,
		    uint16_t, const struct iovec *, int, const struct
		    dgram_opts *);
	ssize_t	 (*recvfrom)(void *, struct flow *, const struct iovec *,
		    int, struct ipaddr *, uint16_t *, struct dgram_opts *);
};

#define HOST_READ	0x01
#define HOST_WRITE	0x02
#define HOST_ERROR	0x04	/* there may be one in its queue */

#endif
