/* SPDX-License-Identifier: ISC */

#ifndef EGRESS_H
#define EGRESS_H

#include "config.h"

/*
 * What wgslirpd.conf(5) says of where guests come out.  A statement is
 * collected first; then it is for everybody, for a peer, or what a name means.
 * All take the strings that they are given, and return -1 after telling what
 * is wrong.
 */
void	 egress_begin(void);
int	 egress_name(char *);		/* host, none, or what has this name */
int	 egress_source(char *);
int	 egress_rotate(char *);
int	 egress_interface(char *);
int	 egress_uplink(char *);
int	 egress_proxy(char *, int64_t);
int	 egress_user(char *);		/* of the proxy, from a file */
int	 egress_nat64(struct config *, char *);
int	 egress_define(struct config *, char *);
int	 egress_use(struct conf_out **);

#endif
