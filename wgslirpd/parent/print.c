/* SPDX-License-Identifier: ISC */

/*
 * Print a configuration so that it parses back to itself.  Secrets that
 * were given inline appear as the word "redacted".
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "directive.h"
#include "print.h"
#include "probe.h"
#include "rules.h"

static void
print_string(const char *s)
{
	putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			putchar('\\');
		putchar(*s);
	}
	putchar('"');
}

static void
begin_egress(const struct conf_out *o, const char *indent)
{
	printf("%segress ", indent);
	if (o->name[0] != '\0') {
		print_string(o->name);
		printf(" ");
	}
}

static void
print_refs(const struct conf_out *o, const char *indent)
{
	int	 i;

	begin_egress(o, indent);
	if (o->nrefs == 1 && o->name[0] == '\0' &&
	    (strcmp(o->ref[0], "host") == 0 || strcmp(o->ref[0], "none") == 0))
		printf("%s\n", o->ref[0]);
	else if (o->nrefs == 1 && o->name[0] == '\0') {
		print_string(o->ref[0]);
		printf("\n");
	} else {
		printf("{ ");
		for (i = 0; i < o->nrefs; i++) {
			print_string(o->ref[i]);
			printf(" ");
		}
		printf("}\n");
	}
}

static void
print_egress(const struct conf_out *o, const char *indent)
{
	char	 buf[ADDR_STRLEN];
	int	 i;

	if (o == NULL)
		return;
	if (o->nrefs > 0) {
		print_refs(o, indent);
		return;
	}
	if (o->way.kind == WAY_UPLINK) {
		begin_egress(o, indent);
		printf("via peer ");
		print_string(o->uplink);
		printf("\n");
	} else if (o->way.kind == WAY_SOCKS) {
		begin_egress(o, indent);
		printf("socks5 \"%s\" port %u", ipaddr_str(&o->way.proxy, buf,
		    sizeof(buf)), o->way.port);
		if (o->user_file != NULL) {
			printf(" user file ");
			print_string(o->user_file);
		}
		printf("\n");
	}
	if (o->way.nsources > 0) {
		begin_egress(o, indent);
		printf("source {");
		for (i = 0; i < o->way.nsources; i++)
			printf(" %s", ipaddr_str(&o->way.source[i], buf,
			    sizeof(buf)));
		printf(" }");
		if (o->way.rotate != 0)
			printf(" rotate %us", o->way.rotate);
		printf("\n");
	}
	if (o->ifname[0] != '\0') {
		begin_egress(o, indent);
		printf("interface ");
		print_string(o->ifname);
		printf("\n");
	}
}

static void
print_public(const struct config *c)
{
	if (c->public_host == NULL)
		return;
	printf("public endpoint ");
	print_string(c->public_host);
	if (c->public_port != 0)
		printf(" port %u", c->public_port);
	printf("\n");
}

static void
print_links(const struct conf_links *l)
{
	char	 buf[ADDR_STRLEN];
	int	 i;

	for (i = 0; i < l->n; i++)
		printf("gateway peer %u endpoint %s port %u\n",
		    l->v[i].gateway, ipaddr_str(&l->v[i].addr, buf,
		    sizeof(buf)), l->v[i].port);
}

static void
print_pcap(const struct config *c)
{
	if (c->pcap_file == NULL)
		return;
	printf("pcap file ");
	print_string(c->pcap_file);
	if (c->g.pcap_peer[0] != '\0') {
		printf(" peer ");
		print_string(c->g.pcap_peer);
	}
	printf(" max size %" PRIu64, c->g.pcap_max);
	if (c->g.pcap_files > 1)
		printf(" rotate %u", c->g.pcap_files);
	if (c->g.pcap_snaplen != 0)
		printf(" snaplen %u", c->g.pcap_snaplen);
	printf("\n");
}

static void
print_secret(const char *what, enum secret_from from, const char *file)
{
	if (from == SECRET_NONE)
		return;
	printf("%s ", what);
	if (from == SECRET_FILE) {
		printf("file ");
		print_string(file);
		printf("\n");
	} else
		printf("redacted\n");
}

static void
print_prefixes(const char *what, const struct conf_prefixes *list, int end)
{
	const struct conf_prefix	*p;
	char				 buf[ADDR_STRLEN];

	if (TAILQ_EMPTY(list))
		return;
	printf("%s {", what);
	TAILQ_FOREACH(p, list, entry)
		printf(" %s", ipprefix_str(&p->prefix, buf, sizeof(buf)));
	printf(end ? " }\n" : " }");
}

static void
print_time(const char *what, int64_t when)
{
	time_t		 t = (time_t)when;
	struct tm	 tm;
	char		 buf[32];

	strftime(buf, sizeof(buf), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	printf("%s \"%s\"\n", what, buf);
}

/* The settings of a block that are one value. */
static void
print_directives(enum directive_block block, const void *from,
    const char *indent)
{
	const struct directive	*d;
	int64_t			 v;
	size_t			 i;

	for (i = 0; i < ndirectives; i++) {
		d = &directives[i];
		if (d->block != block)
			continue;
		v = directive_value(d, from);
		if (d->quiet && v == d->dflt)
			continue;
		if (d->type == VALUE_NUMBER)
			printf("%s%s %" PRId64 "\n", indent, d->words, v);
		else
			printf("%s%s %s\n", indent, d->words,
			    d->type == VALUE_CHOICE ? d->names[v] :
			    v ? "yes" : "no");
	}
}

