/* SPDX-License-Identifier: ISC */

/*
 * By which way guests' flows leave.
 */

#include <sys/types.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "egress.h"
#include "log.h"
#include "policy.h"
#include "table.h"

int
egress_add(struct slirp_conf *c, const struct conf_way *m)
{
	static const struct siphash_key	 key;
	struct way			*v;

	if (m->kind > WAY_SOCKS || m->nsources > MAX_SOURCES)
		return (-1);
	v = recallocarray(c->ways, c->nways, c->nways + 1, sizeof(*v));
	if (v == NULL)
		return (-1);
	c->ways = v;
	v = &c->ways[c->nways++];
	v->c = *m;
	v->c.name[sizeof(v->c.name) - 1] = '\0';
	/* nobody chooses what is in it but the administrator */
	v->id = siphash24(&key, m, sizeof(*m)) | 2;
	return (0);
}

int
egress_login(struct slirp_conf *c, const struct service_user *u)
{
	struct way	*w;

	if (c->nways == 0 || (w = &c->ways[c->nways - 1])->user != NULL ||
	    (w->user = malloc(sizeof(*u))) == NULL)
		return (-1);
	*w->user = *u;
	w->user->name[sizeof(u->name) - 1] = '\0';
	w->user->password[sizeof(u->password) - 1] = '\0';
	return (0);
}

int
egress_ok(const struct slirp_conf *c, const struct conf_egress *e)
{
	int	 i;

	if (e->n > MAX_ORDER)
		return (0);
	for (i = 0; i < e->n; i++)
		if (e->way[i] >= c->nways)
			return (0);
	return (1);
}

static int
same(const struct conf_egress *a, const struct conf_egress *b)
{
	return (a->n == b->n &&
	    memcmp(a->way, b->way, a->n * sizeof(a->way[0])) == 0);
}

void
egress_gather(struct slirp_conf *c)
{
	const struct rule	*r;
	struct conf_egress	*v;
	size_t			 i, k;

	for (i = 0; i < c->nrules; i++) {
		r = &c->rules[i];
		if (r->egress.n == 0)
			continue;
		if (!egress_ok(c, &r->egress))
			fatalx("egress of a rule out of range");
		for (k = 0; k < c->nnamed && !same(&c->named[k], &r->egress);)
			k++;
		if (k < c->nnamed)
			continue;
		v = recallocarray(c->named, c->nnamed, c->nnamed + 1,
		    sizeof(*v));
		if (v == NULL || c->nnamed == MAX_EGRESS)
			fatalx("egress of rules");
		c->named = v;
		c->named[c->nnamed++] = r->egress;
	}
}

void
egress_conf_free(struct slirp_conf *c)
{
	size_t	 i;

	for (i = 0; i < c->nways; i++)
		freezero(c->ways[i].user, sizeof(*c->ways[i].user));
	free(c->ways);
	free(c->named);
	c->ways = NULL;
	c->named = NULL;
	c->nways = c->nnamed = 0;
}

const struct conf_egress *
egress_of(const struct slirp *s, const struct slirp_peer *p,
    const struct rule *r)
{
	if (r != NULL && r->egress.n > 0)
		return (&r->egress);
	return (p->egress.n > 0 ? &p->egress : &s->conf.egress);
}

static int
is_up(const struct slirp *s, const struct way *w)
{
	const struct slirp_peer	*p;

	if (w->c.kind == WAY_UPLINK)
		return ((p = peer_get(s, w->c.peer)) != NULL &&
		    is_uplink(p) && !p->down);
	return (w->down_until <= s->now);
}

struct way *
egress_way(const struct slirp *s, const struct conf_egress *e)
{
	static struct way	 host = { .id = 2 };
	struct way		*w;
	int			 i;

	/* of an engine without a configuration */
	if (e->n == 0)
		return (s->conf.nways > 0 ? &s->conf.ways[WAY_INDEX_HOST] :
		    &host);
	for (i = 0; i < e->n; i++) {
		w = &s->conf.ways[e->way[i]];
		if (is_up(s, w))
			return (w);
	}
	return (NULL);
}

