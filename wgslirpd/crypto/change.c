/* SPDX-License-Identifier: ISC */

/*
 * A change by wg(8): kept until its end, then made as a whole.  The parent has
 * checked that nothing of it can fail.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>

#include "change.h"
#include "clock.h"
#include "config.h"
#include "log.h"
#include "set.h"
#include "sockets.h"
#include "state.h"
#include "wg/limit.h"
#include "wg/output.h"

/* A step of a change by wg(8): a peer, or an allowed IP of the last. */
struct staged_set {
	STAILQ_ENTRY(staged_set)	 entry;
	int				 is_aip;
	union {
		struct set_peer		 peer;
		struct set_aip		 aip;
	} m;
};

static struct set_device		 set;
static STAILQ_HEAD(, staged_set)	 sets = STAILQ_HEAD_INITIALIZER(sets);

/* The private key is another one now, or none. */
static void
change_key(const uint8_t key[KEY_LEN])
{
	if (key_is_zero(key))
		wg_device_clear_key(ce.dev);
	else if (wg_device_set_key(ce.dev, key) == -1)
		fatalx("the private key is not usable");
	crypto_config_drop_own_key();
}

/* Returns the peer that the change is about, or NULL. */
static struct wg_peer *
change_peer(const struct set_peer *m, mono_t now)
{
	struct sockaddr_storage	 ss;
	struct wg_peer		*p;

	p = wg_peer_by_key(ce.dev, m->public_key);
	if (m->flags & SET_REMOVE) {
		/* an uplink is the configuration's, key and all */
		if (p != NULL && !p->uplink)
			wg_peer_remove(ce.dev, p);
		return (NULL);
	}
	if (p == NULL) {
		if (m->flags & SET_UPDATE_ONLY || (ce.dev->has_key &&
		    memcmp(m->public_key, ce.dev->local.public,
		    KEY_LEN) == 0))
			return (NULL);
		p = wg_peer_add(ce.dev, m->id, m->public_key, NULL);
		if (p == NULL)
			fatal("peer");
		strlcpy(p->name, m->name, sizeof(p->name));
		wg_peer_live(ce.dev, p, m->worker, now);
		wg_peer_set_reserved(ce.dev, p, m->reserved);
		if (wg_is_here(ce.dev, p))
			wg_peer_limit(ce.dev, p, m->quota, m->expires);
	}
	if (m->flags & SET_REPLACE_AIPS)
		wg_aips_clear(ce.dev, p);
	/* all else is for who has its sessions */
	if (!wg_is_here(ce.dev, p))
		return (p);
	if (m->flags & SET_PSK)
		memcpy(p->noise.psk, m->psk, KEY_LEN);
	if (m->flags & SET_ENDPOINT) {
		sa_make(&ss, &m->ep_addr, m->ep_port);
		sa_set_scope(&ss, m->ep_scope);
		wg_peer_set_endpoint(p, (struct sockaddr *)&ss);
		p->configured = p->ep;
		p->by_name = 0;		/* no longer */
	}
	if (m->flags & SET_KEEPALIVE)
		wg_peer_keepalive(ce.dev, p, m->keepalive, now);
	if (!TAILQ_EMPTY(&p->staged))
		wg_peer_poke(ce.dev, p, now);
	return (p);
}

/* A change by wg(8) is complete, and nothing of it can fail any more. */
static void
change(void)
{
	struct staged_set	*x;
	struct wg_peer		*p = NULL, *next;
	mono_t			 now = mono_now();
	struct set_done		 done = { 0, 0 };

	if (set.flags & SET_PRIVATE_KEY)
		change_key(set.private_key);
	explicit_bzero(&set.private_key, sizeof(set.private_key));
	if (set.flags & SET_REPLACE_PEERS)
		TAILQ_FOREACH_SAFE(p, &ce.dev->peers, entry, next)
			if (!p->uplink)
				wg_peer_remove(ce.dev, p);
	while ((x = STAILQ_FIRST(&sets)) != NULL) {
		STAILQ_REMOVE_HEAD(&sets, entry);
		if (!x->is_aip)
			p = change_peer(&x->m.peer, now);
		else if (p != NULL && x->m.aip.remove)
			(void)aip_remove(wg_trie(ce.dev, p),
			    &x->m.aip.prefix, p);
		else if (p != NULL && aip_insert(wg_trie(ce.dev, p),
		    &x->m.aip.prefix, p, &p->aips) == -1)
			fatal("allowed ips");
		if (p != NULL && p->uplink)
			ce.dev->aips.changes++;
		freezero(x, sizeof(*x));
	}
	if (sockets_staged())
		sockets_open();
	ce.dev->steered = (uint8_t)sockets_steered();
	clock_watch();
	ce.setting = 0;
	TAILQ_FOREACH(p, &ce.dev->peers, entry)
		done.naips += (uint32_t)p->routes.count;
	done.naips += (uint32_t)ce.dev->aips.count;
	imsgev_must(&ce.parent, IMSG_SET_DONE, 0, -1, &done, sizeof(done));
}

/* Steps of a change, which are kept until its end. */
void
change_input(struct imsg *imsg)
{
	struct staged_set	*x;
	uint32_t		 type = imsg_get_type(imsg);

	if (ce.staging || ce.setting == (type == IMSG_SET_BEGIN))
		bad_imsg("parent", type);
	if (type == IMSG_SET_BEGIN) {
		imsg_is(imsg, &set, sizeof(set));
		ce.setting = 1;
		return;
	}
	if (type == IMSG_SET_END) {
		change();
		return;
	}
	if ((x = calloc(1, sizeof(*x))) == NULL)
		fatal(NULL);
	STAILQ_INSERT_TAIL(&sets, x, entry);
	if (type == IMSG_SET_PEER) {
		imsg_is(imsg, &x->m.peer, sizeof(x->m.peer));
		x->m.peer.name[sizeof(x->m.peer.name) - 1] = '\0';
		if (x->m.peer.id >= MAX_PEER_ID ||
		    x->m.peer.worker >= MAX_WORKERS)
			fatalx("peer id out of range");
	} else {
		x->is_aip = 1;
		imsg_is(imsg, &x->m.aip, sizeof(x->m.aip));
	}
}