/* What this side is there, if it is a client. */
static void
print_uplink(const struct conf_peer *p)
{
	char	 buf[ADDR_STRLEN];
	int	 i;

	if (!config_is_uplink(p))
		return;
	print_prefixes("\taddress", &p->addresses, 1);
	print_secret("\tprivate key", p->own_from, p->own_file);
	if (p->dns_host)
		printf("\tdns host\n");
	if (p->ndns > 0) {
		printf("\tdns {");
		for (i = 0; i < p->ndns; i++)
			printf(" %s", ipaddr_str(&p->dns[i], buf,
			    sizeof(buf)));
		printf(" }\n");
	}
}

static void
print_peer(const struct conf_peer *p)
{
	char	 key[KEY_B64LEN], node[NODE_STRLEN];

	printf("\npeer ");
	print_string(p->name);
	printf(" {\n");
	key_to_base64(key, p->public);
	printf("\tpublic key \"%s\"\n", key);
	print_secret("\tpreshared key", p->psk_from, p->psk_file);
	print_prefixes("\tallowed ips", &p->aips, 1);
	if (p->ep_host != NULL) {
		printf("\tendpoint ");
		print_string(p->ep_host);
		printf(" port %u\n", p->ep_port);
	}
	if (p->has_relay) {
		key_to_node(node, NODE_PUBLIC, p->relay_key);
		printf("\tendpoint derp \"%s\"\n", node);
	}
	if (p->pcp)
		printf("\tpcp yes\n");
	if (p->dns_any)
		printf("\tdns filter no\n");
	if (p->dns_log)
		printf("\tdns log yes\n");
	print_directives(BLOCK_PEER, p, "\t");
	print_egress(p->egress, "\t");
	print_uplink(p);
	if (p->rate_in != 0)
		printf("\trate in %" PRIu64 "\n", p->rate_in);
	if (p->rate_out != 0)
		printf("\trate out %" PRIu64 "\n", p->rate_out);
	if (p->quota != 0)
		printf("\tquota %" PRIu64 "\n", p->quota);
	if (p->expires != 0)
		print_time("\texpires", p->expires);
	if ((p->reserved[0] | p->reserved[1] | p->reserved[2]) != 0)
		printf("\treserved { %u %u %u }\n", p->reserved[0],
		    p->reserved[1], p->reserved[2]);
	printf("}\n");
}

static void
print_table(const struct conf_table *t)
{
	char	 what[TABLE_NAME_LEN + 16];

	snprintf(what, sizeof(what), "table <%s>", t->name);
	if (TAILQ_EMPTY(&t->prefixes))
		printf("%s%s", what, t->path == NULL ? " { }\n" : "");
	else
		print_prefixes(what, &t->prefixes, t->path == NULL);
	if (t->path == NULL)
		return;
	printf(" file ");
	print_string(t->path);
	printf("\n");
}

