/* SPDX-License-Identifier: ISC */

#ifndef DNS_H
#define DNS_H

#include "config.h"

/*
 * Each of these takes its string, and returns 0, or -1 after telling what is
 * wrong.
 *
 * dns_name:		guests are not told this domain, or (1) are in any case
 * dns_file:		the same of a list
 * dns_zone:		a domain with upstreams of its own, and its number
 * dns_upstream:	one of those, or of all names (0)
 */
int	 dns_name(struct config *, char *, int);
int	 dns_file(struct config *, char *, int);
int	 dns_zone(struct config *, char *, uint16_t *);
int	 dns_upstream(struct config *, uint16_t, char *);

#endif
