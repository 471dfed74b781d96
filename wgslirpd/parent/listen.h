/* SPDX-License-Identifier: ISC */

#ifndef LISTEN_H
#define LISTEN_H

#include <sys/un.h>

#include "config.h"

/* Bound WireGuard sockets, with what they are bound to. */
struct listen_set {
	int		 n;
	int		 fd[MAX_LISTEN];
	/* of each worker, by enum steer_side; -1: there is none */
	int		 side[MAX_LISTEN][MAX_WORKERS][STEER_SIDES];
	struct ipaddr	 addr[MAX_LISTEN];
	uint16_t	 port[MAX_LISTEN];
};

/* Bound sockets of the services; "*" is one for each family. */
struct service_set {
	int		 n;
	struct {
		int		 fd;
		struct ipaddr	 addr;
		uint16_t	 port;
		uint8_t		 proto;
		char		 path[sizeof(((struct sockaddr_un *)0)->
				    sun_path)];	/* of a UNIX socket, or "" */
		const struct conf_service	*s;
	}		 v[2 * MAX_SERVICES];
};

/* Sockets that a service manager opened. */
struct listen_given {
	int		 nudp;
	int		 udp[MAX_LISTEN];
	int		 control;
};

int	 listen_open(const struct config *, struct listen_set *,
	    const struct listen_set *, int, char *, size_t);
void	 listen_no_sides(struct listen_set *, int);
void	 listen_close(struct listen_set *, const struct listen_set *);
/* A port for guests, at every address of a family; -1 with errno. */
int	 listen_port_open(int, const struct ipaddr *, uint16_t);
uint16_t listen_port(const struct listen_set *);
int	 service_open(const struct config *, struct service_set *,
	    const struct service_set *, char *, size_t);
void	 service_close(struct service_set *, const struct service_set *);
void	 listen_tune(struct listen_set *, struct listen_set *,
	    const struct conf_global *);
int	 listen_activated(struct listen_given *);
int	 listen_control(const char *, char *, size_t);
/* The same, for the page: whoever has the folder's group may connect. */
int	 listen_web(const char *, char *, size_t);

#endif
