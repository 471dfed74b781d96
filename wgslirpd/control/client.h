/* SPDX-License-Identifier: ISC */

#ifndef CLIENT_H
#define CLIENT_H

#include "ctl.h"

/* A process, for those who ask which there are; in the order of showing. */
void	 client_process(const struct ctl_process *);

/* Tells whether anybody wants events, or packets. */
enum client_wish {
	CLIENT_EVENTS,
	CLIENT_PACKETS
};
typedef void	 client_watch_fn(enum client_wish, int);

/* Who started the daemon; that user and root are served. */
void	 client_init(uid_t, client_watch_fn *);

/* A process that the parent has told of, or NULL: there are no more. */
const struct ctl_process	*client_process_at(int);

/* An event, for all who watch. */
void	 client_event_all(const struct ctl_event *);

/* A packet, for those who capture what its peer sends and gets. */
void	 client_packet_all(const struct ctl_packet *);

/* Events are wanted from now on, whoever watches. */
void	 client_keep_watching(void);

/* May who has connected this UNIX socket be served? */
int	 client_may(int);

/* Serve wgslirpctl(8) on a listening socket, which is this module's then. */
void	 client_start(int);

#endif
