/* SPDX-License-Identifier: ISC */

/*
 * A configuration on its way to the engines, which stage it.  Each gets what
 * it needs and nothing else: keys go to crypto alone, rules to slirp alone.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <net/if.h>
#include <netinet/in.h>

#include <fcntl.h>
#include <ifaddrs.h>
#include <string.h>

#include "endpoint.h"
#include "localaddrs.h"
#include "log.h"
#include "rules.h"
#include "send.h"
#include "state.h"
#include "ways.h"

static void
send_prefixes(const struct conf_prefixes *list, struct imsgev *to,
    uint32_t type)
{
	const struct conf_prefix	*p;

	TAILQ_FOREACH(p, list, entry)
		imsgev_must(to, type, 0, -1, &p->prefix, sizeof(p->prefix));
}

/* Tables in the order of their indices, and the rules. */
static void
config_rules_send(const struct config *c, struct imsgev *slirp)
{
	const struct conf_table	*t;
	const struct conf_rule	*r;
	struct rule_msg		 m;

	TAILQ_FOREACH(t, &c->tables, entry) {
		imsgev_must(slirp, IMSG_CONF_TABLE, 0, -1, NULL, 0);
		send_prefixes(&t->prefixes, slirp, IMSG_CONF_TABLE_PREFIX);
		send_prefixes(&t->loaded, slirp, IMSG_CONF_TABLE_PREFIX);
	}
	TAILQ_FOREACH(r, &c->rules, entry) {
		memset(&m, 0, sizeof(m));
		m.rule = r->rule;
		rule_text(r, m.text, sizeof(m.text));
		imsgev_must(slirp, IMSG_CONF_RULE, 0, -1, &m, sizeof(m));
	}
}

/*
 * A service on a socket that listens for it; the descriptor is the
 * receiver's then.
 */
void
config_service_send(const struct conf_service *s, const struct ipaddr *addr,
    int fd, struct imsgev *to)
{
	struct conf_user	*u;
	struct service		 m = s->s;

	m.addr = *addr;
	imsgev_must(to, IMSG_CONF_SERVICE, 0, fd, &m, sizeof(m));
	send_prefixes(&s->allow, to, IMSG_CONF_ALLOW);
	TAILQ_FOREACH(u, &s->users, entry)
		imsgev_must(to, IMSG_CONF_USER, 0, -1, &u->user,
		    sizeof(u->user));
}

/* Does the prefix hold a single address? */
static int
is_host(const struct ipprefix *p)
{
	return (p->len == ipaddr_bits(&p->addr));
}

/* Another descriptor of a file that stays open here. */
static void
send_file(struct imsgev *to, uint32_t type, int fd, const void *data,
    size_t len)
{
	int	 n;

	if ((n = fcntl(fd, F_DUPFD_CLOEXEC, 0)) == -1)
		fatal("dup");
	imsgev_must(to, type, 0, n, data, len);
}

/* Names that guests are not told; lists of them are read there. */
static void
config_blocks_send(const struct config *c, struct imsgev *slirp)
{
	const struct conf_block	*b;
	struct block_msg	 m;
	struct block_file	 f;

	TAILQ_FOREACH(b, &c->blocks, entry) {
		if (b->fd != -1) {
			memset(&f, 0, sizeof(f));
			f.allow = b->allow != 0;
			f.size = b->size;
			send_file(slirp, IMSG_CONF_BLOCK_FILE, b->fd, &f,
			    sizeof(f));
			continue;
		}
		memset(&m, 0, sizeof(m));
		m.allow = b->allow != 0;
		strlcpy(m.name, b->what, sizeof(m.name));
		imsgev_must(slirp, IMSG_CONF_BLOCK, 0, -1, &m, sizeof(m));
	}
}