/* Has the policy of today had the guest send there, through this mapping? */
static int
leaves(const struct slirp *s, struct remotes *v, const struct ippkt *p,
    uint16_t port)
{
	const struct remote	*r = remotes_find(v, &p->dst, port);

	return (r != NULL && r->leaves == s->policy);
}

struct flow *
egress_mapping(struct slirp *s, const struct ippkt *p, uint16_t port,
    struct remotes *(*of)(struct flow *), struct flow_key *k, struct way **w)
{
	struct flow_key	 named = *k;
	struct flow	*f;
	struct way	*v;
	size_t		 i;

	*w = egress_way(s, egress_of(s, p->peer, NULL));
	k->way = *w != NULL ? (*w)->id : 0;
	if ((f = flow_find(s, k)) != NULL && leaves(s, of(f), p, port))
		return (f);
	for (i = 0; i < s->conf.nnamed; i++) {
		if ((v = egress_way(s, &s->conf.named[i])) == NULL)
			continue;
		named.way = v->id;
		if ((f = flow_find(s, &named)) == NULL ||
		    !leaves(s, of(f), p, port))
			continue;
		*w = v;
		*k = named;
		return (f);
	}
	return (NULL);
}

int
egress_takes(const struct slirp *s, const struct way *w, uint8_t type)
{
	switch (w->c.kind) {
	case WAY_NONE:
		return (0);
	case WAY_SOCKS:
		return (type == FLOW_TCP ||
		    (type == FLOW_UDP && w->no_udp_until <= s->now));
	default:
		return (1);
	}
}

struct way *
egress_by_id(const struct slirp *s, uint64_t id)
{
	size_t	 i;

	for (i = 0; i < s->conf.nways; i++)
		if (s->conf.ways[i].id == id)
			return (&s->conf.ways[i]);
	return (NULL);
}

int
egress_take(const struct slirp *s, struct flow *f, const struct way *w)
{
	if (w == NULL || !egress_takes(s, w, f->type)) {
		errno = w == NULL ? ENETUNREACH : EACCES;
		return (-1);
	}
	f->way = s->conf.nways > 0 ? (uint32_t)(w - s->conf.ways) :
	    WAY_INDEX_HOST;
	if (w->c.kind != WAY_UPLINK)
		return (0);
	if ((f->uplink = peer_get(s, w->c.peer)) == NULL ||
	    f->uplink->own[f->src.af == 6].af == 0) {
		/* which has no address of this family there */
		errno = ENETUNREACH;
		return (-1);
	}
	f->inside = 1;
	return (0);
}

int
egress_leaves_by(const struct slirp *s, const struct slirp_peer *p,
    const struct ipaddr *src, const struct ipaddr *dst, uint8_t proto,
    uint16_t port, uint64_t id)
{
	const struct rule	*by;
	const struct way	*w;

	return (policy_would_pass_by(s, p, src, dst, proto, port, &by) &&
	    (w = egress_way(s, egress_of(s, p, by))) != NULL && w->id == id);
}

struct slirp_peer *
way_uplink(const struct slirp *s, const struct way *w)
{
	struct slirp_peer	*p;

	if (w == NULL || w->c.kind != WAY_UPLINK ||
	    (p = peer_get(s, w->c.peer)) == NULL || p->ndns_there == 0)
		return (NULL);
	return (p);
}

void
egress_failed(struct slirp *s, struct way *w)
{
	w->down_until = s->now + WAY_REST;
}

const char *
egress_called(const struct slirp *s, const struct flow *f)
{
	const struct way	*w;

	if (f->uplink != NULL)
		return (f->uplink->name);
	return ((w = egress_by_id(s, f->way_id)) != NULL ? w->c.name : NULL);
}
