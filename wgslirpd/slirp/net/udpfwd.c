/* SPDX-License-Identifier: ISC */

/*
 * UDP between a client of the host, through a forward or the proxy, and a
 * service in the tunnel.  Such a flow has no socket of its own: its datagrams
 * come and go on the one that listens, and appear in the tunnel from a port of
 * the gateway.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <stdlib.h>

#include "rate.h"
#include "table.h"
#include "udpfwd.h"
#include "udpout.h"

#define IDLE		MONO_SEC(30)	/* then it makes room for others */
#define PORT_TRIES	64
#define PORT_FIRST	1024

static void
forward_close(struct slirp *s, struct flow *f)
{
	s->clients->forget((struct forward_flow *)f);
	flow_remove(s, f);
	s->count.udp_active--;
	free(f);
}

static void
forward_timer(struct slirp *s, struct flow *f)
{
	if (s->now - f->active >= s->conf.udp_timeout)
		forward_close(s, f);
	else
		flow_schedule(s, f, f->active + s->conf.udp_timeout);
}

/* Whether the guest, who was asked, has answered. */
static int
forward_worth(const struct slirp *s, const struct flow *f)
{
	if (f->rx_bytes == 0)
		return (WORTH_NOTHING);
	return (s->now - f->active >= IDLE ? WORTH_IDLE : WORTH_MUCH);
}

static const char *
forward_state(const struct flow *f)
{
	(void)f;
	return ("active");
}

static const struct flow_ops	 forward_ops = {
	.ipproto = { IPPROTO_UDP, IPPROTO_UDP },
	.timer = forward_timer,
	.kill = forward_close,
	.worth = forward_worth,
	.state = forward_state
};

void
udp_forward_register(struct slirp *s)
{
	flow_register(s, FLOW_FORWARD, &forward_ops);
}

/*
 * A datagram of len bytes to the gateway: if it is the answer to a client of
 * the host, that gets it.  Returns whether it was.
 */
int
udp_forward_input(struct slirp *s, const struct ippkt *p, uint16_t sport,
    uint16_t dport, const uint8_t *data, size_t len)
{
	struct flow_key	 k;
	struct flow	*f;

	if (p->peer->nvia == 0)
		return (0);
	flow_key(&k, p->peer, FLOW_FORWARD, &p->src, sport, &p->dst, dport);
	if ((f = flow_find(s, &k)) == NULL)
		return (0);
	f->active = s->now;
	f->rx_bytes += len;
	s->count.udp_rx_datagrams++;
	s->count.udp_rx_bytes += len;
	s->clients->reply((struct forward_flow *)f, data, len);
	return (1);
}

/* A flow for a client of the host, to a service in the tunnel, or NULL. */
struct forward_flow *
udp_forward_open(struct slirp *s, struct slirp_peer *peer,
    const struct ipaddr *to, uint16_t port, enum flow_via via)
{
	const struct ipaddr	*from = own_of(s, to->af);
	struct forward_flow	*w;
	struct flow_key		 k;
	uint16_t		 p = 0;
	int			 i;

	for (i = 0; from != NULL && i < PORT_TRIES && p == 0; i++) {
		p = (uint16_t)(PORT_FIRST +
		    arc4random_uniform(65536 - PORT_FIRST));
		flow_key(&k, peer, FLOW_FORWARD, to, port, from, p);
		if (flow_find(s, &k) != NULL)
			p = 0;
	}
	if (p == 0 || (w = calloc(1, sizeof(*w))) == NULL)
		return (NULL);
	w->f.type = FLOW_FORWARD;
	w->f.peer = peer;
	w->f.src = *to;
	w->f.dst = *from;
	w->f.sport = port;
	w->f.dport = p;
	w->f.via = (uint8_t)via;
	if (flow_add(s, &w->f, &k) == -1) {
		free(w);
		return (NULL);
	}
	s->count.udp_opened++;
	s->count.udp_active++;
	flow_schedule(s, &w->f, s->now + s->conf.udp_timeout);
	return (w);
}

/* What the client sends; room before data as for udp_answer(). */
void
udp_forward_send(struct slirp *s, struct forward_flow *w, uint8_t *data,
    size_t len)
{
	struct flow	*f = &w->f;

	if (!rate_open(&f->peer->out, s->now, f->peer->rate_out)) {
		s->count.udp_drop_rate++;
		return;
	}
	f->active = s->now;
	f->tx_bytes += len;
	s->count.udp_forwarded++;
	udp_answer(s, f->peer, &f->lane, &f->dst, f->dport, &f->src, f->sport, data,
	    len);
}
