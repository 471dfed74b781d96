/* SPDX-License-Identifier: ISC */

#ifndef UDPPORTS_H
#define UDPPORTS_H

#include <sys/queue.h>

#include <stdint.h>

#include "flow.h"
#include "slirp.h"

/*
 * Which mapping has a port of the host, for guests who talk to each other's
 * mappings (RFC 4787 REQ-9).  The kernel chooses the ports; they are only
 * asked for, and kept in a table, once somebody wants to know.
 */
struct udp_port {
	TAILQ_ENTRY(udp_port)	 entry;		/* port is 0: not known */
	struct flow		*f;
	uint16_t		 port;
};
TAILQ_HEAD(udp_port_list, udp_port);

struct udp_ports {
	struct udp_port_list	 unknown;
	struct flow		**byport[2];	/* IPv4, IPv6; or NULL */
};

/*
 * udp_ports_add:	a new mapping, whose port nobody has asked for yet
 * udp_ports_drop:	it goes
 * udp_ports_of:	the port of a mapping, 0 if it has none
 * udp_ports_find:	the mapping with this port, or NULL
 */
void		 udp_ports_init(struct udp_ports *);
void		 udp_ports_free(struct udp_ports *);
void		 udp_ports_add(struct udp_ports *, struct udp_port *,
		    struct flow *);
void		 udp_ports_drop(struct udp_ports *, struct udp_port *);
uint16_t	 udp_ports_of(struct slirp *, struct udp_ports *,
		    struct udp_port *);
struct flow	*udp_ports_find(struct slirp *, struct udp_ports *, uint8_t,
		    uint16_t);

#endif
