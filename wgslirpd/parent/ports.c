/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "listen.h"
#include "log.h"
#include "ports.h"
#include "state.h"

#define MAX_PORTS	1024	/* of all peers */
#define ANSWERS_MAX	512	/* that wait for the slirp engine */
#define TRIES		64	/* one beside the other, from any one on */

/*
 * How many a peer has, by its id.  That is what an honest slirp engine is held
 * to; one that was taken over can say that it has given ports back, and keep
 * them: what binds that is the range.
 */
struct holder {
	TAILQ_ENTRY(holder)	 entry;
	uint32_t		 id;
	uint32_t		 n;
	uint32_t		 worker;	/* whose slirp engine has them */
};

static TAILQ_HEAD(, holder)	 holders = TAILQ_HEAD_INITIALIZER(holders);
static uint32_t			 nports;

static struct holder *
find(uint32_t id, uint32_t worker)
{
	struct holder	*h;

	TAILQ_FOREACH(h, &holders, entry)
		if (h->id == id && h->worker == worker)
			break;
	return (h);
}

static struct conf_peer *
peer_by_id(uint32_t id)
{
	struct conf_peer	*p;

	TAILQ_FOREACH(p, &env.conf->peers, entry)
		if (p->id == id)
			break;
	return (p);
}

static int
in_range(uint16_t port)
{
	const struct conf_global	*g = &env.conf->g;

	return (port >= g->pcp_low && port <= g->pcp_high);
}

/* A socket on the port that is suggested, or another one. */
static int
open_one(struct port_msg *m)
{
	const struct conf_global	*g = &env.conf->g;
	struct ipaddr			 any;
	uint32_t			 at, i, n;
	int				 fd = -1;

	memset(&any, 0, sizeof(any));
	any.af = m->af;
	if (in_range(m->port))
		fd = listen_port_open(m->proto, &any, m->port);
	if (fd != -1 || m->exact)
		return (fd);
	n = g->pcp_high - g->pcp_low + 1U;
	at = arc4random_uniform(n);
	for (i = 0; i < TRIES && i < n && fd == -1; i++) {
		m->port = (uint16_t)(g->pcp_low + (at + i) % n);
		fd = listen_port_open(m->proto, &any, m->port);
	}
	return (fd);
}

void
ports_ask(struct imsgev *slirp, struct imsg *imsg)
{
	const struct conf_global	*g = &env.conf->g;
	const struct conf_peer		*p;
	struct holder			*h;
	struct port_msg			 m;
	static struct log_limit		 limit;
	int				 fd;

	imsg_is(imsg, &m, sizeof(m));
	/* an honest one has few questions open, and takes the answers */
	if ((m.proto != IPPROTO_TCP && m.proto != IPPROTO_UDP) ||
	    (m.af != 4 && m.af != 6) ||
	    imsgbuf_queuelen(&slirp->ibuf) > ANSWERS_MAX)
		bad_imsg("slirp", IMSG_PORT_ASK);
	m.quota = 0;
	p = peer_by_id(m.peer);
	h = find(m.peer, slot_worker(slirp->slot));
	if (g->pcp_low == 0 || p == NULL || !p->pcp ||
	    p->worker != slot_worker(slirp->slot)) {
		m.exact = 0;
		imsgev_must(slirp, IMSG_PORT_NOT, 0, -1, &m, sizeof(m));
		return;
	}
	if (nports >= MAX_PORTS || (h != NULL && h->n >= g->pcp_max)) {
		m.exact = 0;
		m.quota = 1;
		imsgev_must(slirp, IMSG_PORT_NOT, 0, -1, &m, sizeof(m));
		return;
	}
	if ((fd = open_one(&m)) == -1) {
		imsgev_must(slirp, IMSG_PORT_NOT, 0, -1, &m, sizeof(m));
		return;
	}
	if (h == NULL) {
		if ((h = calloc(1, sizeof(*h))) == NULL)
			fatal(NULL);
		h->id = m.peer;
		h->worker = slot_worker(slirp->slot);
		TAILQ_INSERT_TAIL(&holders, h, entry);
	}
	h->n++;
	nports++;
	if (log_allow(&limit, mono_now()))
		log_info("peer \"%s\" has the %s port %u of this host",
		    p->name, m.proto == IPPROTO_TCP ? "tcp" : "udp", m.port);
	imsgev_must(slirp, IMSG_PORT, 0, fd, &m, sizeof(m));
}

void
ports_give(struct imsgev *slirp, struct imsg *imsg)
{
	struct holder	*h;
	uint32_t	 id;

	imsg_is(imsg, &id, sizeof(id));
	if ((h = find(id, slot_worker(slirp->slot))) == NULL)
		bad_imsg("slirp", IMSG_PORT_GIVE);
	nports--;
	if (--h->n > 0)
		return;
	TAILQ_REMOVE(&holders, h, entry);
	free(h);
}