/* Whom to ask, and what the peers are called. */
static void
config_dns_send(const struct config *c, struct imsgev *slirp)
{
	const struct conf_upstream	*u;
	const struct conf_prefix	*x;
	const struct conf_peer		*p;
	const struct conf_zone		*z;
	struct zone_msg			 zone;
	struct name_msg			 m;

	if (!c->g.dns)
		return;
	TAILQ_FOREACH(z, &c->zones, entry) {
		memset(&zone, 0, sizeof(zone));
		strlcpy(zone.name, z->name, sizeof(zone.name));
		imsgev_must(slirp, IMSG_CONF_ZONE, 0, -1, &zone,
		    sizeof(zone));
	}
	config_blocks_send(c, slirp);
	TAILQ_FOREACH(u, &c->upstreams, entry)
		imsgev_must(slirp, IMSG_CONF_UPSTREAM, 0, -1, &u->u,
		    sizeof(u->u));
	TAILQ_FOREACH(p, &c->peers, entry)
		TAILQ_FOREACH(x, &p->aips, entry) {
			if (!is_host(&x->prefix))
				continue;
			memset(&m, 0, sizeof(m));
			strlcpy(m.name, p->name, sizeof(m.name));
			m.addr = x->prefix.addr;
			imsgev_must(slirp, IMSG_CONF_NAME, 0, -1, &m,
			    sizeof(m));
		}
}

/* What the slirp engine knows of a peer: a name and limits, no keys. */
void
send_peer_name(struct imsgev *slirp, uint32_t type,
    const struct conf_peer *p)
{
	const struct conf_prefix	*x;
	struct conf_peer_msg		 m;

	memset(&m, 0, sizeof(m));
	m.id = p->id;
	m.max_flows = p->max_flows;
	m.max_new = p->max_new;
	m.rate_in = p->rate_in / 8;
	m.rate_out = p->rate_out / 8;
	if (p->egress != NULL)
		m.egress = p->egress->e;
	TAILQ_FOREACH(x, &p->addresses, entry)
		m.own[x->prefix.addr.af == 6] = x->prefix.addr;
	memcpy(m.dns, p->dns, sizeof(m.dns));
	m.ndns = p->ndns;
	m.pcp = p->pcp;
	m.dns_any = p->dns_any;
	m.dns_log = p->dns_log;
	strlcpy(m.name, p->name, sizeof(m.name));
	imsgev_must(slirp, type, 0, -1, &m, sizeof(m));
}

/* Where it is; a name is resolved by the slirp engine that it lives with. */
static void
set_endpoint(const struct conf_peer *p, struct conf_peer_msg *m)
{
	struct resolve_msg	 res;
	int			 r;

	if (p->ep_host == NULL)
		return;
	m->has_endpoint = 1;
	m->ep_port = p->ep_port;
	r = endpoint_find(p->ep_host, &m->ep_addr, &m->ep_scope);
	if (r == -1) {
		log_warnx("peer \"%s\": endpoint %s: no such interface",
		    p->name, p->ep_host);
		m->has_endpoint = 0;
	} else if (r == 0) {
		memset(&res, 0, sizeof(res));
		res.id = p->id;
		res.port = p->ep_port;
		strlcpy(res.host, p->ep_host, sizeof(res.host));
		imsgev_must(SLIRP(p->worker), IMSG_CONF_RESOLVE, 0, -1, &res,
		    sizeof(res));
	}
}

/*
 * What every crypto engine knows of a peer, to find and to reach it: the key
 * that it has, and its addresses.  Secrets go to that of its worker alone.
 */
static void
set_common(const struct conf_peer *p, struct conf_peer_msg *m)
{
	memset(m, 0, sizeof(*m));
	m->id = p->id;
	m->keep = p->uapi;
	m->worker = p->worker;
	strlcpy(m->name, p->name, sizeof(m->name));
	m->uplink = config_is_uplink(p) != 0;
	memcpy(m->public_key, p->public, KEY_LEN);
	memcpy(m->reserved, p->reserved, sizeof(m->reserved));
}

