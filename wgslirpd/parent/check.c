/* SPDX-License-Identifier: ISC */

/*
 * What no single line of a configuration can know: whether all of it goes
 * together, and, for a reload, with the one that is in force.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "check.h"
#include "derp.h"
#include "endpoint.h"
#include "keypair.h"
#include "log.h"
#include "ways.h"
#include "web.h"

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
const struct conf_rule *
config_resolve_rules(struct config *c)
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

/* Index of a table, or RULE_NO_TABLE. */
static uint16_t
table_index(const struct config *c, const char *name)
{
	const struct conf_table	*t;
	uint16_t		 i = 0;

	TAILQ_FOREACH(t, &c->tables, entry) {
		if (strcmp(t->name, name) == 0)
			return (i);
		i++;
	}
	return (RULE_NO_TABLE);
}

/* Give the rule its tables.  Returns a name that no table has, or NULL. */
static const char *
resolve_tables(const struct config *c, struct conf_rule *r)
{
	if (r->from_table[0] != '\0' && (r->rule.from_table =
	    table_index(c, r->from_table)) == RULE_NO_TABLE)
		return (r->from_table);
	if (r->to_table[0] != '\0' && (r->rule.to_table =
	    table_index(c, r->to_table)) == RULE_NO_TABLE)
		return (r->to_table);
	return (NULL);
}

static int
has_address(const struct config *c, uint8_t af)
{
	const struct conf_prefix	*p;

	TAILQ_FOREACH(p, &c->addresses, entry)
		if (af == 0 || p->prefix.addr.af == af)
			return (1);
	return (0);
}

static int
is_loopback(const struct ipaddr *a)
{
	static const uint8_t	 lo6[16] = { [15] = 1 };

	return (a->af == 4 ? a->a[0] == 127 : a->af == 6 &&
	    memcmp(a->a, lo6, sizeof(lo6)) == 0);
}

static int
same_socket(const struct service *a, const struct service *b)
{
	return (a->proto == b->proto && a->port == b->port &&
	    (a->addr.af == 0 || b->addr.af == 0 ||
	    ipaddr_cmp(&a->addr, &b->addr) == 0));
}

/* What is wrong with a service, or NULL. */
static const char *
check_service(const struct config *c, const struct conf_service *s)
{
	const struct conf_service	*o;
	const struct conf_prefix	*x;
	const struct conf_peer		*p;
	int				 n = 0;

	for (o = TAILQ_FIRST(&c->services); o != s;
	    o = TAILQ_NEXT(o, entry))
		if (same_socket(&o->s, &s->s))
			return ("the same address and port twice");
	switch (s->s.kind) {
	case SERVICE_FORWARD:
		/* answers have to come from where the client sent to */
		if (s->s.proto == IPPROTO_UDP && s->s.addr.af == 0)
			return ("a udp forward listens on one address");
		if (!has_address(c, s->s.dst.af))
			return ("a forward needs an \"address\" of its "
			    "family in the tunnel");
		break;
	case SERVICE_PROXY:
		if (!has_address(c, 0))
			return ("the proxy needs an \"address\" in the "
			    "tunnel");
		if (!is_loopback(&s->s.addr) && TAILQ_EMPTY(&s->users) &&
		    TAILQ_EMPTY(&s->allow))
			return ("a proxy for others than this host needs "
			    "\"users\" or \"allow\"");
		break;
	case SERVICE_RELAY:
		TAILQ_FOREACH(x, &s->allow, entry)
			n++;
		if (n > MAX_RELAY_ALLOW)
			return ("too many prefixes to allow");
		if (!is_loopback(&s->s.addr) && n == 0)
			return ("a relay for others than this host needs "
			    "\"allow\"");
		if (s->s.dport != 0 && s->s.addr.af != s->s.dst.af)
			return ("a client needs a port of its family");
		if (TAILQ_EMPTY(&c->derps))
			return ("\"relay listen\" needs a \"derp\" relay");
		TAILQ_FOREACH(p, &c->peers, entry)
			if (p->has_relay && memcmp(p->relay_key, s->s.key,
			    KEY_LEN) == 0)
				return ("a peer of this gateway has the key "
				    "that clients are to reach");
		break;
	}
	return (NULL);
}

/* Everything that the lines of rules and services cannot know. */
static const char *
check_rules(struct config *c, char *err, size_t errlen)
{
	struct conf_service	*s;
	struct conf_rule	*r;
	const char		*what;
	uint32_t		 n = 0;

	TAILQ_FOREACH(r, &c->rules, entry) {
		if ((what = resolve_tables(c, r)) != NULL) {
			snprintf(err, errlen, "%s:%d: rule for unknown table "
			    "<%s>", r->file, r->line, what);
			return (err);
		}
		n++;
	}
	if (n > MAX_RULES)
		return ("too many rules");
	TAILQ_FOREACH(s, &c->services, entry)
		if ((what = check_service(c, s)) != NULL) {
			snprintf(err, errlen, "%s:%d: %s", s->file, s->line,
			    what);
			return (err);
		}
	if (c->g.dns && !has_address(c, 0))
		return ("dns listen needs an \"address\"");
	if (c->g.dns64 && (!c->g.dns || (c->g.nat64.len == 0 &&
	    !c->g.nat64_find)))
		return ("dns64 needs \"dns listen\", and the prefix of "
		    "\"egress nat64\"");
	return (NULL);
}

