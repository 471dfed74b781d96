/* SPDX-License-Identifier: ISC */

/*
 * What the control engine asks, for wgslirpctl(8) and wg(8).  Answers come in
 * portions, so that no client makes this process keep them.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "set.h"
#include "show.h"
#include "sockets.h"
#include "state.h"
#include "tell.h"
#include "wg/limit.h"

#define DRAIN_TIME	300000	/* us, for what was told to guests */
#define ACTIVE_TIME	180	/* seconds since the last handshake */
#define SHOW_MARKS	16

/* Where a client's last portion of peers ended, and when that was. */
struct show_mark {
	struct aip_node	*node;
	uint64_t	 cursor;
	uint64_t	 changes;
	uint32_t	 id;
};

static struct show_mark	 marks[SHOW_MARKS];
static unsigned int	 next_mark;

static void
send_peer(struct imsgev *iev, uint32_t id, const struct wg_peer *p)
{
	struct ctl_peer	 m;

	memset(&m, 0, sizeof(m));
	m.id = p->id;
	m.keepalive = p->timers.keepalive_interval;
	strlcpy(m.name, p->name, sizeof(m.name));
	memcpy(m.public_key, p->noise.public, KEY_LEN);
	if (ipaddr_from_sa(&m.endpoint, &p->ep.remote.sa) == 0) {
		m.endpoint_port = sa_port(&p->ep.remote.sa);
		if (m.endpoint.af == 6)
			m.endpoint_scope = p->ep.remote.sin6.sin6_scope_id;
	}
	if (p->ep.remote.sa.sa_family == AF_RELAY) {
		m.at_relay = 1;
		memcpy(m.relay_key, p->ep.remote.relay.key, KEY_LEN);
	}
	m.has_psk = !key_is_zero(p->noise.psk);
	m.latest_handshake = (uint64_t)p->last_handshake.tv_sec;
	m.rx_bytes = p->rx_bytes;
	m.tx_bytes = p->tx_bytes;
	m.quota = p->quota;
	m.expires = p->expires;
	m.cut = p->cut;
	m.away = p->away;
	m.gateway = p->gateway;
	imsgev_send(iev, CTL_PEER, id, -1, &m, sizeof(m));
}

/* A peer for wg(8), which gets secrets unless the configuration says no. */
static void
send_uapi_peer(struct imsgev *iev, uint32_t id, const struct wg_peer *p)
{
	struct uapi_peer	 m;

	memset(&m, 0, sizeof(m));
	memcpy(m.public_key, p->noise.public, KEY_LEN);
	if (ce.global.uapi == UAPI_ON)
		memcpy(m.psk, p->noise.psk, KEY_LEN);
	if (ipaddr_from_sa(&m.endpoint, &p->ep.remote.sa) == 0) {
		m.endpoint_port = sa_port(&p->ep.remote.sa);
		if (m.endpoint.af == 6)
			m.ep_scope = p->ep.remote.sin6.sin6_scope_id;
	}
	m.keepalive = p->timers.keepalive_interval;
	m.latest_handshake = (uint64_t)p->last_handshake.tv_sec;
	m.latest_nsec = (uint32_t)p->last_handshake.tv_nsec;
	m.rx_bytes = p->rx_bytes;
	m.tx_bytes = p->tx_bytes;
	imsgev_send(iev, IMSG_UAPI_PEER, id, -1, &m, sizeof(m));
	explicit_bzero(&m, sizeof(m));
}

static void
send_uapi_device(struct imsgev *iev, uint32_t id)
{
	struct uapi_device	 m;

	memset(&m, 0, sizeof(m));
	m.listen_port = sockets_port();
	if (ce.dev->has_key && ce.global.uapi == UAPI_ON) {
		m.has_key = 1;
		memcpy(m.private_key, ce.dev->local.private, KEY_LEN);
	}
	imsgev_send(iev, IMSG_UAPI_DEVICE, id, -1, &m, sizeof(m));
	explicit_bzero(&m, sizeof(m));
}

