/* SPDX-License-Identifier: ISC */

#ifndef UPLINK_H
#define UPLINK_H

#include "config.h"

/*
 * What wgslirpd.conf(5) says of a peer where guests come out.  These take the
 * string, and return -1 after telling what is wrong.
 */
int	 peer_address(struct conf_peer *, char *);	/* ours there */
int	 peer_dns(struct conf_peer *, char *);		/* a resolver there */

#endif
