/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>

#include <stdio.h>
#include <string.h>

#include "endpoint.h"
#include "sockopt.h"
#include "ways.h"

#define WAY_INDEX_NONE	1
#define UPLINK_KEEPALIVE	25	/* seconds */

static struct conf_out *
find_out(struct config *c, const char *name)
{
	struct conf_out	*o;

	TAILQ_FOREACH(o, &c->outs, entry)
		if (strcmp(o->name, name) == 0)
			return (o);
	return (NULL);
}

static struct conf_peer *
find_uplink(struct config *c, const char *name)
{
	struct conf_peer	*p;

	TAILQ_FOREACH(p, &c->peers, entry)
		if (strcmp(p->name, name) == 0)
			return (config_is_uplink(p) ? p : NULL);
	return (NULL);
}

static const char *
out_error(const struct conf_out *o, const char *what, const char *name,
    char *err, size_t errlen)
{
	snprintf(err, errlen, "%s:%d: egress: %s%s%s%s", o->file, o->line,
	    what, *name != '\0' ? " \"" : "", name, *name != '\0' ? "\"" : "");
	return (err);
}

/* A way of its own gets the next index. */
static const char *
number(struct config *c, struct conf_out *o, uint32_t *n, char *err,
    size_t errlen)
{
	struct conf_peer	*p;

	if (o == NULL || o->nrefs > 0)
		return (NULL);
	if (o->ifname[0] != '\0' && !sockopt_interfaces())
		return (out_error(o, "this system has no way out by interface",
		    o->ifname, err, errlen));
	if (o->ifname[0] != '\0' && scope_find(o->ifname,
	    &o->way.ifindex) == -1)
		return (out_error(o, "no interface", o->ifname, err, errlen));
	strlcpy(o->way.name, o->name, sizeof(o->way.name));
	o->e.n = 1;
	if (o->way.kind == WAY_UPLINK) {
		if ((p = find_uplink(c, o->uplink)) == NULL)
			return (out_error(o, "no peer with an address of ours "
			    "is called", o->uplink, err, errlen));
		/* it is that one's */
		o->e.way[0] = p->way;
		return (NULL);
	}
	o->e.way[0] = (*n)++;
	return (NULL);
}

/* What a name means: one way, or a list of them. */
static int
mean(struct config *c, const char *name, struct conf_egress *e)
{
	const struct conf_peer	*p;
	const struct conf_out	*o;

	memset(e, 0, sizeof(*e));
	e->n = 1;
	if ((o = find_out(c, name)) != NULL)
		*e = o->e;
	else if (strcmp(name, "host") == 0)
		e->way[0] = WAY_INDEX_HOST;
	else if (strcmp(name, "none") == 0)
		e->way[0] = WAY_INDEX_NONE;
	else if ((p = find_uplink(c, name)) != NULL)
		e->way[0] = p->way;
	else
		return (-1);
	return (0);
}

/* A list of names becomes one of ways. */
static const char *
refer(struct config *c, struct conf_out *o, char *err, size_t errlen)
{
	struct conf_egress	 e;
	int			 i;

	if (o == NULL || o->nrefs == 0)
		return (NULL);
	/* one name, for all that it means */
	if (o->nrefs == 1 && o->name[0] == '\0') {
		if (mean(c, o->ref[0], &o->e) == -1 || o->e.n == 0)
			return (out_error(o, "nothing is called", o->ref[0],
			    err, errlen));
		return (NULL);
	}
	o->e.n = 0;
	for (i = 0; i < o->nrefs; i++) {
		if (mean(c, o->ref[i], &e) == -1)
			return (out_error(o, "nothing is called", o->ref[i],
			    err, errlen));
		if (e.n != 1)
			return (out_error(o, "a list within a list:",
			    o->ref[i], err, errlen));
		o->e.way[o->e.n++] = e.way[0];
	}
	return (NULL);
}

/* The forwarder has to know whom to ask for who comes out there. */
static const char *
check_uplink(const struct config *c, const struct conf_peer *p, char *err,
    size_t errlen)
{
	const char	*what = NULL;

	if (!config_is_uplink(p)) {
		if (p->own_from != SECRET_NONE || p->ndns > 0 || p->dns_host)
			what = "has a key or dns for an uplink, but no "
			    "\"address\" there";
	} else if (p->own_from == SECRET_REDACTED && !c->check_only)
		what = "has a redacted private key";
	else if (p->ep_host == NULL && !p->has_relay)
		what = "is an uplink without an endpoint";
	else if (p->egress != NULL)
		what = "is an uplink: it is no guest with an egress";
	else if (c->g.dns && p->ndns == 0 && !p->dns_host)
		what = "is an uplink without \"dns\", so that questions of "
		    "guests would leave elsewhere: give its resolvers, or "
		    "\"dns host\"";
	if (what == NULL)
		return (NULL);
	snprintf(err, errlen, "%s:%d: peer \"%s\" %s", p->file, p->line,
	    p->name, what);
	return (err);
}

