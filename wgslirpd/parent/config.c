/* SPDX-License-Identifier: ISC */

/*
 * The configuration in memory, whichever front end made it: allocation,
 * the checks that concern all of it, and sending it to the engines.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <net/if.h>

#include <ifaddrs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "log.h"
#include "rules.h"

static int	 cmp_peer_key(const struct conf_peer *,
		    const struct conf_peer *);
#define UNUSED_STATIC	static __attribute__((__unused__))
RB_PROTOTYPE_INTERNAL(conf_keys, conf_peer, key_entry, cmp_peer_key,
    UNUSED_STATIC);

#define UDP_TIMEOUT_DEFAULT	300	/* seconds, RFC 4787 REQ-5 */
#define DNS_TIMEOUT_DEFAULT	10
#define NEW_FLOWS_DEFAULT	5000	/* a second and peer */

/* A configuration with every default; exits if there is no memory. */
struct config *
config_new(void)
{
	struct config	*c;

	if ((c = calloc(1, sizeof(*c))) == NULL)
		fatal(NULL);
	TAILQ_INIT(&c->listens);
	TAILQ_INIT(&c->addresses);
	TAILQ_INIT(&c->peers);
	TAILQ_INIT(&c->removed);
	RB_INIT(&c->bykey);
	TAILQ_INIT(&c->rules);
	TAILQ_INIT(&c->tables);
	TAILQ_INIT(&c->services);
	TAILQ_INIT(&c->upstreams);
	TAILQ_INIT(&c->excludes);
	c->mtu = MTU_DEFAULT;
	tcpconf_defaults(&c->tcp);
	c->ttl = TTL_DEFAULT;
	c->udp_timeout = UDP_TIMEOUT_DEFAULT;
	c->dns_timeout = DNS_TIMEOUT_DEFAULT;
	c->max_new = NEW_FLOWS_DEFAULT;
	c->offload = 1;
	strlcpy(c->domain, "wg", sizeof(c->domain));
	return (c);
}

/* Overwrite the secrets; the rest stays. */
void
config_wipe(struct config *c)
{
	struct conf_service	*s;
	struct conf_peer	*p;
	struct conf_user	*u;

	explicit_bzero(c->key, sizeof(c->key));
	TAILQ_FOREACH(p, &c->peers, entry)
		explicit_bzero(p->psk, sizeof(p->psk));
	TAILQ_FOREACH(s, &c->services, entry)
		TAILQ_FOREACH(u, &s->users, entry)
			explicit_bzero(u->user.password,
			    sizeof(u->user.password));
}

void
config_free_prefixes(struct conf_prefixes *list)
{
	struct conf_prefix	*p;

	while ((p = TAILQ_FIRST(list)) != NULL) {
		TAILQ_REMOVE(list, p, entry);
		free(p);
	}
}

static void
peer_free(struct conf_peer *p)
{
	config_free_prefixes(&p->aips);
	free(p->psk_file);
	free(p->file);
	free(p->ep_host);
	freezero(p, sizeof(*p));
}

void
config_free(struct config *c)
{
	struct conf_listen	*l;
	struct conf_peer	*p;

	if (c == NULL)
		return;
	while ((l = TAILQ_FIRST(&c->listens)) != NULL) {
		TAILQ_REMOVE(&c->listens, l, entry);
		free(l);
	}
	while ((p = TAILQ_FIRST(&c->peers)) != NULL) {
		TAILQ_REMOVE(&c->peers, p, entry);
		peer_free(p);
	}
	while ((p = TAILQ_FIRST(&c->removed)) != NULL) {
		TAILQ_REMOVE(&c->removed, p, entry);
		peer_free(p);
	}
	config_rules_free(c);
	config_free_prefixes(&c->addresses);
	config_free_prefixes(&c->excludes);
	free(c->key_file);
	freezero(c, sizeof(*c));
}

/*
 * Take a peer out of a configuration that was checked.  One of the file is
 * remembered: rules mean it by its id.
 */
void
config_peer_remove(struct config *c, struct conf_peer *p)
{
	TAILQ_REMOVE(&c->peers, p, entry);
	RB_REMOVE(conf_keys, &c->bykey, p);
	c->npeers--;
	if (p->uapi)
		peer_free(p);
	else
		TAILQ_INSERT_TAIL(&c->removed, p, entry);
}

struct conf_peer *
config_peer_new(struct config *c, const char *name)
{
	struct conf_peer	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal(NULL);
	strlcpy(p->name, name, sizeof(p->name));
	TAILQ_INIT(&p->aips);
	p->id = c->npeers++;
	TAILQ_INSERT_TAIL(&c->peers, p, entry);
	return (p);
}

