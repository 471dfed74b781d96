/* SPDX-License-Identifier: ISC */

/*
 * Print a configuration so that it parses back to itself.  Secrets that
 * were given inline appear as the word "redacted".
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <stdio.h>

#include "slirp_tcp_cc.h"
#include "wgslirpd.h"

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
print_prefixes(const char *what, const struct conf_prefixes *list)
{
	const struct conf_prefix	*p;
	char				 buf[ADDR_STRLEN];

	if (TAILQ_EMPTY(list))
		return;
	printf("%s {", what);
	TAILQ_FOREACH(p, list, entry)
		printf(" %s", ipprefix_str(&p->prefix, buf, sizeof(buf)));
	printf(" }\n");
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
	print_prefixes("\tallowed ips", &p->aips);
	if (p->ep_host != NULL) {
		printf("\tendpoint ");
		print_string(p->ep_host);
		printf(" port %u\n", p->ep_port);
	}
	if (p->keepalive != 0)
		printf("\tpersistent keepalive %u\n", p->keepalive);
	if (p->max_flows != 0)
		printf("\tmax flows %u\n", p->max_flows);
	if ((p->reserved[0] | p->reserved[1] | p->reserved[2]) != 0)
		printf("\treserved { %u %u %u }\n", p->reserved[0],
		    p->reserved[1], p->reserved[2]);
	printf("}\n");
}

static void
print_rule(const struct conf_rule *r)
{
	char	 buf[ADDR_STRLEN];

	printf("%s%s", r->rule.pass ? "pass" : "block",
	    r->rule.quick ? " quick" : "");
	if (r->peer[0] != '\0') {
		printf(" from peer ");
		print_string(r->peer);
	} else if (r->rule.from.addr.af != 0)
		printf(" from %s", ipprefix_str(&r->rule.from, buf,
		    sizeof(buf)));
	if (r->rule.proto != 0)
		printf(" proto %s", r->rule.proto == IPPROTO_TCP ? "tcp" :
		    r->rule.proto == IPPROTO_UDP ? "udp" : "icmp");
	if (r->rule.private)
		printf(" to private");
	else if (r->rule.to.addr.af != 0)
		printf(" to %s", ipprefix_str(&r->rule.to, buf,
		    sizeof(buf)));
	else
		printf(" to any");
	if (r->rule.port_lo != 0 && r->rule.port_lo == r->rule.port_hi)
		printf(" port %u", r->rule.port_lo);
	else if (r->rule.port_lo != 0)
		printf(" port %u:%u", r->rule.port_lo, r->rule.port_hi);
	printf("\n");
}

static void
print_tcp(const struct conf_tcp *c)
{
	static const char *const	 signals[] = { "icmp", "reset", "none" };
	static const char *const	 logs[] = { "off", "info", "debug" };

	printf("tcp {\n\tack delay %u\n\tcongestion %s\n", c->ack_delay,
	    cc_name((enum cc_id)c->cc));
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
	const struct conf_rule		*r;
	const struct conf_peer		*p;
	char				 buf[ADDR_STRLEN];

	TAILQ_FOREACH(l, &c->listens, entry)
		printf("listen on %s port %u\n", l->addr.af == 0 ? "*" :
		    ipaddr_str(&l->addr, buf, sizeof(buf)), l->port);
	print_secret("private key", c->key_from, c->key_file);
	print_prefixes("address", &c->addresses);
	printf("mtu %u\n", c->mtu);
	printf("log %s\n", c->verbose ? "verbose" : "brief");
	if (c->max_flows != 0)
		printf("max flows %u\n", c->max_flows);
	if (c->uapi != UAPI_OFF) {
		printf("uapi interface ");
		print_string(c->uapi_name);
		printf("%s\n", c->uapi == UAPI_NO_SECRETS ?
		    " no-private-key" : "");
	}
	if (c->overlay && TAILQ_EMPTY(&c->excludes))
		printf("overlay yes\n");
	else if (c->overlay)
		print_prefixes("overlay yes exclude", &c->excludes);
	print_tcp(&c->tcp);
	if (c->copy_tos)
		printf("copy tos yes\n");
	printf("ttl %u\n", c->ttl);
	printf("udp { timeout %u }\n", c->udp_timeout);
	TAILQ_FOREACH(r, &c->rules, entry)
		print_rule(r);
	TAILQ_FOREACH(p, &c->peers, entry)
		print_peer(p);
}
