/* SPDX-License-Identifier: ISC */

#ifndef LISTENER_H
#define LISTENER_H

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/tree.h>

#include <event2/event.h>

#include "conf.h"
#include "net/udpfwd.h"

/*
 * A socket that listens on the host: of a forward or the proxy, or that of
 * one client's UDP through the proxy.
 */
struct fwd_listener;
RB_HEAD(fwd_clients, forward_flow);

/*
 * What a kind of listener does: when there is something to take, when a new
 * configuration gives the old one's clients to it, when it goes away.  The
 * other two are the proxy's, NULL for plain forwards: where a client's datagram
 * goes, and where its payload starts; and what precedes one to it (at most 22
 * bytes; its length).  reply takes a datagram for a client where that does not
 * go by the socket.
 */
struct listener_ops {
	void	 (*readable)(struct fwd_listener *);
	void	 (*take_over)(struct fwd_listener *, struct fwd_listener *);
	void	 (*gone)(struct fwd_listener *);
	int	 (*parse)(const uint8_t *, size_t, struct ipaddr *, uint16_t *,
		    size_t *);
	size_t	 (*header)(const struct forward_flow *, uint8_t [22]);
	void	 (*reply)(struct forward_flow *, const uint8_t *, size_t);
};

struct fwd_listener {
	TAILQ_ENTRY(fwd_listener)	 entry;
	const struct listener_ops	*ops;
	struct service		 s;
	int			 fd;
	struct event		*ev;
	struct event		*pause;
	struct ipprefix		*allow;		/* none: all */
	size_t			 nallow;
	struct service_user	*users;
	size_t			 nusers;
	struct fwd_clients	 clients;	/* UDP flows */
	int			 nwaiting;	/* datagrams that wait */
	struct ipaddr		 only;		/* of the proxy: its client */
	uint16_t		 onlyport;	/* 0: not known yet */
	uint32_t		 number;	/* for other workers; 0: none */
	uint32_t		 far_workers;	/* who have had datagrams */
	LIST_ENTRY(fwd_listener) far_entry;
	struct ipaddr		 far_dst;	/* who was with another one */
	uint32_t		 far_peer, far_worker;
	mono_t			 far_until;	/* it is not asked again */
};

/* On a socket that is bound, which is its own then; NULL: no memory. */
struct fwd_listener	*listener_new(const struct service *, int,
	    const struct listener_ops *);
int	 listener_watch(struct fwd_listener *);

/* Accept a client, -1 if there is none. */
int	 listener_accept(struct fwd_listener *);

/* May a client with this address use it? */
int	 listener_allowed(const struct fwd_listener *, const struct ipaddr *);

/* It listens no more; what goes through it ends. */
void	 listener_free(struct fwd_listener *);

#endif