static void
print_service(const struct conf_service *s)
{
	static const char *const	 kinds[] = { "forward", "proxy",
					    "metrics", "relay", "web" };
	char				 ip[ADDR_STRLEN], key[NODE_STRLEN];

	if (s->path != NULL) {
		printf("web listen on ");
		print_string(s->path);
		printf("\n");
		return;
	}
	printf("%s %s %s port %u", kinds[s->s.kind],
	    s->s.kind != SERVICE_FORWARD ? "listen on" :
	    s->s.proto == IPPROTO_TCP ? "tcp from" : "udp from",
	    s->s.addr.af == 0 ? "*" : ipaddr_str(&s->s.addr, ip, sizeof(ip)),
	    s->s.port);
	if (s->s.kind == SERVICE_FORWARD)
		printf(" to %s port %u", ipaddr_str(&s->s.dst, ip,
		    sizeof(ip)), s->s.dport);
	if (s->s.kind == SERVICE_RELAY) {
		key_to_node(key, NODE_PUBLIC, s->s.key);
		printf(" to derp \"%s\"", key);
		if (s->s.dport != 0)
			printf(" client %s port %u", ipaddr_str(&s->s.dst, ip,
			    sizeof(ip)), s->s.dport);
	}
	if (s->users_file != NULL) {
		printf(" users file ");
		print_string(s->users_file);
	}
	if (!TAILQ_EMPTY(&s->allow))
		print_prefixes(" allow", &s->allow, 1);
	else
		printf("\n");
}

/* Who may use the page. */
static void
print_web(const struct config *c)
{
	static const char *const	 roles[] = { "view", "admin" };
	const struct conf_web_user	*u;

	TAILQ_FOREACH(u, &c->web.users, entry) {
		printf("web user ");
		print_string(u->u.name);
		if (u->redacted || u->u.hash[0] != '\0')
			printf(" password redacted");
		printf(" role %s\n", roles[u->u.role]);
	}
	if (c->web.trust.header[0] == '\0')
		return;
	printf("web trust header ");
	print_string(c->web.trust.header);
	if (c->web.trust.role != -1)
		printf(" role %s", roles[c->web.trust.role]);
	if (TAILQ_EMPTY(&c->web.from))
		printf("\n");
	else
		print_prefixes(" from", &c->web.from, 1);
}

/* Whom to ask for the names of a domain, or all (0). */
static void
print_upstreams(const struct config *c, const char *head, uint16_t zone)
{
	const struct conf_upstream	*u;
	char				 ip[ADDR_STRLEN];
	int				 n = 0;

	TAILQ_FOREACH(u, &c->upstreams, entry) {
		if (u->u.zone != zone)
			continue;
		if (n++ == 0)
			printf("%s {", head);
		(void)ipaddr_str(&u->u.addr, ip, sizeof(ip));
		if (u->u.name[0] != '\0')
			printf(" \"%s@%u#%s\"", ip, u->u.port, u->u.name);
		else if (u->u.port != 53)
			printf(" %s@%u", ip, u->u.port);
		else
			printf(" %s", ip);
	}
	if (n > 0)
		printf(" }");
}

static void
print_dns(const struct config *c)
{
	const struct conf_block		*b;
	const struct conf_zone		*z;
	uint16_t			 n = 0;

	printf("dns listen");
	print_upstreams(c, " upstream", 0);
	printf(" domain ");
	print_string(c->g.domain);
	printf("\n");
	TAILQ_FOREACH(z, &c->zones, entry) {
		printf("dns forward ");
		print_string(z->name);
		print_upstreams(c, " to", ++n);
		printf("\n");
	}
	TAILQ_FOREACH(b, &c->blocks, entry) {
		printf("dns %s %s", b->allow ? "allow" : "block", b->fd != -1 ?
		    "file " : "");
		print_string(b->what);
		printf("\n");
	}
	if (c->g.dns_zero)
		printf("dns block return zero\n");
	if (c->g.dns_log)
		printf("dns log yes\n");
}

static void
print_word(const char *word, const char *s)
{
	printf("\t%s ", word);
	print_string(s);
	printf("\n");
}

