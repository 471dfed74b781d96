/* SPDX-License-Identifier: ISC */

/*
 * A change by wg(8) as the parent sees it.  It is collected whole, then
 * checked, and only what cannot fail any more is passed on: to the slirp
 * engine which peers there are, to the crypto engine the change itself.
 *
 * The parent keeps of such peers what a reload needs to know, their ids
 * and public keys.  Allowed IPs, endpoints and keys are in the crypto
 * engine alone.  An uplink stays, whatever wg(8) says: nothing of it comes back
 * without its private key.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"
#include "log.h"
#include "place.h"
#include "send.h"
#include "state.h"
#include "wgset.h"

#define MAX_SET_AIPS	(1U << 20)

struct set_prefix {
	STAILQ_ENTRY(set_prefix)	 entry;
	struct set_aip			 m;
};

struct set_op {
	STAILQ_ENTRY(set_op)		 entry;
	struct set_peer			 m;
	STAILQ_HEAD(, set_prefix)	 aips;
};

struct conf_set {
	struct set_device		 dev;
	STAILQ_HEAD(, set_op)		 ops;
	uint32_t			 nops;
	uint32_t			 naips;
};

/* A change without peers yet. */
struct conf_set *
set_new(const struct set_device *dev)
{
	struct conf_set	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal(NULL);
	s->dev = *dev;
	STAILQ_INIT(&s->ops);
	return (s);
}

/* Free a change and wipe its keys. */
void
set_free(struct conf_set *s)
{
	struct set_prefix	*x;
	struct set_op		*op;

	if (s == NULL)
		return;
	while ((op = STAILQ_FIRST(&s->ops)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->ops, entry);
		while ((x = STAILQ_FIRST(&op->aips)) != NULL) {
			STAILQ_REMOVE_HEAD(&op->aips, entry);
			free(x);
		}
		freezero(op, sizeof(*op));
	}
	freezero(s, sizeof(*s));
}

struct set_device *
set_device(struct conf_set *s)
{
	return (&s->dev);
}

/* Returns -1 if there are too many or there is no memory. */
int
set_add(struct conf_set *s, const struct set_peer *m)
{
	struct set_op	*op;

	if (m->flags & SET_ENDPOINT && ((m->ep_addr.af != 4 &&
	    m->ep_addr.af != 6) || m->ep_port == 0))
		fatalx("control sent a malformed endpoint");
	if (s->nops >= 2 * MAX_PEERS || (op = calloc(1, sizeof(*op))) == NULL)
		return (-1);
	op->m = *m;
	op->m.ep_ifname[sizeof(op->m.ep_ifname) - 1] = '\0';
	STAILQ_INIT(&op->aips);
	STAILQ_INSERT_TAIL(&s->ops, op, entry);
	s->nops++;
	return (0);
}

/* The same for an allowed IP of the peer that was added last. */
int
set_add_aip(struct conf_set *s, const struct set_aip *m)
{
	struct set_prefix	*x;

	if ((m->prefix.addr.af != 4 && m->prefix.addr.af != 6) ||
	    m->prefix.len > ipaddr_bits(&m->prefix.addr))
		fatalx("control sent a malformed prefix");
	if (STAILQ_EMPTY(&s->ops) || s->naips >= MAX_SET_AIPS ||
	    (x = calloc(1, sizeof(*x))) == NULL)
		return (-1);
	x->m = *m;
	STAILQ_INSERT_TAIL(&STAILQ_LAST(&s->ops, set_op, entry)->aips, x,
	    entry);
	s->naips++;
	return (0);
}

/* How many peers there will be; those that come twice count twice. */
static uint32_t
count_peers(const struct conf_set *s, struct config *c)
{
	const struct set_op	*op;
	struct conf_peer	*p;
	uint32_t		 n = c->npeers;
	int			 replace;

	replace = (s->dev.flags & SET_REPLACE_PEERS) != 0;
	TAILQ_FOREACH(p, &c->peers, entry) {
		p->gone = replace && !config_is_uplink(p);
		n -= p->gone;
	}
	STAILQ_FOREACH(op, &s->ops, entry) {
		p = config_peer_by_key(c, op->m.public_key);
		if (p != NULL && op->m.flags & SET_REMOVE && !p->gone &&
		    !config_is_uplink(p)) {
			p->gone = 1;
			n--;
		} else if (!(op->m.flags & (SET_REMOVE | SET_UPDATE_ONLY)) &&
		    (p == NULL || p->gone)) {
			if (p != NULL)
				p->gone = 0;
			n++;
		}
	}
	TAILQ_FOREACH(p, &c->peers, entry)
		p->gone = 0;
	return (n);
}

/*
 * Whether the change can be made, with so many allowed IPs as there are:
 * 0, or an errno.
 */
