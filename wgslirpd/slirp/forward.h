/* SPDX-License-Identifier: ISC */

#ifndef SLIRP_FWD_H
#define SLIRP_FWD_H

#include <sys/tree.h>

#include "net/slirp.h"

RB_HEAD(fwd_clients, forward_flow);

/*
 * A socket that listens on the host: of a forward or the proxy, or that of
 * one client's UDP through the proxy.
 */
struct fwd_listener {
	TAILQ_ENTRY(fwd_listener)	 entry;
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
};

/* What somebody wants to know: the peer that has an address, or NULL. */
typedef void	fwd_route_fn(void *, struct slirp_peer *);

/* slirp_fwd.c; fwd_stage*() and fwd_commit() as for the resolver */
void	 fwd_init(struct slirp *, int (*)(const struct route_msg *));
void	 fwd_stage(const struct service *, int);
int	 fwd_stage_allow(const struct ipprefix *);
int	 fwd_stage_user(const struct service_user *);
void	 fwd_commit(void);
int	 fwd_allowed(const struct fwd_listener *, const struct ipaddr *);
int	 fwd_route(const struct ipaddr *, fwd_route_fn *, void *);
void	 fwd_routed(const struct route_msg *);
struct fwd_listener	*fwd_listener_new(const struct service *, int);
void	 fwd_listener_free(struct fwd_listener *);
int	 fwd_listener_watch(struct fwd_listener *);
void	 fwd_datagram(struct fwd_listener *, const struct ipaddr *,
	    uint16_t, const struct ipaddr *, uint16_t, uint8_t *, size_t);
void	 fwd_answered(void *, struct flow *, int);
void	 fwd_reply(void *, struct forward_flow *, const uint8_t *, size_t);
void	 fwd_forget(void *, struct forward_flow *);

/* slirp_proxy.c */
void	 proxy_accept(struct slirp *, struct fwd_listener *, int,
	    const struct ipaddr *);
void	 proxy_take_over(struct fwd_listener *, const struct fwd_listener *);
void	 proxy_listener_gone(const struct fwd_listener *);
void	 proxy_answered(int, enum flow_via, int);
size_t	 proxy_udp_header(const struct forward_flow *, uint8_t [22]);
int	 proxy_udp_parse(const uint8_t *, size_t, struct ipaddr *,
	    uint16_t *, size_t *);

#endif