/* What an uplink has unless it is said otherwise. */
static void
complete(struct conf_peer *p, uint32_t way)
{
	const struct conf_prefix	*x;
	struct ipprefix			 all;
	int				 none = TAILQ_EMPTY(&p->aips);

	p->way = way;
	/* it is there before the first guest, and missed when it is not */
	if (p->keepalive == 0)
		p->keepalive = UPLINK_KEEPALIVE;
	TAILQ_FOREACH(x, &p->addresses, entry) {
		if (!none)
			break;
		memset(&all, 0, sizeof(all));
		all.addr.af = x->prefix.addr.af;
		config_add_prefix(&p->aips, &all);
	}
}

const char *
ways_resolve(struct config *c, char *err, size_t errlen)
{
	struct conf_peer	*p;
	struct conf_rule	*r;
	struct conf_out		*o;
	const char		*what;
	uint32_t		 n = WAY_INDEX_FIRST;

	TAILQ_FOREACH(p, &c->peers, entry) {
		if ((what = check_uplink(c, p, err, errlen)) != NULL)
			return (what);
		if (config_is_uplink(p))
			complete(p, n++);
	}
	TAILQ_FOREACH(o, &c->outs, entry)
		if ((what = number(c, o, &n, err, errlen)) != NULL)
			return (what);
	if ((what = number(c, c->egress, &n, err, errlen)) != NULL)
		return (what);
	TAILQ_FOREACH(p, &c->peers, entry)
		if ((what = number(c, p->egress, &n, err, errlen)) != NULL)
			return (what);
	TAILQ_FOREACH(o, &c->outs, entry)
		if ((what = refer(c, o, err, errlen)) != NULL)
			return (what);
	if ((what = refer(c, c->egress, err, errlen)) != NULL)
		return (what);
	TAILQ_FOREACH(p, &c->peers, entry)
		if ((what = refer(c, p->egress, err, errlen)) != NULL)
			return (what);
	TAILQ_FOREACH(r, &c->rules, entry)
		if (r->egress[0] != '\0' &&
		    mean(c, r->egress, &r->rule.egress) == -1) {
			snprintf(err, errlen, "%s:%d: rule with an unknown "
			    "egress \"%s\"", r->file, r->line, r->egress);
			return (err);
		}
	if (c->egress != NULL)
		c->g.egress = c->egress->e;
	return (NULL);
}

static void
send_way(const struct conf_out *o, struct imsgev *slirp)
{
	if (o == NULL || o->nrefs > 0 || o->way.kind == WAY_UPLINK)
		return;
	imsgev_must(slirp, IMSG_CONF_WAY, 0, -1, &o->way, sizeof(o->way));
	if (o->way.has_user)
		imsgev_must(slirp, IMSG_CONF_WAY_USER, 0, -1, &o->user,
		    sizeof(o->user));
}

void
ways_send(const struct config *c, struct imsgev *slirp)
{
	const struct conf_peer	*p;
	const struct conf_out	*o;
	struct conf_way		 m;

	memset(&m, 0, sizeof(m));
	m.kind = WAY_HOST;
	imsgev_must(slirp, IMSG_CONF_WAY, 0, -1, &m, sizeof(m));
	m.kind = WAY_NONE;
	imsgev_must(slirp, IMSG_CONF_WAY, 0, -1, &m, sizeof(m));
	TAILQ_FOREACH(p, &c->peers, entry) {
		if (!config_is_uplink(p))
			continue;
		m.kind = WAY_UPLINK;
		m.peer = p->id;
		strlcpy(m.name, p->name, sizeof(m.name));
		imsgev_must(slirp, IMSG_CONF_WAY, 0, -1, &m, sizeof(m));
	}
	TAILQ_FOREACH(o, &c->outs, entry)
		send_way(o, slirp);
	send_way(c->egress, slirp);
	TAILQ_FOREACH(p, &c->peers, entry)
		send_way(p->egress, slirp);
}
