/* SPDX-License-Identifier: ISC */

/*
 * The part of the configuration that is the slirp engine's: rules and the
 * tables that they name, services that listen on the host, names.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "rules.h"

/* A table without a content yet; NULL if there is one of that name. */
struct conf_table *
config_table_new(struct config *c, const char *name)
{
	struct conf_table	*t;
	int			 n = 0;

	TAILQ_FOREACH(t, &c->tables, entry) {
		if (strcmp(t->name, name) == 0)
			return (NULL);
		n++;
	}
	if (n >= MAX_TABLES)
		return (NULL);
	if ((t = calloc(1, sizeof(*t))) == NULL)
		fatal(NULL);
	strlcpy(t->name, name, sizeof(t->name));
	TAILQ_INIT(&t->prefixes);
	TAILQ_INIT(&t->loaded);
	TAILQ_INSERT_TAIL(&c->tables, t, entry);
	return (t);
}

/* A service that listens nowhere yet; NULL if there are too many. */
struct conf_service *
config_service_new(struct config *c, enum service_kind kind, uint8_t proto)
{
	struct conf_service	*s;
	int			 n = 0;

	TAILQ_FOREACH(s, &c->services, entry)
		n++;
	if (n >= MAX_SERVICES)
		return (NULL);
	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal(NULL);
	s->s.kind = (uint8_t)kind;
	s->s.proto = proto;
	TAILQ_INIT(&s->allow);
	TAILQ_INIT(&s->users);
	TAILQ_INSERT_TAIL(&c->services, s, entry);
	return (s);
}

static void
service_free(struct conf_service *s)
{
	struct conf_user	*u;

	while ((u = TAILQ_FIRST(&s->users)) != NULL) {
		TAILQ_REMOVE(&s->users, u, entry);
		freezero(u, sizeof(*u));
	}
	config_free_prefixes(&s->allow);
	free(s->users_file);
	free(s->file);
	free(s);
}

void
config_rules_free(struct config *c)
{
	struct conf_rule	*r;
	struct conf_table	*t;
	struct conf_service	*s;
	struct conf_upstream	*u;

	while ((r = TAILQ_FIRST(&c->rules)) != NULL) {
		TAILQ_REMOVE(&c->rules, r, entry);
		free(r->file);
		free(r);
	}
	while ((t = TAILQ_FIRST(&c->tables)) != NULL) {
		TAILQ_REMOVE(&c->tables, t, entry);
		config_free_prefixes(&t->prefixes);
		config_free_prefixes(&t->loaded);
		free(t->path);
		free(t);
	}
	while ((s = TAILQ_FIRST(&c->services)) != NULL) {
		TAILQ_REMOVE(&c->services, s, entry);
		service_free(s);
	}
	while ((u = TAILQ_FIRST(&c->upstreams)) != NULL) {
		TAILQ_REMOVE(&c->upstreams, u, entry);
		free(u);
	}
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
	}
	return (NULL);
}

/* Everything that the lines of rules and services cannot know. */
const char *
config_rules_check(struct config *c, char *err, size_t errlen)
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
	if (c->dns && !has_address(c, 0))
		return ("dns listen needs an \"address\"");
	return (NULL);
}

/* Append a string in quotes. */
static void
add_quoted(char *buf, size_t len, const char *s)
{
	size_t	 n;

	strlcat(buf, "\"", len);
	for (n = strlen(buf); *s != '\0' && n + 3 < len; s++) {
		if (*s == '"' || *s == '\\')
			buf[n++] = '\\';
		buf[n++] = *s;
		buf[n] = '\0';
	}
	strlcat(buf, "\"", len);
}

/* The rule as a statement of wgslirpd.conf(5); it parses back to itself. */
const char *
rule_text(const struct conf_rule *r, char *buf, size_t len)
{
	const struct rule	*u = &r->rule;
	char			 ip[ADDR_STRLEN];
	size_t			 n;

	snprintf(buf, len, "%s%s%s", u->pass ? "pass" :
	    u->answer == ANSWER_RETURN ? "block return" :
	    u->answer == ANSWER_DROP ? "block drop" : "block",
	    u->log ? " log" : "", u->quick ? " quick" : "");
	n = strlen(buf);
	if (r->peer[0] != '\0') {
		strlcat(buf, " from peer ", len);
		add_quoted(buf, len, r->peer);
	} else if (r->from_table[0] != '\0')
		snprintf(buf + n, len - n, " from <%s>", r->from_table);
	else if (u->from.addr.af != 0)
		snprintf(buf + n, len - n, " from %s", ipprefix_str(&u->from,
		    ip, sizeof(ip)));
	n = strlen(buf);
	if (u->proto != 0)
		snprintf(buf + n, len - n, " proto %s",
		    u->proto == IPPROTO_TCP ? "tcp" :
		    u->proto == IPPROTO_UDP ? "udp" : "icmp");
	n = strlen(buf);
	if (u->private)
		strlcat(buf, " to private", len);
	else if (r->to_table[0] != '\0')
		snprintf(buf + n, len - n, " to <%s>", r->to_table);
	else if (u->to.addr.af != 0)
		snprintf(buf + n, len - n, " to %s", ipprefix_str(&u->to, ip,
		    sizeof(ip)));
	else
		strlcat(buf, " to any", len);
	n = strlen(buf);
	if (u->port_lo != 0 && u->port_lo == u->port_hi)
		snprintf(buf + n, len - n, " port %u", u->port_lo);
	else if (u->port_lo != 0)
		snprintf(buf + n, len - n, " port %u:%u", u->port_lo,
		    u->port_hi);
	return (buf);
}

static void
send_prefixes(const struct conf_prefixes *list, struct imsgev *to,
    uint32_t type)
{
	const struct conf_prefix	*p;

	TAILQ_FOREACH(p, list, entry)
		imsgev_must(to, type, 0, -1, &p->prefix, sizeof(p->prefix));
}

/* Tables in the order of their indices, and the rules. */
void
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

/* Whom to ask, and what the peers are called. */
void
config_dns_send(const struct config *c, struct imsgev *slirp)
{
	const struct conf_upstream	*u;
	const struct conf_prefix	*x;
	const struct conf_peer		*p;
	struct name_msg			 m;

	if (!c->dns)
		return;
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