static void
show_mark(uint32_t id, uint64_t cursor, struct aip_node *n)
{
	struct show_mark	*m;
	int			 i;

	for (i = 0; i < SHOW_MARKS && marks[i].id != id; i++)
		continue;
	m = &marks[i < SHOW_MARKS ? i : (int)(next_mark++ %
	    SHOW_MARKS)];
	m->id = id;
	m->cursor = cursor;
	m->node = n;
	m->changes = ce.dev->aips.changes;
}

/* Where in a peer's allowed IPs the last portion ended. */
static struct aip_node *
show_resume(const struct wg_peer *p, uint32_t id,
    const struct ctl_request *req)
{
	const struct show_mark	*m;
	struct aip_node		*n;
	uint32_t		 k, done = (uint32_t)req->cursor;
	int			 i;

	for (i = 0; i < SHOW_MARKS; i++) {
		m = &marks[i];
		if (m->id == id && m->cursor == req->cursor &&
		    m->changes == ce.dev->aips.changes)
			return (m->node);
	}
	n = TAILQ_FIRST(&p->aips);
	for (k = 1; k < done && n != NULL; k++)
		n = aip_node_next(n);
	return (n);
}

/*
 * One portion of the peers and their allowed IPs.  The cursor holds the
 * peer's id above, and below how much of it was sent.
 */
static void
show_peers(struct imsgev *iev, uint32_t id, struct ctl_request *req,
    void (*send)(struct imsgev *, uint32_t, const struct wg_peer *))
{
	struct ctl_more		 more;
	struct ctl_aip		 a;
	struct aip_node		*n;
	struct wg_peer		*p;
	uint32_t		 pid = (uint32_t)(req->cursor >> 32);
	uint32_t		 done = (uint32_t)req->cursor;
	int			 left = CTL_PORTION;

	req->name[sizeof(req->name) - 1] = '\0';
	for (; pid < ce.dev->nbyid; pid++, done = 0) {
		if ((p = ce.dev->byid[pid]) == NULL || !wg_is_here(ce.dev, p) ||
		    (req->name[0] != '\0' && strcmp(req->name, p->name) != 0))
			continue;
		if (done == 0) {
			if (left-- == 0)
				goto more;
			send(iev, id, p);
			done = 1;
			n = TAILQ_FIRST(&p->aips);
		} else
			n = show_resume(p, id, req);
		for (; n != NULL; n = aip_node_next(n), done++) {
			if (left-- == 0) {
				show_mark(id, (uint64_t)pid << 32 | done, n);
				goto more;
			}
			memset(&a, 0, sizeof(a));
			a.id = p->id;
			aip_node_prefix(n, &a.prefix);
			imsgev_send(iev, CTL_AIP, id, -1, &a, sizeof(a));
		}
	}
	imsgev_send(iev, CTL_END, id, -1, NULL, 0);
	return;
 more:
	more.cursor = (uint64_t)pid << 32 | done;
	imsgev_send(iev, CTL_MORE, id, -1, &more, sizeof(more));
}

static void
show_summary(struct imsgev *iev, uint32_t id)
{
	struct ctl_summary	 m;
	struct timespec		 ts;
	struct wg_peer		*p;

	clock_gettime(CLOCK_REALTIME, &ts);
	memset(&m, 0, sizeof(m));
	memcpy(m.public_key, ce.dev->local.public, KEY_LEN);
	m.started = ce.start_time;
	m.mtu = ce.dev->mtu;
	m.port = sockets_port();
	m.paused = ce.dev->paused;
	TAILQ_FOREACH(p, &ce.dev->peers, entry) {
		if (!wg_is_here(ce.dev, p))
			continue;
		m.peers++;
		m.rx_bytes += p->rx_bytes;
		m.tx_bytes += p->tx_bytes;
		/* the clock may have been put back since then */
		if (labs((long)(ts.tv_sec - p->last_handshake.tv_sec)) <
		    ACTIVE_TIME)
			m.peers_active++;
	}
	imsgev_send(iev, CTL_SUMMARY, id, -1, &m, sizeof(m));
	imsgev_send(iev, CTL_END, id, -1, NULL, 0);
}