static void
send_peer(const struct conf_peer *p)
{
	const struct conf_prefix	*x;
	struct conf_peer_msg		 m;
	struct conf_aip			 a;
	uint32_t			 w;

	send_peer_name(SLIRP(p->worker), IMSG_CONF_PEER, p);
	set_common(p, &m);
	for (w = 0; w < env.workers; w++)
		if (w != p->worker)
			imsgev_must(CRYPTO(w), IMSG_CONF_PEER, 0, -1, &m,
			    sizeof(m));
	set_endpoint(p, &m);
	m.keepalive = p->keepalive;
	m.quota = p->quota;
	m.expires = p->expires;
	TAILQ_FOREACH(x, &p->addresses, entry)
		m.own[x->prefix.addr.af == 6] = x->prefix.addr;
	m.has_key = p->own_from != SECRET_NONE;
	memcpy(m.private_key, p->own_key, KEY_LEN);
	m.at_relay = p->has_relay;
	memcpy(m.relay_key, p->relay_key, KEY_LEN);
	memcpy(m.psk, p->psk, KEY_LEN);
	imsgev_must(CRYPTO(p->worker), IMSG_CONF_PEER, 0, -1, &m, sizeof(m));
	explicit_bzero(&m, sizeof(m));
	TAILQ_FOREACH(x, &p->aips, entry) {
		memset(&a, 0, sizeof(a));
		a.id = p->id;
		a.prefix = x->prefix;
		for (w = 0; w < env.workers; w++)
			imsgev_must(CRYPTO(w), IMSG_CONF_AIP, 0, -1, &a,
			    sizeof(a));
	}
}

/* Length of a netmask's prefix. */
static uint8_t
mask_len(const struct sockaddr *sa)
{
	struct ipaddr	 m;
	uint8_t		 n = 0;
	int		 i;

	if (sa == NULL || ipaddr_from_sa(&m, sa) == -1)
		return (0);
	for (i = 0; i < ipaddr_bits(&m) / 8; i++)
		n += (uint8_t)__builtin_popcount(m.a[i]);
	return (n);
}

/*
 * What is never sent from peer to peer: the prefixes of the configuration,
 * the gateway's own addresses, and the networks that the host is in.
 */
static void
send_excludes(const struct config *c, struct imsgev *crypto)
{
	const struct conf_prefix	*x;
	struct ifaddrs			*ifs, *i;
	struct ipprefix			 p;

	TAILQ_FOREACH(x, &c->excludes, entry)
		imsgev_must(crypto, IMSG_CONF_EXCLUDE, 0, -1, &x->prefix,
		    sizeof(x->prefix));
	TAILQ_FOREACH(x, &c->addresses, entry) {
		p = x->prefix;
		p.len = (uint8_t)ipaddr_bits(&p.addr);
		imsgev_must(crypto, IMSG_CONF_EXCLUDE, 0, -1, &p, sizeof(p));
	}
	if (getifaddrs(&ifs) == -1) {
		log_warn("getifaddrs");
		return;
	}
	for (i = ifs; i != NULL; i = i->ifa_next) {
		memset(&p, 0, sizeof(p));
		if (i->ifa_addr == NULL || i->ifa_flags & IFF_LOOPBACK ||
		    ipaddr_from_sa(&p.addr, i->ifa_addr) == -1 ||
		    (p.len = mask_len(i->ifa_netmask)) == 0)
			continue;
		ipprefix_mask(&p);
		imsgev_must(crypto, IMSG_CONF_EXCLUDE, 0, -1, &p, sizeof(p));
	}
	freeifaddrs(ifs);
}

/*
 * Relays to the derp engine, and their names to the slirp engine, which
 * resolves them.
 */
void
config_send_relays(const struct config *c)
{
	struct imsgev		*derp = &env.child[PROC_DERP].iev;
	const struct conf_upstream	*u;
	const struct conf_derp	*d;
	const struct conf_peer	*p;
	struct resolve_msg	 res;
	struct conf_relay	 m;
	uint32_t		 n = 0;

	TAILQ_FOREACH(d, &c->derps, entry) {
		m = d->r;
		m.has_ca = d->ca_fd != -1;
		if (ipaddr_parse(&m.addr, m.via) == -1) {
			memset(&m.addr, 0, sizeof(m.addr));
			memset(&res, 0, sizeof(res));
			res.id = RESOLVE_RELAY | n;
			res.port = m.via_port;
			strlcpy(res.host, m.via, sizeof(res.host));
			imsgev_must(SLIRP(0), IMSG_CONF_RESOLVE, 0, -1, &res,
			    sizeof(res));
		}
		imsgev_must(derp, IMSG_CONF_RELAY, 0, -1, &m, sizeof(m));
		explicit_bzero(&m, sizeof(m));
		if (d->ca_fd != -1)
			send_file(derp, IMSG_CONF_RELAY_CA, d->ca_fd, NULL,
			    0);
		n++;
	}
	if (c->ndot > 0 && derp->ev != NULL) {
		send_file(derp, IMSG_CONF_DOT_CA, c->dot->ca_fd, NULL, 0);
		TAILQ_FOREACH(u, &c->upstreams, entry)
			if (u->u.server != 0)
				imsgev_must(derp, IMSG_CONF_DOT, 0, -1,
				    &u->u, sizeof(u->u));
	}
	TAILQ_FOREACH(p, &c->peers, entry)
		if (p->has_relay && derp->ev != NULL)
			imsgev_must(derp, IMSG_CONF_RELAY_PEER, 0, -1,
			    p->relay_key, KEY_LEN);
}