/* The proxy's password is no secret of this program, and is not told. */
static void
print_derp(const struct conf_derp *d)
{
	const char	*brace = strchr(d->r.via, ':') != NULL ? "[]" : "";
	char		 pin[KEY_B64LEN];

	printf("derp ");
	print_string(d->r.url);
	printf(" {\n");
	if (d->key_file != NULL)
		print_word("key file", d->key_file);
	if (d->ca_file != NULL)
		print_word("ca", d->ca_file);
	if (d->r.pinned) {
		key_to_base64(pin, d->r.pin);
		printf("\tpin \"sha256/%s\"\n", pin);
	}
	if (d->r.proxy)
		printf("\tproxy \"http://%.1s%s%s:%u\"%s\n", brace, d->r.via,
		    *brace != '\0' ? brace + 1 : "", d->r.via_port,
		    d->r.proxy_auth[0] != '\0' ? "\t# and a password" : "");
	printf("\taccept %s\n}\n", d->r.any ? "any" : "peers");
}

void
print_config(const struct config *c)
{
	const struct conf_listen	*l;
	const struct conf_table		*t;
	const struct conf_rule		*r;
	const struct conf_service	*s;
	const struct conf_peer		*p;
	const struct conf_derp		*d;
	const struct conf_out		*o;
	char				 buf[ADDR_STRLEN];
	char				 text[RULE_TEXT_LEN];
	int				 i;

	TAILQ_FOREACH(l, &c->listens, entry)
		printf("listen on %s port %u\n", l->addr.af == 0 ? "*" :
		    ipaddr_str(&l->addr, buf, sizeof(buf)), l->port);
	print_secret("private key", c->key_from, c->key_file);
	print_public(c);
	for (i = 0; i < c->g.balancers.n; i++)
		printf("balancer %s\n", ipprefix_str(&c->g.balancers.v[i], buf,
		    sizeof(buf)));
	print_links(&c->g.links);
	print_pcap(c);
	probe_print(&c->g.health);
	/* its default, and it means something that it was said */
	if (c->g.many && c->g.gateway == 0)
		printf("gateway id 0\n");
	if (c->dot != NULL && c->dot->ca_file != NULL) {
		printf("dns ca file ");
		print_string(c->dot->ca_file);
		printf("\n");
	}
	if (c->g.dns64)
		printf("dns64 yes\n");
	if (c->g.pcp_low != 0)
		printf("pcp port %u:%u max %u\n", c->g.pcp_low,
		    c->g.pcp_high, c->g.pcp_max);
	TAILQ_FOREACH(o, &c->outs, entry)
		print_egress(o, "");
	print_egress(c->egress, "");
	if (c->g.nat64_find)
		printf("egress nat64 find\n");
	else if (c->g.nat64.len != 0)
		printf("egress nat64 %s\n", ipprefix_str(&c->g.nat64, buf,
		    sizeof(buf)));
	print_prefixes("address", &c->addresses, 1);
	print_directives(BLOCK_GLOBAL, c, "");
	if (c->g.uapi != UAPI_OFF) {
		printf("uapi interface ");
		print_string(c->uapi_name);
		printf("%s\n", c->g.uapi == UAPI_NO_SECRETS ?
		    " no-private-key" : "");
	}
	print_prefixes("nat64", &c->nat64s, 1);
	if (c->g.overlay && TAILQ_EMPTY(&c->excludes))
		printf("overlay yes\n");
	else if (c->g.overlay)
		print_prefixes("overlay yes exclude", &c->excludes, 1);
	printf("tcp {\n");
	print_directives(BLOCK_TCP, c, "\t");
	printf("}\nudp {\n");
	print_directives(BLOCK_UDP, c, "\t");
	printf("}\n");
	if (c->g.dns)
		print_dns(c);
	TAILQ_FOREACH(d, &c->derps, entry)
		print_derp(d);
	TAILQ_FOREACH(t, &c->tables, entry)
		print_table(t);
	TAILQ_FOREACH(r, &c->rules, entry)
		printf("%s\n", rule_text(r, text, sizeof(text)));
	TAILQ_FOREACH(s, &c->services, entry)
		print_service(s);
	print_web(c);
	TAILQ_FOREACH(p, &c->peers, entry)
		print_peer(p);
}