void
config_add_prefix(struct conf_prefixes *list, const struct ipprefix *prefix)
{
	struct conf_prefix	*p;

	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal(NULL);
	p->prefix = *prefix;
	TAILQ_INSERT_TAIL(list, p, entry);
}

/* addr NULL: every address of the host; port in host order. */
void
config_add_listen(struct config *c, const struct ipaddr *addr,
    uint16_t port)
{
	struct conf_listen	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		fatal(NULL);
	if (addr != NULL)
		l->addr = *addr;
	l->port = port;
	TAILQ_INSERT_TAIL(&c->listens, l, entry);
}

static int
cmp_peer_key(const struct conf_peer *a, const struct conf_peer *b)
{
	return (memcmp(a->public, b->public, KEY_LEN));
}

RB_GENERATE_INTERNAL(conf_keys, conf_peer, key_entry, cmp_peer_key,
    UNUSED_STATIC)

/* The peer with this key in a configuration that was checked, or NULL. */
struct conf_peer *
config_peer_by_key(struct config *c, const uint8_t public[KEY_LEN])
{
	struct conf_peer	 key;

	memcpy(key.public, public, KEY_LEN);
	return (RB_FIND(conf_keys, &c->bykey, &key));
}

/* Enter a peer whose key is known; -1 if another one has the key. */
int
config_peer_index(struct config *c, struct conf_peer *p)
{
	return (RB_INSERT(conf_keys, &c->bykey, p) == NULL ? 0 : -1);
}

static struct conf_peer *
find_removed(struct config *c, const uint8_t public[KEY_LEN])
{
	struct conf_peer	*p;

	TAILQ_FOREACH(p, &c->removed, entry)
		if (memcmp(p->public, public, KEY_LEN) == 0)
			break;
	return (p);
}

/* Put back a peer that was taken out; NULL if there was none. */
struct conf_peer *
config_peer_restore(struct config *c, const uint8_t public[KEY_LEN])
{
	struct conf_peer	*p;

	if ((p = find_removed(c, public)) == NULL)
		return (NULL);
	TAILQ_REMOVE(&c->removed, p, entry);
	TAILQ_INSERT_TAIL(&c->peers, p, entry);
	(void)config_peer_index(c, p);
	c->npeers++;
	p->gone = 0;
	return (p);
}

/* Allowed IPs of all peers. */
uint32_t
config_count_aips(const struct config *c)
{
	const struct conf_prefix	*x;
	const struct conf_peer		*p;
	uint32_t			 n = 0;

	TAILQ_FOREACH(p, &c->peers, entry)
		TAILQ_FOREACH(x, &p->aips, entry)
			n++;
	return (n);
}

static int
cmp_name(const void *a, const void *b)
{
	const struct conf_peer *const	*pa = a, *const *pb = b;

	return (strcmp((*pa)->name, (*pb)->name));
}

/* Peers in the order of their names; the caller frees. */
static struct conf_peer **
sort_by_name(const struct config *c)
{
	struct conf_peer	**v, *p;
	size_t			 n = 0;

	if ((v = calloc(c->npeers + 1, sizeof(*v))) == NULL)
		fatal(NULL);
	TAILQ_FOREACH(p, &c->peers, entry)
		v[n++] = p;
	qsort(v, n, sizeof(*v), cmp_name);
	return (v);
}

/* A message about a peer, with its place in the file if it has one. */
static const char *
peer_error(const struct conf_peer *p, const char *what, char *err,
    size_t errlen)
{
	if (p->file != NULL)
		snprintf(err, errlen, "%s:%d: peer \"%s\" %s", p->file,
		    p->line, p->name, what);
	else
		snprintf(err, errlen, "peer \"%s\" %s", p->name, what);
	return (err);
}

static const struct conf_peer *
same_name(const struct config *c)
{
	struct conf_peer	**v, *dup = NULL;
	uint32_t		 i;

	v = sort_by_name(c);
	for (i = 1; i < c->npeers && dup == NULL; i++)
		if (cmp_name(&v[i - 1], &v[i]) == 0)
			dup = v[i - 1]->id > v[i]->id ? v[i - 1] : v[i];
	free(v);
	return (dup);
}

/* Rules name peers; give them the ids.  Returns one that cannot be. */
static const struct conf_rule *
resolve_rules(struct config *c)
{
	struct conf_peer	**v, **found, key, *pkey = &key;
	struct conf_rule	*r;
	const struct conf_rule	*unknown = NULL;

	v = sort_by_name(c);
	TAILQ_FOREACH(r, &c->rules, entry) {
		r->rule.peer = RULE_ANY_PEER;
		if (r->peer[0] == '\0')
			continue;
		strlcpy(key.name, r->peer, sizeof(key.name));
		found = bsearch(&pkey, v, c->npeers, sizeof(*v), cmp_name);
		if (found == NULL) {
			unknown = r;
			break;
		}
		r->rule.peer = (*found)->id;
	}
	free(v);
	return (unknown);
}

