/* SPDX-License-Identifier: ISC */

#ifndef ENDPOINT_H
#define ENDPOINT_H

#include "addr.h"
#include "config.h"

/*
 * Where peers are, as the configuration says it.
 *
 * config_endpoint:	a peer's host: a numeric address, one with %interface,
 *			or a host name; it is copied.  -1: it is none of these
 * endpoint_find:	the address and scope of such a host; 0: it is a
 *			name, 1: it is this, -1: there is no such interface
 * scope_find:		the scope of an interface, by name or number; 0 or -1
 * endpoint_split:	cut ":port" off "host:port" or "[ip6]:port", and the
 *			brackets; 0 for a port if there is none; -1: it is no
 *			port
 */
int	 config_endpoint(struct conf_peer *, const char *);
int	 endpoint_find(const char *, struct ipaddr *, uint32_t *);
int	 endpoint_split(char *, uint16_t *);
int	 scope_find(const char *, uint32_t *);

#endif