/* Only ports for clients whose gateway is at a relay, and no gateway here. */
static int
is_sidecar(const struct config *c)
{
	const struct conf_service	*s;

	if (c->key_from != SECRET_NONE || c->npeers > 0 ||
	    c->g.uapi != UAPI_OFF || !TAILQ_EMPTY(&c->listens))
		return (0);
	TAILQ_FOREACH(s, &c->services, entry)
		if (s->s.kind == SERVICE_RELAY)
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
	const char		*what;

	if ((what = derp_check(c)) != NULL || (what = web_check(c)) != NULL)
		return (what);
	if (is_sidecar(c)) {
		/* nobody has it, and nobody will */
		arc4random_buf(c->key, sizeof(c->key));
		c->g.no_listen = 1;
	} else if (c->key_from == SECRET_NONE)
		return ("no private key");
	if (c->key_from == SECRET_REDACTED && !c->check_only)
		return ("the private key is redacted");
	if (c->key_from != SECRET_REDACTED && key_is_zero(c->key))
		return ("the private key is all zeros");
	if (TAILQ_EMPTY(&c->listens) && !c->g.no_listen)
		config_add_listen(c, NULL, WGSLIRPD_PORT);
	if (c->npeers > MAX_PEERS)
		return ("too many peers");
	if (config_twice_listen(c))
		return ("the same address is listened on twice");
	TAILQ_FOREACH(p, &c->peers, entry) {
		if (!p->has_public)
			return (peer_error(p, "has no public key", err,
			    errlen));
		if (p->has_relay && TAILQ_EMPTY(&c->derps))
			return (peer_error(p, "is at a relay, but there is "
			    "no \"derp\"", err, errlen));
		if (p->pcp && c->g.pcp_low == 0)
			return (peer_error(p, "has pcp, but there is no \"pcp "
			    "port\"", err, errlen));
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
	if ((r = config_resolve_rules(c)) != NULL) {
		snprintf(err, errlen, "%s:%d: rule for unknown peer \"%s\"",
		    r->file, r->line, r->peer);
		return (err);
	}
	if ((what = ways_resolve(c, err, errlen)) != NULL)
		return (what);
	return (check_rules(c, err, errlen));
}

struct owned {
	struct ipprefix		 prefix;
	const struct conf_peer	*peer;
};

static int
cmp_owned(const void *a, const void *b)
{
	const struct owned	*x = a, *y = b;
	int			 r;

	if ((r = ipaddr_cmp(&x->prefix.addr, &y->prefix.addr)) != 0)
		return (r);
	return ((int)x->prefix.len - (int)y->prefix.len);
}

static void __attribute__((__format__(printf, 2, 3)))
warn_peer(const struct conf_peer *p, const char *fmt, ...)
{
	char	 what[256], line[512];
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	log_warnx("%s", peer_error(p, what, line, sizeof(line)));
}

/* The last one has it: that is rarely what is meant. */
static void
warn_shared_aips(const struct config *c)
{
	const struct conf_prefix	*x;
	const struct conf_peer		*p;
	struct owned			*v;
	char				 buf[ADDR_STRLEN];
	size_t				 i, n = 0;

	if ((v = calloc(config_count_aips(c) + 1, sizeof(*v))) == NULL)
		return;
	TAILQ_FOREACH(p, &c->peers, entry) {
		if (config_is_uplink(p))
			continue;
		TAILQ_FOREACH(x, &p->aips, entry) {
			v[n].prefix = x->prefix;
			v[n++].peer = p;
		}
	}
	qsort(v, n, sizeof(*v), cmp_owned);
	for (i = 1; i < n; i++)
		if (cmp_owned(&v[i - 1], &v[i]) == 0 &&
		    v[i - 1].peer != v[i].peer)
			warn_peer(v[i].peer, "and peer \"%s\" both have the "
			    "allowed ips %s", v[i - 1].peer->name,
			    ipprefix_str(&v[i].prefix, buf, sizeof(buf)));
	free(v);
}

static int
anybody_has(const struct config *c, const struct ipaddr *a)
{
	const struct conf_prefix	*x;
	const struct conf_peer		*p;

	TAILQ_FOREACH(p, &c->peers, entry) {
		/* those of an uplink say nothing about who is here */
		if (config_is_uplink(p))
			continue;
		TAILQ_FOREACH(x, &p->aips, entry)
			if (ipprefix_match(&x->prefix, a))
				return (1);
	}
	return (0);
}

/*
 * A peer with the gateway's own key is none: the crypto engine says so when it
 * starts.  Where nothing is started, nobody else can.
 */
static void
warn_own_key(const struct config *c)
{
	const struct conf_peer	*p;
	uint8_t			 public[KEY_LEN];

	if (!c->check_only || c->key_from == SECRET_REDACTED ||
	    key_derive(public, c->key) == -1)
		return;
	TAILQ_FOREACH(p, &c->peers, entry)
		if (memcmp(p->public, public, KEY_LEN) == 0)
			warn_peer(p, "has this gateway's own key");
}

/* Does one side of a rule name all that the other one does? */
static int
side_covers(const struct ipprefix *a, uint16_t atable, const char *aname,
    const struct ipprefix *b, uint16_t btable, const char *bname)
{
	if (atable != RULE_NO_TABLE || btable != RULE_NO_TABLE)
		return (atable != RULE_NO_TABLE && btable != RULE_NO_TABLE &&
		    strcmp(aname, bname) == 0);
	return (a->addr.af == 0 || (b->addr.af == a->addr.af &&
	    a->len <= b->len && ipprefix_match(a, &b->addr)));
}

/*
 * Does a match whatever b matches?  Passing to any opens nothing that is
 * closed from the start: only a pass to the same is as good.
 */
static int
rule_covers(const struct conf_rule *ca, const struct conf_rule *cb)
{
	const struct rule	*a = &ca->rule, *b = &cb->rule;
	int			 to;

	if (a->private || b->private)
		to = a->private ? b->private : a->to.addr.af == 0 &&
		    a->to_table == RULE_NO_TABLE;
	else
		to = side_covers(&a->to, a->to_table, ca->to_table, &b->to,
		    b->to_table, cb->to_table);
	if (a->pass && b->pass && (a->private != b->private ||
	    a->to.addr.af != b->to.addr.af || a->to.len != b->to.len))
		return (0);
	return (to && (ca->peer[0] == '\0' ||
	    strcmp(ca->peer, cb->peer) == 0) &&
	    (a->proto == 0 || a->proto == b->proto) &&
	    side_covers(&a->from, a->from_table, ca->from_table, &b->from,
	    b->from_table, cb->from_table) &&
	    (a->port_lo == 0 || (b->port_lo >= a->port_lo &&
	    b->port_hi <= a->port_hi)));
}

/* The last rule that matches decides, or the first with quick. */
static void
warn_idle_rules(const struct config *c)
{
	const struct conf_rule	*r, *x;
	int			 after;

	TAILQ_FOREACH(r, &c->rules, entry) {
		after = 0;
		TAILQ_FOREACH(x, &c->rules, entry) {
			if (x == r)
				after = 1;
			else if (x->line == r->line &&
			    strcmp(x->file, r->file) == 0)
				continue;	/* one list */
			else if (after ? !r->rule.quick && rule_covers(x, r) :
			    x->rule.quick && rule_covers(x, r))
				break;
		}
		if (x != NULL)
			log_warnx("%s:%d: the rule never decides: that of "
			    "line %d %s", r->file, r->line, x->line,
			    after ? "comes later" : "is quick");
	}
}

void
config_warn(const struct config *c)
{
	const struct conf_service	*s;
	const struct conf_peer		*p;
	char				 buf[ADDR_STRLEN];
	int64_t				 now = (int64_t)time(NULL);

	warn_shared_aips(c);
	warn_own_key(c);
	/* thousands of rules are made by a program, and take their time */
	if (c->check_only)
		warn_idle_rules(c);
	if (c->g.workers > 1 && c->pinned_all)
		log_warnx("workers: every peer lives with the first, since "
		    "anyone may come out at an uplink or be at a relay");
	TAILQ_FOREACH(p, &c->peers, entry)
		if (p->expires != 0 && p->expires <= now)
			warn_peer(p, "has expired already");
	TAILQ_FOREACH(s, &c->services, entry)
		if (s->s.kind == SERVICE_FORWARD &&
		    !anybody_has(c, &s->s.dst))
			log_warnx("%s:%d: forward to %s, which no peer has",
			    s->file, s->line, ipaddr_str(&s->s.dst, buf,
			    sizeof(buf)));
}

/* A name that can be part of a path, as network interfaces have it. */
int
uapi_name_valid(const char *s)
{
	return (*s != '\0' && strlen(s) < UAPI_NAME_LEN && *s != '.' &&
	    s[strspn(s, "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_=+.-")] == '\0');
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
			found = config_find_removed(old, p->public);
		if (found != NULL) {
			p->id = found->id;
			p->worker = found->worker;
		} else {
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
		copy->worker = p->worker;
		copy->uapi = 1;
		memcpy(copy->public, p->public, KEY_LEN);
		(void)config_peer_index(c, copy);
	}
	(void)config_resolve_rules(c);	/* the names were checked before */
	return (c->npeers > MAX_PEERS ? -1 : 0);
}
