/* SPDX-License-Identifier: ISC */

#ifndef SERVICE_H
#define SERVICE_H

#include "conf.h"
#include "msg.h"
#include "net/peer.h"

/* ask sends a question about a route to the crypto engine; -1: it cannot. */
void	 service_init(struct slirp *, int (*)(const struct route_msg *));

/*
 * service_stage*() collect what a new configuration says, service_commit() puts
 * it in force.
 */
void	 service_stage(const struct service *, int);
int	 service_stage_allow(const struct ipprefix *);
int	 service_stage_user(const struct service_user *);
void	 service_commit(void);

/*
 * The n-th forward, as text, for who looks; -1: there is none, and *n is less
 * by those that there are.
 */
int	 service_forward_at(uint64_t *, char *, size_t, char *, size_t);

#endif
