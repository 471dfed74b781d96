/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "udpports.h"

#define PORTS		65536
#define ASK_BUDGET	256	/* mappings that are asked at one packet */

void
udp_ports_init(struct udp_ports *u)
{
	memset(u, 0, sizeof(*u));
	TAILQ_INIT(&u->unknown);
}

void
udp_ports_free(struct udp_ports *u)
{
	free(u->byport[0]);
	free(u->byport[1]);
	u->byport[0] = u->byport[1] = NULL;
}

void
udp_ports_add(struct udp_ports *u, struct udp_port *p, struct flow *f)
{
	p->f = f;
	p->port = 0;
	TAILQ_INSERT_TAIL(&u->unknown, p, entry);
}

void
udp_ports_drop(struct udp_ports *u, struct udp_port *p)
{
	if (p->f == NULL)
		return;		/* it was never entered */
	if (p->port == 0)
		TAILQ_REMOVE(&u->unknown, p, entry);
	else
		u->byport[p->f->src.af == 6][p->port] = NULL;
}

uint16_t
udp_ports_of(struct slirp *s, struct udp_ports *u, struct udp_port *p)
{
	int	 six = p->f->src.af == 6;

	if (p->port != 0)
		return (p->port);
	if (u->byport[six] == NULL && (u->byport[six] = calloc(PORTS,
	    sizeof(*u->byport[six]))) == NULL)
		return (0);
	p->port = host_of(s, p->f)->local_port(host_arg(s, p->f), p->f);
	if (p->port != 0) {
		TAILQ_REMOVE(&u->unknown, p, entry);
		u->byport[six][p->port] = p->f;
	}
	return (p->port);
}

struct flow *
udp_ports_find(struct slirp *s, struct udp_ports *u, uint8_t af,
    uint16_t port)
{
	struct udp_port	*p, *next;
	int		 n = 0;

	TAILQ_FOREACH_SAFE(p, &u->unknown, entry, next) {
		if (n++ == ASK_BUDGET)
			break;
		if (udp_ports_of(s, u, p) != 0)
			continue;
		/* the host has no ports left: not this one again at once */
		TAILQ_REMOVE(&u->unknown, p, entry);
		TAILQ_INSERT_TAIL(&u->unknown, p, entry);
		break;
	}
	return (u->byport[af == 6] != NULL ? u->byport[af == 6][port] : NULL);
}