int
set_check(struct conf_set *s, struct config *c, uint32_t naips)
{
	struct set_op	*op;

	if (count_peers(s, c) > MAX_PEERS ||
	    (uint64_t)naips + s->naips > MAX_AIPS)
		return (ENOSPC);
	STAILQ_FOREACH(op, &s->ops, entry)
		if (op->m.flags & SET_ENDPOINT && op->m.ep_ifname[0] != '\0' &&
		    scope_find(op->m.ep_ifname, &op->m.ep_scope) == -1)
			return (EINVAL);
	return (0);
}

/* Which ids are taken, by peers or by what rules still mean. */
static uint8_t	 used_ids[MAX_PEER_ID];

static void
mark_ids(const struct config *c)
{
	const struct conf_peer	*p;

	memset(used_ids, 0, sizeof(used_ids));
	TAILQ_FOREACH(p, &c->peers, entry)
		used_ids[p->id] = 1;
	TAILQ_FOREACH(p, &c->removed, entry)
		used_ids[p->id] = 1;
}

/*
 * An id that nobody has.  They are handed out in turn, so that packets
 * under way for a peer that was removed do not meet its successor.
 */
static uint32_t
new_id(void)
{
	static uint32_t	 last;

	do {
		last = (last + 1) % MAX_PEER_ID;
	} while (used_ids[last]);
	used_ids[last] = 1;
	return (last);
}

static struct conf_peer *
new_peer(struct config *c, const uint8_t public[KEY_LEN])
{
	struct conf_peer	*p;
	char			 name[KEY_B64LEN];

	if ((p = config_peer_restore(c, public)) != NULL) {
		p->fresh = 1;
		return (p);
	}
	key_to_base64(name, public);
	p = config_peer_new(c, name);
	p->id = new_id();
	p->uapi = 1;
	p->fresh = 1;
	p->has_public = 1;
	memcpy(p->public, public, KEY_LEN);
	(void)config_peer_index(c, p);
	place_one(c, p);
	return (p);
}

/* A step for every crypto engine; its secret for that of the peer's worker. */
static void
send_op(struct set_op *op, const struct conf_peer *p)
{
	struct set_prefix	*x;
	struct set_peer		 m;
	uint32_t		 w;

	op->m.id = p->id;
	op->m.worker = p->worker;
	strlcpy(op->m.name, p->name, sizeof(op->m.name));
	memcpy(op->m.reserved, p->reserved, sizeof(op->m.reserved));
	op->m.quota = p->quota;
	op->m.expires = p->expires;
	m = op->m;
	m.flags &= ~(uint32_t)SET_PSK;
	explicit_bzero(m.psk, sizeof(m.psk));
	for (w = 0; w < env.workers; w++) {
		imsgev_must(CRYPTO(w), IMSG_SET_PEER, 0, -1, w == p->worker ?
		    &op->m : &m, sizeof(m));
		STAILQ_FOREACH(x, &op->aips, entry)
			imsgev_must(CRYPTO(w), IMSG_SET_AIP, 0, -1, &x->m,
			    sizeof(x->m));
	}
}

/*
 * Make a change that was checked; the crypto engines know already that it
 * begins.
 */
void
set_commit(struct conf_set *s, struct config *c)
{
	struct conf_peer	*p, *next;
	struct set_op		*op;
	uint32_t		 w;

	mark_ids(c);
	place_count(c);
	if (s->dev.flags & SET_REPLACE_PEERS)
		TAILQ_FOREACH(p, &c->peers, entry)
			p->gone = !config_is_uplink(p);
	STAILQ_FOREACH(op, &s->ops, entry) {
		p = config_peer_by_key(c, op->m.public_key);
		if (op->m.flags & SET_REMOVE) {
			if (p == NULL || config_is_uplink(p))
				continue;
			p->gone = 1;
		} else {
			if (op->m.flags & SET_UPDATE_ONLY &&
			    (p == NULL || p->gone))
				continue;
			if (p == NULL)
				p = new_peer(c, op->m.public_key);
			p->gone = 0;
		}
		send_op(op, p);
	}
	TAILQ_FOREACH_SAFE(p, &c->peers, entry, next) {
		if (p->fresh && !p->gone)
			send_peer_name(SLIRP(p->worker), IMSG_PEER_ADD,
			    p);
		if (p->gone && !p->fresh)
			imsgev_must(SLIRP(p->worker), IMSG_PEER_DROP, 0, -1,
			    &p->id, sizeof(p->id));
		p->fresh = 0;
		if (p->gone)
			config_peer_remove(c, p);
	}
	for (w = 0; w < env.workers; w++)
		imsgev_must(CRYPTO(w), IMSG_SET_END, 0, -1, NULL, 0);
}