/* What one worker's engines need beside the peers. */
static void
send_worker(const struct config *c, const struct conf_global *all, uint32_t w)
{
	const struct conf_prefix	*x;
	struct conf_global		 g = *all;
	struct imsgev			*slirp = SLIRP(w);

	/* together they have what one would have */
	if (!c->pinned_all)
		g.max_flows = (g.max_flows + env.workers - 1) / env.workers;
	/* one is enough to see whether the network works */
	if (w != 0)
		memset(&g.health, 0, sizeof(g.health));
	imsgev_must(CRYPTO(w), IMSG_CONF_BEGIN, 0, -1, &g, sizeof(g));
	imsgev_must(CRYPTO(w), IMSG_CONF_KEY, 0, -1, c->key, KEY_LEN);
	if (c->g.overlay)
		send_excludes(c, CRYPTO(w));
	imsgev_must(slirp, IMSG_CONF_BEGIN, 0, -1, &g, sizeof(g));
	ways_send(c, slirp);
	TAILQ_FOREACH(x, &c->addresses, entry)
		imsgev_must(slirp, IMSG_CONF_ADDRESS, 0, -1, &x->prefix,
		    sizeof(x->prefix));
	TAILQ_FOREACH(x, &c->nat64s, entry)
		imsgev_must(slirp, IMSG_CONF_NAT64, 0, -1, &x->prefix,
		    sizeof(x->prefix));
	config_rules_send(c, slirp);
	config_dns_send(c, slirp);
}

/* Send all of it for staging, except sockets and the end mark. */
void
config_send(const struct config *c)
{
	const struct conf_listen	*l = TAILQ_FIRST(&c->listens);
	const struct conf_peer		*p;
	struct conf_global		 g;
	struct ipaddr			 public;
	uint32_t			 w;

	g = c->g;
	if (c->public_host != NULL &&
	    ipaddr_parse(&public, c->public_host) == 0)
		g.public[public.af == 6] = public;
	g.port = l != NULL ? l->port : 0;
	imsgev_must(CONTROL, IMSG_CONF_BEGIN, 0, -1, &g, sizeof(g));
	for (w = 0; w < env.workers; w++)
		send_worker(c, &g, w);
	TAILQ_FOREACH(p, &c->peers, entry)
		send_peer(p);
}

static void
send_hostaddr(void *arg, const struct ipprefix *p)
{
	uint32_t	 w;

	(void)arg;
	for (w = 0; w < env.workers; w++)
		imsgev_must(SLIRP(w), IMSG_CONF_HOSTADDR, 0, -1, p,
		    sizeof(*p));
}

static void
send_slirps(uint32_t type)
{
	uint32_t	 w;

	for (w = 0; w < env.workers; w++)
		imsgev_must(SLIRP(w), type, 0, -1, NULL, 0);
}

/*
 * Tell the slirp engines which addresses are the host's own.  If they cannot
 * be had (-1) the old ones stay: what is begun anew is not ended.
 */
int
config_send_hostaddrs(void)
{
	send_slirps(IMSG_HOSTADDRS);
	if (localaddrs_list(send_hostaddr, NULL) == -1) {
		log_warnx("cannot list the host's own addresses");
		return (-1);
	}
	send_slirps(IMSG_HOSTADDRS_END);
	return (0);
}
