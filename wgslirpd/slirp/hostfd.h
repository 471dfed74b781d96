/* SPDX-License-Identifier: ISC */

#ifndef HOSTFD_H
#define HOSTFD_H

#include <sys/types.h>
#include <sys/socket.h>

#include <stdint.h>

#include "hostsock.h"

/*
 * Descriptors of the host layer for Linux.
 */
#define MTU_DONT	0	/* from Linux' headers, which libc's exclude */
#define MTU_DO		2
#define CONTROL_LEN	256

/* Events go to this engine. */
int	 hostfd_init(struct slirp *, hostsock_event_fn *);

/* A non-blocking socket of a family, 4 or 6; -1 with errno. */
int	 hostfd_new(uint8_t, int, int);
void	 hostfd_set(int, int, int, int);

/* What TCP sockets get by the configuration. */
void	 hostfd_tcp_options(int);

/*
 * Have events on a descriptor told to a flow; the same, and it is the flow's
 * own from then on; the same, and it is closed if that cannot be.  -1 with
 * errno.
 */
int	 hostfd_watch(const struct flow *, int, uint32_t);
int	 hostfd_attach(struct flow *, int, uint32_t);
int	 hostfd_attach_or_close(struct flow *, int, uint32_t);

/* Does the kernel cut trains?  Not once it has said that it cannot. */
int	 hostfd_trains(void);
void	 hostfd_set_trains(int);

/*
 * One more of a message's control data, of len bytes; the message has room for
 * it.  The same, that has the kernel cut it into pieces of so many bytes.
 */
void	 hostfd_control(struct msghdr *, int, int, const void *, size_t);
void	 hostfd_segment(struct msghdr *, uint16_t);

#endif
