/* SPDX-License-Identifier: ISC */

/*
 * The configuration: staged while it comes in, put in force at once.  Peers
 * that did not change keep their sessions.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "config.h"
#include "endpoint.h"
#include "links.h"
#include "log.h"
#include "sockets.h"
#include "state.h"
#include "udpio.h"
#include "wg/limit.h"
#include "wg/output.h"
#include "wg/overlay.h"

struct staged_aip {
	STAILQ_ENTRY(staged_aip)	 entry;
	struct conf_aip			 aip;
};

struct staged_peer {
	STAILQ_ENTRY(staged_peer)	 entry;
	struct conf_peer_msg		 m;
};

struct staged_exclude {
	STAILQ_ENTRY(staged_exclude)	 entry;
	struct ipprefix			 prefix;
};

static uint8_t				 key[KEY_LEN];
static STAILQ_HEAD(, staged_peer)	 peers = STAILQ_HEAD_INITIALIZER(peers);
static STAILQ_HEAD(, staged_aip)	 aips = STAILQ_HEAD_INITIALIZER(aips);
static STAILQ_HEAD(, staged_exclude)	 excludes =
    STAILQ_HEAD_INITIALIZER(excludes);

/* A peer with this side's own key is no peer. */
void
crypto_config_drop_own_key(void)
{
	struct wg_peer	*p;

	if (ce.dev->has_key && (p = wg_peer_by_key(ce.dev,
	    ce.dev->local.public)) != NULL)
		wg_peer_remove(ce.dev, p);
}

/*
 * Where it is at the relays, which is all there is if it has no endpoint, or
 * one whose name is not known yet.  Who is where the configuration had him, and
 * has him no more, is elsewhere from now on.
 */
static void
commit_relay(struct wg_peer *p, const struct conf_peer_msg *m)
{
	struct sockaddr_storage	 ss;
	struct wg_endpoint	 old = p->relayed;
	int			 there;

	there = old.remote.sa.sa_family == AF_RELAY &&
	    sa_equal(&old.remote.sa, &p->ep.remote.sa);
	memset(&p->relayed, 0, sizeof(p->relayed));
	p->relayed.sock = WG_ANY_SOCK;
	if (m->at_relay) {
		(void)sa_make_relay(&ss, m->relay_key);
		memcpy(&p->relayed.remote.relay, &ss,
		    sizeof(p->relayed.remote.relay));
	}
	/* relays may have other numbers now */
	if (p->ep.remote.sa.sa_family == AF_RELAY)
		p->ep.ifindex = 0;
	if (there && sa_equal(&old.remote.sa, &p->relayed.remote.sa))
		return;
	if (there)
		p->ep = m->has_endpoint ? p->configured : p->relayed;
	if (p->ep.remote.sa.sa_family == AF_UNSPEC && m->at_relay &&
	    (!m->has_endpoint || p->by_name))
		p->ep = p->relayed;
}

/* Bring one peer to what the configuration says. */
static void
commit_peer(const struct conf_peer_msg *m, mono_t now)
{
	struct sockaddr_storage	 ss;
	struct wg_endpoint	 old;
	struct wg_peer		*p;

	if (memcmp(m->public_key, ce.dev->local.public, KEY_LEN) == 0) {
		log_warnx("peer \"%s\" has this gateway's own key: ignored",
		    m->name);
		return;
	}
	if ((p = wg_peer_by_key(ce.dev, m->public_key)) == NULL) {
		p = wg_peer_add(ce.dev, m->id, m->public_key, m->psk);
		if (p == NULL)
			fatal("peer");
	} else
		memcpy(p->noise.psk, m->psk, KEY_LEN);
	p->mark = 1;
	wg_aips_clear(ce.dev, p);
	strlcpy(p->name, m->name, sizeof(p->name));
	wg_peer_live(ce.dev, p, m->worker, now);
	if (wg_peer_uplink(ce.dev, p, m->uplink, m->has_key ? m->private_key :
	    NULL) == -1)
		fatalx("peer \"%s\": its private key is not usable",
		    m->name);
	wg_peer_set_reserved(ce.dev, p, m->reserved);
	memcpy(p->ours, m->own, sizeof(p->ours));
	/* of who lives with another worker this one knows no more */
	if (!wg_is_here(ce.dev, p))
		return;
	p->by_name = m->has_endpoint && m->ep_addr.af == 0;
	if (!p->noise.ss_valid)
		log_warnx("peer \"%s\" has an unusable public key",
		    p->name);
	commit_relay(p, m);
	if (m->has_endpoint && m->ep_addr.af != 0) {
		old = p->configured;
		sa_make(&ss, &m->ep_addr, m->ep_port);
		sa_set_scope(&ss, m->ep_scope);
		if (!sa_equal(&old.remote.sa, (struct sockaddr *)&ss)) {
			wg_peer_set_endpoint(p, (struct sockaddr *)&ss);
			p->configured = p->ep;
		}
	}
	wg_peer_limit(ce.dev, p, m->quota, m->expires);
	wg_peer_keepalive(ce.dev, p, m->keepalive, now);
}