/* Is the same address and port listened on twice? */
int
config_twice_listen(const struct config *c)
{
	const struct conf_listen	*a, *b;

	TAILQ_FOREACH(a, &c->listens, entry)
		for (b = TAILQ_NEXT(a, entry); b != NULL;
		    b = TAILQ_NEXT(b, entry))
			if (a->port == b->port && a->port != 0 &&
			    (a->addr.af == 0 || b->addr.af == 0 ||
			    ipaddr_cmp(&a->addr, &b->addr) == 0))
				return (1);
	return (0);
}

/*
 * The checks that no single line can make.  Returns NULL, or what is
 * wrong.
 */
const char *
config_check(struct config *c, char *err, size_t errlen)
{
	struct conf_peer	*q;
	const struct conf_peer	*p;
	const struct conf_rule	*r;

	if (c->key_from == SECRET_NONE)
		return ("no private key");
	if (c->key_from == SECRET_REDACTED && !c->check_only)
		return ("the private key is redacted");
	if (c->key_from != SECRET_REDACTED && key_is_zero(c->key))
		return ("the private key is all zeros");
	if (TAILQ_EMPTY(&c->listens))
		config_add_listen(c, NULL, WGSLIRPD_PORT);
	if (c->npeers > MAX_PEERS)
		return ("too many peers");
	if (config_twice_listen(c))
		return ("the same address is listened on twice");
	TAILQ_FOREACH(p, &c->peers, entry) {
		if (!p->has_public)
			return (peer_error(p, "has no public key", err,
			    errlen));
		if (p->psk_from == SECRET_REDACTED && !c->check_only)
			return (peer_error(p, "has a redacted preshared key",
			    err, errlen));
	}
	if ((p = same_name(c)) != NULL)
		return (peer_error(p, "is defined twice", err, errlen));
	TAILQ_FOREACH(q, &c->peers, entry)
		if (config_peer_index(c, q) == -1)
			return (peer_error(q, "has the public key of another "
			    "peer", err, errlen));
	if ((r = resolve_rules(c)) != NULL) {
		snprintf(err, errlen, "%s:%d: rule for unknown peer \"%s\"",
		    r->file, r->line, r->peer);
		return (err);
	}
	return (config_rules_check(c, err, errlen));
}

/*
 * For a reload: peers that were there before, by their public key, keep
 * their ids, so that all processes mean the same by them.  Those that
 * wg(8) made, and that the file does not name, stay.  Returns -1 if that
 * makes too many.
 */
int
config_merge(struct config *c, struct config *old)
{
	struct conf_peer	*p, *found, *copy;
	uint8_t			*used;
	uint32_t		 next = 0;

	if ((used = calloc(MAX_PEER_ID, 1)) == NULL)
		fatal(NULL);
	/* a new peer may not take the id of one that is going away */
	TAILQ_FOREACH(p, &old->peers, entry)
		used[p->id] = 1;
	TAILQ_FOREACH(p, &old->removed, entry)
		used[p->id] = 1;
	TAILQ_FOREACH(p, &c->peers, entry) {
		found = config_peer_by_key(old, p->public);
		if (found == NULL)
			found = find_removed(old, p->public);
		if (found != NULL)
			p->id = found->id;
		else {
			while (used[next])
				next++;
			p->id = next;
			used[next] = 1;
		}
	}
	free(used);
	TAILQ_FOREACH(p, &old->peers, entry) {
		if (!p->uapi || config_peer_by_key(c, p->public) != NULL)
			continue;
		copy = config_peer_new(c, p->name);
		copy->id = p->id;
		copy->uapi = 1;
		memcpy(copy->public, p->public, KEY_LEN);
		(void)config_peer_index(c, copy);
	}
	(void)resolve_rules(c);	/* the names were checked before */
	return (c->npeers > MAX_PEERS ? -1 : 0);
}

