/* SPDX-License-Identifier: ISC */

#ifndef PORTMAP_H
#define PORTMAP_H

#include "conf.h"
#include "net/slirp.h"

/*
 * Ports of the host that guests have asked for: what comes there goes to them.
 * The parent opens them, and decides whether.
 */

/* How the parent is asked, and told that a port is not needed any more. */
struct port_parent {
	void	 (*ask)(const struct port_msg *);
	void	 (*give)(uint32_t);		/* of the peer with this id */
};

void	 portmap_init(struct slirp *, const struct port_parent *);
void	 portmap_commit(const struct conf_global *);

/* The parent's answer: a socket, or -1. */
void	 portmap_opened(const struct port_msg *, int);

/* Those of a peer that goes. */
void	 portmap_forget(uint32_t);

/* The n-th, for who looks; -1: there is none. */
int	 portmap_at(uint64_t, char *, size_t, char *, size_t);

#endif
