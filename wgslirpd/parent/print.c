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
#include <time.h>

#include "print.h"
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

static void
print_peer(const struct conf_peer *p)
{
	char	 key[KEY_B64LEN];

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
	if (p->keepalive != 0)
		printf("\tpersistent keepalive %u\n", p->keepalive);
	if (p->max_flows != 0)
		printf("\tmax flows %u\n", p->max_flows);
	if (p->max_new != 0)
		printf("\tmax new flows %u\n", p->max_new);
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
					    "metrics" };
	char				 ip[ADDR_STRLEN];

	printf("%s %s %s port %u", kinds[s->s.kind],
	    s->s.kind != SERVICE_FORWARD ? "listen on" :
	    s->s.proto == IPPROTO_TCP ? "tcp from" : "udp from",
	    s->s.addr.af == 0 ? "*" : ipaddr_str(&s->s.addr, ip, sizeof(ip)),
	    s->s.port);
	if (s->s.kind == SERVICE_FORWARD)
		printf(" to %s port %u", ipaddr_str(&s->s.dst, ip,
		    sizeof(ip)), s->s.dport);
	if (s->users_file != NULL) {
		printf(" users file ");
		print_string(s->users_file);
	}
	if (!TAILQ_EMPTY(&s->allow))
		print_prefixes(" allow", &s->allow, 1);
	else
		printf("\n");
}

static void
print_dns(const struct config *c)
{
	const struct conf_upstream	*u;
	char				 ip[ADDR_STRLEN];

	printf("dns listen");
	if (!TAILQ_EMPTY(&c->upstreams)) {
		printf(" upstream {");
		TAILQ_FOREACH(u, &c->upstreams, entry) {
			printf(" %s", ipaddr_str(&u->u.addr, ip, sizeof(ip)));
			if (u->u.port != 53)
				printf("@%u", u->u.port);
		}
		printf(" }");
	}
	printf(" domain ");
	print_string(c->domain);
	printf("\n");
}

static void
print_tcp(const struct conf_tcp *c)
{
	static const char *const	 signals[] = { "icmp", "reset", "none" };
	static const char *const	 logs[] = { "off", "info", "debug" };

	printf("tcp {\n\tack delay %u\n\tcongestion %s\n", c->ack_delay,
	    tcpconf_cc_name((enum cc_id)c->cc));
	printf("\terror signal %s\n\tfast dial %u\n", signals[c->signal],
	    c->fast_dial);
	printf("\tgate log %s\n\tidle gate %u\n", logs[c->gate_log],
	    c->idle_gate);
	printf("\tidle inflight %u\n\tidle fail %u\n", c->idle_inflight,
	    c->idle_fail);
	printf("\tinitial window %u\n\tmss %u\n\tpace gap %u\n", c->iw,
	    c->mss, c->pace_gap);
	printf("\treceive buffer %u\n\tsend buffer %u\n", c->rcvbuf,
	    c->sndbuf);
	printf("\treceive window %u\n\tsack %s\n\twindow scale %u\n}\n",
	    c->window, c->sack ? "yes" : "no", c->wscale);
}

void
print_config(const struct config *c)
{
	const struct conf_listen	*l;
	static const char *const	 filters[] = { "address-dependent",
					    "address-and-port-dependent",
					    "endpoint-independent" };
	const struct conf_table		*t;
	const struct conf_rule		*r;
	const struct conf_service	*s;
	const struct conf_peer		*p;
	char				 buf[ADDR_STRLEN];
	char				 text[RULE_TEXT_LEN];

	TAILQ_FOREACH(l, &c->listens, entry)
		printf("listen on %s port %u\n", l->addr.af == 0 ? "*" :
		    ipaddr_str(&l->addr, buf, sizeof(buf)), l->port);
	print_secret("private key", c->key_from, c->key_file);
	print_prefixes("address", &c->addresses, 1);
	printf("mtu %u\n", c->mtu);
	printf("log %s\n", c->verbose ? "verbose" : "brief");
	if (c->max_flows != 0)
		printf("max flows %u\n", c->max_flows);
	printf("max new flows %u\n", c->max_new);
	if (!c->offload)
		printf("offload no\n");
	if (c->uapi != UAPI_OFF) {
		printf("uapi interface ");
		print_string(c->uapi_name);
		printf("%s\n", c->uapi == UAPI_NO_SECRETS ?
		    " no-private-key" : "");
	}
	if (c->overlay && TAILQ_EMPTY(&c->excludes))
		printf("overlay yes\n");
	else if (c->overlay)
		print_prefixes("overlay yes exclude", &c->excludes, 1);
	print_tcp(&c->tcp);
	if (c->copy_tos)
		printf("copy tos yes\n");
	printf("ttl %u\n", c->ttl);
	printf("udp {\n\tdns timeout %u\n\tfiltering %s\n\ttimeout %u\n}\n",
	    c->dns_timeout, filters[c->filtering], c->udp_timeout);
	if (c->dns)
		print_dns(c);
	TAILQ_FOREACH(t, &c->tables, entry)
		print_table(t);
	TAILQ_FOREACH(r, &c->rules, entry)
		printf("%s\n", rule_text(r, text, sizeof(text)));
	TAILQ_FOREACH(s, &c->services, entry)
		print_service(s);
	TAILQ_FOREACH(p, &c->peers, entry)
		print_peer(p);
}