static struct event	*drain_ev;

static void
drained(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	wg_pause(ce.dev);
	log_info("drained: nothing is sent any more");
}

/*
 * The slirp engine has ended all flows.  What it told the guests still goes
 * out; after that a packet from here would take a client away from the gateway
 * that it has found instead.
 */
static void
drain(void)
{
	static const struct timeval	 soon = { 0, DRAIN_TIME };

	if (drain_ev == NULL &&
	    (drain_ev = evtimer_new(evbase, drained, NULL)) == NULL)
		fatal(NULL);
	event_add(drain_ev, &soon);
}

static void
refuse(struct imsgev *iev, uint32_t id, const char *why)
{
	char	 text[CTL_TEXT_LEN] = "";

	strlcpy(text, why, sizeof(text));
	imsgev_send(iev, CTL_FAIL, id, -1, text, sizeof(text));
}

static void
health(struct imsgev *iev, uint32_t id)
{
	if (ce.dev->paused)
		refuse(iev, id, "paused");
	else if (!ce.started || (sockets_port() == 0 && !ce.global.no_listen))
		refuse(iev, id, "no UDP socket");
	else
		imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
}

/* End the peer's session; it may come back with a handshake. */
static void
kill_peer(struct imsgev *iev, uint32_t id, char *name)
{
	struct wg_peer	*p;

	name[CTL_NAME_LEN - 1] = '\0';
	TAILQ_FOREACH(p, &ce.dev->peers, entry)
		if (wg_is_here(ce.dev, p) && strcmp(p->name, name) == 0)
			break;
	if (p == NULL) {
		refuse(iev, id, "no such peer");
		return;
	}
	wg_peer_zero(ce.dev, p);
	imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
}

void
crypto_show_request(struct imsgev *iev, struct imsg *imsg)
{
	struct ctl_request	 req;
	uint32_t		 id, on;

	if (imsg == NULL) {
		tell_to(NULL);
		imsgev_clear(iev);
		return;
	}
	id = imsg_get_id(imsg);
	if (imsg_get_type(imsg) == IMSG_WATCH) {
		imsg_is(imsg, &on, sizeof(on));
		tell_to(on ? iev : NULL);
		return;
	}
	imsg_is(imsg, &req, sizeof(req));
	switch (imsg_get_type(imsg)) {
	case CTL_SHOW_SUMMARY:
		show_summary(iev, id);
		break;
	case CTL_SHOW_PEERS:
		show_peers(iev, id, &req, send_peer);
		break;
	case IMSG_UAPI_GET:
		if (ce.global.uapi == UAPI_OFF)
			bad_imsg("control", IMSG_UAPI_GET);
		if (req.cursor == 0 && ce.dev->worker == 0)
			send_uapi_device(iev, id);
		show_peers(iev, id, &req, send_uapi_peer);
		break;
	case CTL_SHOW_COUNTERS:
		ce.dev->count.crypto_cpu_us = mono_cpu_us();
		ce.dev->count.wg_drop_kernel += sockets_drops();
		imsgev_send(iev, CTL_CRYPTO_COUNTERS, id, -1,
		    &ce.dev->count, sizeof(ce.dev->count));
		imsgev_send(iev, CTL_END, id, -1, NULL, 0);
		break;
	case CTL_PAUSE:
		log_info("paused");
		wg_pause(ce.dev);
		imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
		break;
	case CTL_DRAIN:
		log_info("draining");
		drain();
		imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
		break;
	case CTL_HEALTH:
		health(iev, id);
		break;
	case CTL_KILL_PEER:
		kill_peer(iev, id, req.name);
		break;
	case CTL_RESUME:
		if (drain_ev != NULL)
			event_del(drain_ev);
		log_info("resumed");
		wg_resume(ce.dev, mono_now());
		imsgev_send(iev, CTL_OK, id, -1, NULL, 0);
		break;
	default:
		bad_imsg("control", imsg_get_type(imsg));
	}
}
