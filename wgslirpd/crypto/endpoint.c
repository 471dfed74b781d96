/* SPDX-License-Identifier: ISC */

/*
 * What the slirp engine says: where peers are whose endpoint is a name; and
 * what it asks: which peer has an address.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdlib.h>

#include "endpoint.h"
#include "state.h"
#include "wg/output.h"

struct staged_endpoint {
	STAILQ_ENTRY(staged_endpoint)	 entry;
	struct endpoint_msg		 m;
};

/* Names that were resolved before this process has committed. */
static STAILQ_HEAD(, staged_endpoint)	 early = STAILQ_HEAD_INITIALIZER(early);
static uint32_t				 nearly;

/* Which peer has the address? */
static void
answer_route(struct imsg *imsg)
{
	struct route_msg	 m;
	struct wg_peer		*p = NULL;

	imsg_is(imsg, &m, sizeof(m));
	if (m.addr.af == 4)
		p = aip_lookup4(&ce.dev->aips, m.addr.a);
	else if (m.addr.af == 6)
		p = aip_lookup6(&ce.dev->aips, m.addr.a);
	m.id = p != NULL && !p->cut ? p->id : ROUTE_NOBODY;
	m.worker = p != NULL ? p->worker : 0;
	imsgev_send(&ce.slirp, IMSG_ROUTE, 0, -1, &m, sizeof(m));
}

/* Only peers that were given by name are slirp's to place. */
static void
resolved(const struct endpoint_msg *m)
{
	struct sockaddr_storage	 ss;
	struct wg_endpoint	 was;
	struct wg_peer		*p;
	int			 known;

	if ((m->addr.af != 4 && m->addr.af != 6) || m->port == 0 ||
	    (p = wg_peer_by_id(ce.dev, m->id)) == NULL || !p->by_name ||
	    !wg_is_here(ce.dev, p))
		return;
	sa_make(&ss, &m->addr, m->port);
	/* who answers stays where it is; who does not may be there again */
	if (sa_equal(&p->configured.remote.sa, (struct sockaddr *)&ss) &&
	    (p->timers.unanswered == 0 ||
	    sa_equal(&p->ep.remote.sa, (struct sockaddr *)&ss)))
		return;
	was = p->ep;
	wg_peer_set_endpoint(p, (struct sockaddr *)&ss);
	known = p->configured.remote.sa.sa_family != AF_UNSPEC ||
	    p->last_handshake.tv_sec != 0;
	p->configured = p->ep;
	/* who is at a relay is tried elsewhere when he does not answer there */
	if (was.remote.sa.sa_family == AF_RELAY && known) {
		p->ep = was;
		return;
	}
	wg_peer_poke(ce.dev, p, mono_now());
}

/* An endpoint that was given by name is known, or has changed. */
void
endpoint_input(struct imsgev *iev, struct imsg *imsg)
{
	struct staged_endpoint	*se;
	struct endpoint_msg	 m;

	if (imsg == NULL) {
		imsgev_clear(iev);
		return;
	}
	if (imsg_get_type(imsg) == IMSG_ROUTE) {
		answer_route(imsg);
		return;
	}
	if (imsg_get_type(imsg) != IMSG_ENDPOINT)
		bad_imsg("slirp", imsg_get_type(imsg));
	imsg_is(imsg, &m, sizeof(m));
	/* slirp may have committed before this process has */
	if (ce.staging) {
		if (nearly == 2 * MAX_PEERS ||
		    (se = calloc(1, sizeof(*se))) == NULL)
			return;
		se->m = m;
		STAILQ_INSERT_TAIL(&early, se, entry);
		nearly++;
		return;
	}
	resolved(&m);
}

/* A configuration took effect: so does what came before it did. */
void
endpoint_flush(void)
{
	struct staged_endpoint	*e;

	while ((e = STAILQ_FIRST(&early)) != NULL) {
		STAILQ_REMOVE_HEAD(&early, entry);
		resolved(&e->m);
		free(e);
	}
	nearly = 0;
}
