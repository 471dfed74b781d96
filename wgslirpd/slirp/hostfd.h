/* SPDX-License-Identifier: ISC */

#ifndef HOSTFD_H
#define HOSTFD_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stdint.h>

#include "net/slirp.h"

/*
 * Descriptors of the host layer: what systems do differently.  Platform.
 * Families are 4 and 6.
 */
#define CONTROL_LEN	256

/* What happened (HOST_READ and so on) on the socket of the flow with an id. */
typedef void	 hostfd_event_fn(struct slirp *, uint64_t, int);

/* Events go to this engine. */
int	 hostfd_init(struct slirp *, hostfd_event_fn *);

/*
 * A non-blocking socket of a family, type and protocol; one that sends pings;
 * -1 with errno.
 */
int	 hostfd_new(uint8_t, int, int);
int	 hostfd_ping(uint8_t);
void	 hostfd_set(int, int, int, int);

/*
 * Have events (HOST_READ, HOST_WRITE) on a descriptor told to a flow.  -1 with
 * errno.
 */
int	 hostfd_watch(const struct flow *, int, int);

/*
 * Have the socket leave by the interface of this number; -1 with errno: ENODEV
 * if there is none, EOPNOTSUPP if this system cannot.
 */
int	 hostfd_interface(int, uint32_t);

/* The port of an address that it is bound to is chosen when it connects. */
void	 hostfd_port_late(int);

/* Is the connection up, and not only begun? */
int	 hostfd_is_up(int);

/* The congestion control of this name; -1: the kernel has it not, for us. */
int	 hostfd_congestion(int, const char *);

/*
 * Queue the ICMP errors about what the socket of a family sends, or, with 0,
 * no more; take one that is queued, -1 if there is none.
 */
void	 hostfd_want_errors(int, uint8_t, int);
int	 hostfd_error(int, struct host_error *);

/*
 * A datagram socket of the family: have the TOS or traffic class told of what
 * comes; have what came together told as one.
 */
void	 hostfd_want_tos(int, uint8_t);
void	 hostfd_want_trains(int);

/* May what it sends be sent in fragments? */
void	 hostfd_fragments(int, uint8_t, int);

/*
 * TTL (or hop limit) and TOS (or traffic class) of a message that the socket
 * is about to send: in the message's control data, which has room for them, or
 * as options of the socket.  Of one that it received, with how it was joined.
 */
void	 hostfd_put_header(int, struct msghdr *, uint8_t, int, int);
void	 hostfd_get_header(struct msghdr *, struct dgram_opts *);

/* Does the kernel cut trains?  Not once it has said that it cannot. */
int	 hostfd_trains(void);
void	 hostfd_set_trains(int);

/*
 * Have the kernel cut a message into pieces of so many bytes; its control data
 * has room for that.
 */
void	 hostfd_segment(struct msghdr *, uint16_t);

#endif
