/* SPDX-License-Identifier: ISC */

#ifndef RESOLVCONF_H
#define RESOLVCONF_H

#include "conf.h"

#define MAX_SEARCH	6	/* resolv.conf(5) */
#define RESOLV_CONF	"/etc/resolv.conf"
#define HOSTS		"/etc/hosts"

struct resolvconf {
	struct upstream	 servers[MAX_UPSTREAMS];
	int		 nservers;
	char		 search[MAX_SEARCH][HOST_NAME_LEN];
	int		 nsearch;
	int		 ndots;
};

/*
 * The host's own resolver configuration, read before the sandbox.
 *
 * resolvconf_read:	a file as resolv.conf(5) says; one that is not there
 *			is as an empty one: the resolver of this host
 * resolvconf_name:	the i-th name to ask for when somebody says host, with
 *			the search list (resolv.conf(5), ndots); -1: no more
 * hosts_read:		the names of a file as hosts(5) says, for good
 * hosts_find:		the addresses of such a name, at most max; 0: none
 */
void	 resolvconf_read(struct resolvconf *, const char *);
int	 resolvconf_name(const struct resolvconf *, const char *, int, char *,
	    size_t);
void	 hosts_read(const char *);
size_t	 hosts_find(const char *, struct ipaddr *, size_t);

#endif