/* Configuration messages, which are kept until the commit. */
void
crypto_config_stage(struct imsg *imsg)
{
	struct staged_exclude	*sx;
	struct staged_peer	*sp;
	struct staged_aip	*sa;
	uint32_t		 side, read;

	switch (imsg_get_type(imsg)) {
	case IMSG_CONF_KEY:
		imsg_is(imsg, key, sizeof(key));
		break;
	case IMSG_CONF_PEER:
		if ((sp = calloc(1, sizeof(*sp))) == NULL)
			fatal(NULL);
		imsg_is(imsg, &sp->m, sizeof(sp->m));
		sp->m.name[sizeof(sp->m.name) - 1] = '\0';
		if (sp->m.id >= MAX_PEER_ID || sp->m.worker >= MAX_WORKERS)
			fatalx("peer id out of range");
		STAILQ_INSERT_TAIL(&peers, sp, entry);
		break;
	case IMSG_CONF_AIP:
		if ((sa = calloc(1, sizeof(*sa))) == NULL)
			fatal(NULL);
		imsg_is(imsg, &sa->aip, sizeof(sa->aip));
		STAILQ_INSERT_TAIL(&aips, sa, entry);
		break;
	case IMSG_CONF_EXCLUDE:
		if ((sx = calloc(1, sizeof(*sx))) == NULL)
			fatal(NULL);
		imsg_is(imsg, &sx->prefix, sizeof(sx->prefix));
		STAILQ_INSERT_TAIL(&excludes, sx, entry);
		break;
	case IMSG_SOCKET:
		imsg_is(imsg, &read, sizeof(read));
		sockets_stage(imsg_take_fd(imsg), read != 0);
		break;
	case IMSG_SIDE:
		imsg_is(imsg, &side, sizeof(side));
		sockets_stage_side(side, imsg_take_fd(imsg));
		break;
	case IMSG_CONF_END:
		imsgev_must(&ce.parent, IMSG_STAGED, 0, -1, NULL, 0);
		break;
	}
}

/* The staged configuration takes effect; who did not change keeps all. */
void
crypto_config_commit(void)
{
	struct staged_peer	*sp;
	struct staged_aip	*sa;
	struct staged_exclude	*sx;
	struct wg_peer		*p, *next;
	mono_t			 now = mono_now();

	ce.dev->mtu = ce.global.mtu;
	ce.dev->names.gateway = ce.global.gateway;
	wg_set_worker(ce.dev, (uint8_t)proc_worker(), ce.global.workers);
	ce.dev->many = ce.global.many;
	ce.dev->balancers = ce.global.balancers.v;
	ce.dev->nbalancers = ce.global.balancers.n < 0 ||
	    ce.global.balancers.n > MAX_BALANCERS ? 0 : ce.global.balancers.n;
	udpsys_offload(ce.global.offload);
	if (wg_device_set_key(ce.dev, key) == -1)
		fatalx("the private key is not usable");
	explicit_bzero(key, sizeof(key));
	crypto_config_drop_own_key();
	TAILQ_FOREACH(p, &ce.dev->peers, entry)
		p->mark = 0;
	while ((sp = STAILQ_FIRST(&peers)) != NULL) {
		STAILQ_REMOVE_HEAD(&peers, entry);
		if (!sp->m.keep)
			commit_peer(&sp->m, now);
		else if ((p = wg_peer_by_id(ce.dev, sp->m.id)) != NULL) {
			p->mark = 1;
			wg_peer_live(ce.dev, p, sp->m.worker, now);
		}
		freezero(sp, sizeof(*sp));
	}
	TAILQ_FOREACH_SAFE(p, &ce.dev->peers, entry, next)
		if (!p->mark)
			wg_peer_remove(ce.dev, p);
	while ((sa = STAILQ_FIRST(&aips)) != NULL) {
		STAILQ_REMOVE_HEAD(&aips, entry);
		p = wg_peer_by_id(ce.dev, sa->aip.id);
		if (p != NULL && aip_insert(wg_trie(ce.dev, p),
		    &sa->aip.prefix, p, &p->aips) == -1)
			fatal("allowed ips");
		free(sa);
	}
	ce.dev->overlay = ce.global.overlay != 0;
	wg_exclude_clear(ce.dev);
	while ((sx = STAILQ_FIRST(&excludes)) != NULL) {
		STAILQ_REMOVE_HEAD(&excludes, entry);
		if (wg_exclude(ce.dev, &sx->prefix) == -1)
			fatal("overlay");
		free(sx);
	}
	sockets_open();
	ce.dev->steered = (uint8_t)sockets_steered();
	links_set(&ce.global.links);
	clock_watch();
	ce.staging = 0;
	endpoint_flush();
}