/* A name that can be part of a path, as network interfaces have it. */
int
uapi_name_valid(const char *s)
{
	return (*s != '\0' && strlen(s) < UAPI_NAME_LEN && *s != '.' &&
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+.-")] == '\0');
}

/* What the slirp engine knows of a peer: a name and limits, no keys. */
void
send_peer_name(struct imsgev *slirp, uint32_t type,
    const struct conf_peer *p)
{
	struct conf_peer_msg	 m;

	memset(&m, 0, sizeof(m));
	m.id = p->id;
	m.max_flows = p->max_flows;
	m.max_new = p->max_new;
	m.rate_in = p->rate_in / 8;
	m.rate_out = p->rate_out / 8;
	strlcpy(m.name, p->name, sizeof(m.name));
	imsgev_must(slirp, type, 0, -1, &m, sizeof(m));
}

static void
send_peer(const struct conf_peer *p, struct imsgev *crypto,
    struct imsgev *slirp)
{
	const struct conf_prefix	*x;
	struct conf_peer_msg		 m;
	struct conf_aip			 a;
	struct resolve_msg		 res;

	send_peer_name(slirp, IMSG_CONF_PEER, p);
	memset(&m, 0, sizeof(m));
	m.id = p->id;
	m.keep = p->uapi;
	m.keepalive = p->keepalive;
	m.quota = p->quota;
	m.expires = p->expires;
	strlcpy(m.name, p->name, sizeof(m.name));
	if (p->ep_host != NULL) {
		m.has_endpoint = 1;
		m.ep_port = p->ep_port;
		if (ipaddr_parse(&m.ep_addr, p->ep_host) == -1) {
			memset(&res, 0, sizeof(res));
			res.id = p->id;
			res.port = p->ep_port;
			strlcpy(res.host, p->ep_host, sizeof(res.host));
			imsgev_must(slirp, IMSG_CONF_RESOLVE, 0, -1, &res,
			    sizeof(res));
		}
	}
	memcpy(m.public_key, p->public, KEY_LEN);
	memcpy(m.psk, p->psk, KEY_LEN);
	memcpy(m.reserved, p->reserved, sizeof(m.reserved));
	imsgev_must(crypto, IMSG_CONF_PEER, 0, -1, &m, sizeof(m));
	explicit_bzero(&m, sizeof(m));
	TAILQ_FOREACH(x, &p->aips, entry) {
		memset(&a, 0, sizeof(a));
		a.id = p->id;
		a.prefix = x->prefix;
		imsgev_must(crypto, IMSG_CONF_AIP, 0, -1, &a, sizeof(a));
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

/* Send all of it for staging, except sockets and the end mark. */
void
config_send(const struct config *c, struct imsgev *crypto,
    struct imsgev *slirp, struct imsgev *control)
{
	const struct conf_listen	*l = TAILQ_FIRST(&c->listens);
	const struct conf_prefix	*x;
	const struct conf_peer		*p;
	struct conf_global		 g;

	memset(&g, 0, sizeof(g));
	g.mtu = c->mtu;
	g.port = l != NULL ? l->port : 0;
	g.tcp = c->tcp;
	g.copy_tos = c->copy_tos != 0;
	g.ttl = c->ttl;
	g.overlay = (uint16_t)c->overlay;
	g.udp_timeout = c->udp_timeout;
	g.dns_timeout = c->dns_timeout;
	g.filtering = (uint8_t)c->filtering;
	g.dns = c->dns != 0;
	g.offload = c->offload != 0;
	strlcpy(g.domain, c->domain, sizeof(g.domain));
	g.max_flows = c->max_flows;
	g.max_new = c->max_new;
	g.uapi = c->uapi;
	imsgev_must(crypto, IMSG_CONF_BEGIN, 0, -1, &g, sizeof(g));
	imsgev_must(slirp, IMSG_CONF_BEGIN, 0, -1, &g, sizeof(g));
	imsgev_must(control, IMSG_CONF_BEGIN, 0, -1, &g, sizeof(g));
	imsgev_must(crypto, IMSG_CONF_KEY, 0, -1, c->key, KEY_LEN);
	TAILQ_FOREACH(p, &c->peers, entry)
		send_peer(p, crypto, slirp);
	if (c->overlay)
		send_excludes(c, crypto);
	TAILQ_FOREACH(x, &c->addresses, entry)
		imsgev_must(slirp, IMSG_CONF_ADDRESS, 0, -1, &x->prefix,
		    sizeof(x->prefix));
	config_rules_send(c, slirp);
	config_dns_send(c, slirp);
}

/* Tell the slirp engine which addresses are the host's own. */
void
config_send_hostaddrs(struct imsgev *slirp)
{
	struct ifaddrs	*ifs, *i;
	struct ipaddr	 ip;

	/* without an answer the old ones stay */
	if (getifaddrs(&ifs) == -1) {
		log_warn("getifaddrs");
		return;
	}
	imsgev_must(slirp, IMSG_HOSTADDRS, 0, -1, NULL, 0);
	for (i = ifs; i != NULL; i = i->ifa_next) {
		if (i->ifa_addr == NULL ||
		    ipaddr_from_sa(&ip, i->ifa_addr) == -1)
			continue;
		imsgev_must(slirp, IMSG_CONF_HOSTADDR, 0, -1, &ip,
		    sizeof(ip));
	}
	freeifaddrs(ifs);
	imsgev_must(slirp, IMSG_HOSTADDRS_END, 0, -1, NULL, 0);
}
