/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdlib.h>
#include <string.h>

#include "route.h"

#define MAX_ROUTES	512	/* questions under way */

struct route {
	TAILQ_ENTRY(route)	 entry;
	uint32_t		 cookie;
	route_fn		*fn;
	void			*arg;
};

static struct slirp	*engine;
static int		 (*ask)(const struct route_msg *);
static TAILQ_HEAD(, route)	 routes = TAILQ_HEAD_INITIALIZER(routes);
static int		 nroutes;
static uint32_t		 last_cookie;

void
route_init(struct slirp *s, int (*fn)(const struct route_msg *))
{
	engine = s;
	ask = fn;
}

int
route_ask(const struct ipaddr *addr, route_fn *fn, void *arg)
{
	struct route_msg	 m;
	struct route		*r;

	if (nroutes >= MAX_ROUTES || (r = calloc(1, sizeof(*r))) == NULL)
		return (-1);
	memset(&m, 0, sizeof(m));
	m.cookie = r->cookie = ++last_cookie;
	m.addr = *addr;
	r->fn = fn;
	r->arg = arg;
	if (ask(&m) == -1) {
		free(r);
		return (-1);
	}
	TAILQ_INSERT_TAIL(&routes, r, entry);
	nroutes++;
	return (0);
}

void
route_answer(const struct route_msg *m)
{
	struct routed	 to;
	struct route	*r;

	TAILQ_FOREACH(r, &routes, entry)
		if (r->cookie == m->cookie)
			break;
	if (r == NULL)
		return;
	TAILQ_REMOVE(&routes, r, entry);
	nroutes--;
	to.id = m->id;
	to.worker = m->worker;
	to.p = peer_get(engine, m->id);
	r->fn(r->arg, &to);
	free(r);
}
