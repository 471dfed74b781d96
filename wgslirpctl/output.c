/* SPDX-License-Identifier: ISC */

/* The answers as text, JSON and OpenMetrics. */

#include <sys/types.h>
#include <netinet/in.h>

#include <err.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "json.h"
#include "ometric.h"
#include "output.h"

int		 output_wide;
static int	 records;

static const char *
proto_name(uint8_t proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return ("tcp");
	case IPPROTO_UDP:
		return ("udp");
	case IPPROTO_ICMP:
		return ("icmp");
	case IPPROTO_ICMPV6:
		return ("icmp6");
	default:
		return ("?");
	}
}

/* "ip:port"; "" for a peer whose endpoint is not known. */
static const char *
endpoint_str(const struct ctl_peer *p, char *buf, size_t len)
{
	char	 ip[ADDR_STRLEN];

	if (p->at_relay)
		key_to_node(buf, NODE_PUBLIC, p->relay_key);
	else if (p->endpoint.af == 0)
		strlcpy(buf, "", len);
	else if (p->endpoint_scope != 0)
		snprintf(buf, len, "[%s%%%u]:%u",
		    ipaddr_str(&p->endpoint, ip, sizeof(ip)),
		    p->endpoint_scope, p->endpoint_port);
	else
		ipport_str(&p->endpoint, p->endpoint_port, buf, len);
	return (buf);
}

/* RFC 3339, in UTC. */
static const char *
time_str(int64_t when, char *buf, size_t len)
{
	time_t		 t = (time_t)when;
	struct tm	 tm;

	strftime(buf, len, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	return (buf);
}

/* As people say it, in a unit that fits. */
static const char *
amount(uint64_t n, unsigned int unit, char buf[24])
{
	static const char	 letters[] = "BKMGTP";
	double			 v = (double)n;
	int			 u = 0;

	for (; v >= unit && u < 5; u++)
		v /= unit;
	snprintf(buf, 24, u == 0 || v == (double)(uint64_t)v ? "%.0f%c" :
	    "%.1f%c", v, letters[u]);
	return (buf);
}

/* "1 minute, 5 seconds": the two largest units. */
static const char *
ago(uint64_t sec, char *buf, size_t len)
{
	static const struct {
		uint64_t	 size;
		const char	*name;
	}		 unit[] = { { 86400, "day" }, { 3600, "hour" },
			    { 60, "min" }, { 1, "sec" } };
	size_t		 i, n = 0;
	int		 parts = 0;
	uint64_t	 v;

	if (sec == 0) {
		strlcpy(buf, "now", len);
		return (buf);
	}
	for (i = 0; i < 4 && parts < 2; i++) {
		if ((v = sec / unit[i].size) == 0 && parts == 0)
			continue;
		sec %= unit[i].size;
		parts++;
		if (v > 0)
			n += (size_t)snprintf(buf + n, len - n, "%s%" PRIu64
			    " %s%s", n > 0 ? " " : "", v, unit[i].name,
			    v != 1 ? "s" : "");
	}
	return (buf);
}

static void
text_bytes(uint64_t n)
{
	static const char	 unit[] = "BKMGTP";
	double			 v = (double)n;
	int			 u = 0;

	for (; v >= 1024 && u < 5; u++)
		v /= 1024;
	if (u == 0)
		printf("%" PRIu64 "B", n);
	else
		printf("%.1f%c", v, unit[u]);
}

static void
text_age(uint64_t sec)
{
	if (sec >= 86400)
		printf("%" PRIu64 "d%02" PRIu64 "h", sec / 86400,
		    sec % 86400 / 3600);
	else
		printf("%02" PRIu64 ":%02" PRIu64 ":%02" PRIu64, sec / 3600,
		    sec % 3600 / 60, sec % 60);
}

static uint64_t
age_of(uint64_t when)
{
	uint64_t	 now = (uint64_t)time(NULL);

	return (now > when ? now - when : 0);
}

static void
text_head(uint32_t type)
{
	records = 0;
	if (type == CTL_SHOW_PEERS && !output_wide)
		printf("%-17s %-18s %-20s %7s %7s %5s\n", "peer", "address",
		    "last seen", "rx", "tx", "flows");
	else if (type == CTL_SHOW_FLOWS && !output_wide)
		printf("%-11s %-5s %-11s %-22s %-11s %6s %6s\n", "id",
		    "proto", "peer", "destination", "state", "rx", "tx");
	else if (type == CTL_SHOW_FLOWS)
		printf("%-14s %-5s %-16s %-24s %-24s %-12s %8s %8s %s\n",
		    "id", "proto", "peer", "source", "destination", "state",
		    "rx", "tx", "age");
	else if (type == CTL_SHOW_RULES)
		printf("rule    matches\n");
	else if (type == CTL_SHOW_PROCESSES)
		printf("%-10s %8s %-8s %s\n", "process", "pid", "seccomp",
		    "landlock");
}

static void
text_summary(const struct ctl_summary *m)
{
	char	 key[KEY_B64LEN];

	key_to_base64(key, m->public_key);
	printf("public key: %s\n", key);
	printf("listening port: %u\n", m->port);
	printf("mtu: %u\n", m->mtu);
	printf("uptime: ");
	text_age(age_of(m->started));
	printf("\npeers: %u, %u active%s\n", m->peers, m->peers_active,
	    m->paused ? ", paused" : "");
	printf("transfer: ");
	text_bytes(m->rx_bytes);
	printf(" received, ");
	text_bytes(m->tx_bytes);
	printf(" sent\n");
}

/* One line, of no more than 80 columns unless names are long. */
static void
brief_peer(const struct ctl_peer *p, const struct ctl_peerflows *f,
    const struct ipprefix *aips, size_t n)
{
	char	 buf[ADDR_STRLEN] = "-", seen[40] = "never", rx[24], tx[24];

	if (n > 0) {
		ipprefix_str(&aips[0], buf, sizeof(buf));
		if (aips[0].len == ipaddr_bits(&aips[0].addr))
			ipaddr_str(&aips[0].addr, buf, sizeof(buf));
	}
	if (p->latest_handshake != 0)
		ago(age_of(p->latest_handshake), seen, sizeof(seen));
	if (p->away)
		snprintf(seen, sizeof(seen), "at gateway %u", p->gateway);
	printf("%-17s %-18s %-20s %7s %7s %5u%s\n", p->name, buf, seen,
	    amount(p->rx_bytes, 1024, rx), amount(p->tx_bytes, 1024, tx),
	    f->flows, !p->cut ? "" : p->quota != 0 && p->rx_bytes +
	    p->tx_bytes >= p->quota ? " quota over" : " expired");
}

static void
text_peer(const struct ctl_peer *p, const struct ctl_peerflows *f,
    const struct ipprefix *aips, size_t n)
{
	char	 buf[ADDR_STRLEN], key[KEY_B64LEN];
	size_t	 i;

	if (!output_wide) {
		brief_peer(p, f, aips, n);
		return;
	}
	if (records++ > 0)
		printf("\n");
	key_to_base64(key, p->public_key);
	printf("peer: %s\n  public key: %s\n", p->name, key);
	if (p->has_psk)
		printf("  preshared key: (hidden)\n");
	if (p->endpoint.af != 0 || p->at_relay)
		printf("  endpoint: %s\n", endpoint_str(p, buf,
		    sizeof(buf)));
	printf("  allowed ips:");
	for (i = 0; i < n; i++)
		printf(" %s", ipprefix_str(&aips[i], buf, sizeof(buf)));
	printf(n == 0 ? " (none)\n" : "\n");
	printf("  latest handshake: ");
	if (p->latest_handshake == 0)
		printf("never\n");
	else {
		text_age(age_of(p->latest_handshake));
		printf(" ago\n");
	}
	printf("  transfer: ");
	text_bytes(p->rx_bytes);
	printf(" received, ");
	text_bytes(p->tx_bytes);
	printf(" sent\n  flows: %u\n", f->flows);
	if (p->away)
		printf("  at gateway %u\n", p->gateway);
	if (f->dns_asked != 0)
		printf("  names: %" PRIu64 " asked for, %" PRIu64 " blocked\n",
		    f->dns_asked, f->dns_blocked);
	if (f->rtt_us != 0)
		printf("  round trip: %.1f ms\n", f->rtt_us / 1e3);
	if (p->quota != 0) {
		printf("  quota: ");
		/* in the units in which it was written */
		printf("%s of ", amount(p->rx_bytes + p->tx_bytes, 1000,
		    buf));
		printf("%s used\n", amount(p->quota, 1000, buf));
	}
	if (p->expires != 0)
		printf("  expires: %s\n", time_str(p->expires, buf,
		    sizeof(buf)));
	if (p->cut)
		printf("  shut out: its %s is over\n", p->quota != 0 &&
		    p->rx_bytes + p->tx_bytes >= p->quota ? "quota" : "time");
	if (p->keepalive != 0)
		printf("  persistent keepalive: every %u seconds\n",
		    p->keepalive);
}

static void
text_flow(const struct ctl_flow *f)
{
	char	 src[ADDR_STRLEN], dst[ADDR_STRLEN], rx[32], tx[32];

	if (!output_wide) {
		printf("%-11" PRIu64 " %-5s %-11.11s %-22s %-11s %6s %6s\n",
		    f->id, proto_name(f->proto), f->peer_name,
		    ipport_str(&f->dst, f->dport, dst, sizeof(dst)),
		    f->state, amount(f->rx_bytes, 1024, rx),
		    amount(f->tx_bytes, 1024, tx));
		return;
	}
	snprintf(rx, sizeof(rx), "%" PRIu64, f->rx_bytes);
	snprintf(tx, sizeof(tx), "%" PRIu64, f->tx_bytes);
	printf("%-14" PRIu64 " %-5s %-16s %-24s %-24s %-12s %8s %8s ",
	    f->id, proto_name(f->proto), f->peer_name,
	    ipport_str(&f->src, f->sport, src, sizeof(src)),
	    ipport_str(&f->dst, f->dport, dst, sizeof(dst)), f->state, rx,
	    tx);
	text_age(f->age);
	if (f->way[0] != '\0')
		printf(" via %s", f->way);
	printf("\n");
}

static void
text_counter(const char *name, const char *help, uint64_t v)
{
	printf("%-22s %14" PRIu64 "  %s\n", name, v, help);
}

static void
text_process(const struct ctl_process *p)
{
	char	 abi[24];

	snprintf(abi, sizeof(abi), p->landlock ? "abi %u" : "no",
	    p->landlock);
	printf("%-10s %8d %-8s %s\n", p->title, p->pid,
	    p->seccomp ? "filter" : "no", abi);
}

static void
text_rule(const struct ctl_rule *r)
{
	printf("%4" PRIu64 " %10" PRIu64 "  %s\n", r->number, r->matches,
	    r->text);
}

static void
text_entry(const struct ctl_entry *e)
{
	if (strcmp(e->kind, "name") == 0)
		printf("%-40s %s\n", e->name, e->value);
	else
		printf("%-10s %-32s%s%s\n", e->kind, e->name,
		    e->value[0] != '\0' ? " " : "", e->value);
}

static void
text_event(const struct ctl_event *e)
{
	time_t		 t = (time_t)(e->when / 1000);
	struct tm	 tm;
	char		 when[32];

	strftime(when, sizeof(when), "%H:%M:%S", localtime_r(&t, &tm));
	if (e->lost != 0)
		printf("%s (%u events were lost)\n", when, e->lost);
	printf("%s.%03u %-12s %-16s %s\n", when, (unsigned int)(e->when %
	    1000), e->kind, e->peer[0] != '\0' ? e->peer : "-", e->text);
}

static void
text_tail(uint32_t type)
{
	(void)type;
}

const struct output	 output_text = {
	.head = text_head,
	.summary = text_summary,
	.peer = text_peer,
	.flow = text_flow,
	.counter = text_counter,
	.process = text_process,
	.rule = text_rule,
	.entry = text_entry,
	.event = text_event,
	.tail = text_tail
};

static int	 entries_relays;	/* of what, by the question */

static void
json_head(uint32_t type)
{
	records = 0;
	entries_relays = type == CTL_SHOW_DERP;
	switch (type) {
	case CTL_SHOW_INTERFACES:
		printf("{\"interfaces\":[");
		break;
	case CTL_SHOW_NAMES:
		printf("{\"names\":[");
		break;
	case CTL_SHOW_FORWARDS:
		printf("{\"forwards\":[");
		break;
	case CTL_SHOW_DERP:
		printf("{\"relays\":[");
		break;
	case CTL_SHOW_PEERS:
		printf("{\"peers\":[");
		break;
	case CTL_SHOW_FLOWS:
		printf("{\"flows\":[");
		break;
	case CTL_SHOW_PROCESSES:
		printf("{\"processes\":[");
		break;
	case CTL_SHOW_RULES:
		printf("{\"rules\":[");
		break;
	case CTL_SHOW_COUNTERS:
		printf("{");
		break;
	}
}

static void
json_next(void)
{
	if (records++ > 0)
		putchar(',');
}

static void
json_summary(const struct ctl_summary *m)
{
	char	 key[KEY_B64LEN];

	key_to_base64(key, m->public_key);
	printf("{\"public_key\":\"%s\",\"listen_port\":%u,\"mtu\":%u,"
	    "\"started\":%" PRIu64 ",\"peers\":%u,\"peers_active\":%u,"
	    "\"rx_bytes\":%" PRIu64 ",\"tx_bytes\":%" PRIu64
	    ",\"paused\":%s}", key, m->port, m->mtu, m->started, m->peers,
	    m->peers_active, m->rx_bytes, m->tx_bytes,
	    m->paused ? "true" : "false");
}

static void
json_peer(const struct ctl_peer *p, const struct ctl_peerflows *f,
    const struct ipprefix *aips, size_t n)
{
	char	 buf[ADDR_STRLEN], key[KEY_B64LEN];
	size_t	 i;

	json_next();
	key_to_base64(key, p->public_key);
	printf("{\"name\":");
	json_string(stdout, p->name);
	printf(",\"public_key\":\"%s\",\"endpoint\":\"%s\","
	    "\"allowed_ips\":[", key, endpoint_str(p, buf, sizeof(buf)));
	for (i = 0; i < n; i++)
		printf("%s\"%s\"", i > 0 ? "," : "",
		    ipprefix_str(&aips[i], buf, sizeof(buf)));
	printf("],\"latest_handshake\":%" PRIu64 ",\"rx_bytes\":%" PRIu64
	    ",\"tx_bytes\":%" PRIu64 ",\"flows\":%u", p->latest_handshake,
	    p->rx_bytes, p->tx_bytes, f->flows);
	if (f->dns_asked != 0)
		printf(",\"dns_asked\":%" PRIu64 ",\"dns_blocked\":%" PRIu64,
		    f->dns_asked, f->dns_blocked);
	if (f->rtt_us != 0)
		printf(",\"rtt_us\":%u", f->rtt_us);
	if (p->quota != 0)
		printf(",\"quota\":%" PRIu64, p->quota);
	if (p->expires != 0)
		printf(",\"expires\":\"%s\"", time_str(p->expires, buf,
		    sizeof(buf)));
	if (p->away)
		printf(",\"gateway\":%u", p->gateway);
	printf(p->cut ? ",\"cut\":true}" : "}");
}

static void
json_flow(const struct ctl_flow *f)
{
	char	 buf[ADDR_STRLEN];

	json_next();
	printf("{\"id\":%" PRIu64 ",\"proto\":\"%s\",\"peer\":", f->id,
	    proto_name(f->proto));
	json_string(stdout, f->peer_name);
	printf(",\"source\":\"%s\"", ipport_str(&f->src, f->sport, buf,
	    sizeof(buf)));
	printf(",\"destination\":\"%s\"", ipport_str(&f->dst, f->dport, buf,
	    sizeof(buf)));
	printf(",\"state\":\"%s\",\"rx_bytes\":%" PRIu64 ",\"tx_bytes\":%"
	    PRIu64 ",\"age\":%" PRIu64, f->state, f->rx_bytes,
	    f->tx_bytes, f->age);
	if (f->way[0] != '\0') {
		printf(",\"way\":");
		json_string(stdout, f->way);
	}
	printf("}");
}

static void
json_counter(const char *name, const char *help, uint64_t v)
{
	(void)help;
	json_next();
	json_key(stdout, name);
	printf("%" PRIu64, v);
}

static void
json_process(const struct ctl_process *p)
{
	json_next();
	printf("{\"title\":\"%s\",\"pid\":%d,\"seccomp\":%s,"
	    "\"landlock\":%u}", p->title, p->pid,
	    p->seccomp ? "true" : "false", p->landlock);
}

static void
json_rule(const struct ctl_rule *r)
{
	json_next();
	printf("{\"number\":%" PRIu64 ",\"matches\":%" PRIu64 ",\"rule\":",
	    r->number, r->matches);
	json_string(stdout, r->text);
	printf("}");
}

static void
json_entry(const struct ctl_entry *e)
{
	int	 is_name = strcmp(e->kind, "name") == 0;

	json_next();
	if (entries_relays) {
		printf("{\"state\":");
		json_string(stdout, e->kind);
		printf(",\"url\":");
		json_string(stdout, e->name);
		printf(",\"detail\":");
		json_string(stdout, e->value);
		printf("}");
		return;
	}
	printf("{");
	if (!is_name) {
		printf("\"kind\":");
		json_string(stdout, e->kind);
		printf(",");
	}
	json_key(stdout, is_name ? "name" : "address");
	json_string(stdout, e->name);
	printf(",");
	json_key(stdout, is_name ? "address" : "detail");
	json_string(stdout, e->value);
	printf("}");
}

static void
json_event(const struct ctl_event *e)
{
	printf("{\"time\":%" PRIu64 ".%03u,\"event\":", e->when / 1000,
	    (unsigned int)(e->when % 1000));
	json_string(stdout, e->kind);
	printf(",\"peer\":");
	json_string(stdout, e->peer);
	printf(",\"text\":");
	json_string(stdout, e->text);
	printf(",\"lost\":%u}\n", e->lost);
}

static void
json_tail(uint32_t type)
{
	switch (type) {
	case CTL_SHOW_PEERS:
	case CTL_SHOW_FLOWS:
	case CTL_SHOW_PROCESSES:
	case CTL_SHOW_RULES:
	case CTL_SHOW_INTERFACES:
	case CTL_SHOW_NAMES:
	case CTL_SHOW_FORWARDS:
	case CTL_SHOW_DERP:
		printf("]}\n");
		break;
	case CTL_SHOW_COUNTERS:
		printf("}\n");
		break;
	case CTL_SHOW_SUMMARY:
		printf("\n");
		break;
	}
}

const struct output	 output_json = {
	.head = json_head,
	.summary = json_summary,
	.peer = json_peer,
	.flow = json_flow,
	.counter = json_counter,
	.process = json_process,
	.rule = json_rule,
	.entry = json_entry,
	.event = json_event,
	.tail = json_tail
};

static struct ometric	 metrics;

static void
ometric_head(uint32_t type)
{
	if (type == CTL_SHOW_PEERS)
		ometric_begin(&metrics, stdout);
}

static void
ometric_show_peer(const struct ctl_peer *p, const struct ctl_peerflows *f,
    const struct ipprefix *aips, size_t n)
{
	(void)aips;
	(void)n;
	if (ometric_peer(&metrics, p) == -1 ||
	    ometric_flows(&metrics, f) == -1)
		err(1, NULL);
}

static void
ometric_show_counter(const char *name, const char *help, uint64_t v)
{
	ometric_counter(&metrics, name, help, v);
}

static void
ometric_tail(uint32_t type)
{
	if (type == CTL_SHOW_PEERS)
		ometric_peers(&metrics);
	else if (type == CTL_SHOW_COUNTERS)
		ometric_counters(&metrics);
	else if (type == CTL_SHOW_PROCESSES)
		ometric_end(&metrics);
}

static void
ometric_show_rule(const struct ctl_rule *r)
{
	ometric_rule(&metrics, r);
}

static void
ometric_show_summary(const struct ctl_summary *s)
{
	ometric_summary(&metrics, s);
}

static void
ometric_show_process(const struct ctl_process *p)
{
	ometric_process(&metrics, p);
}

const struct output	 output_ometric = {
	.head = ometric_head,
	.peer = ometric_show_peer,
	.counter = ometric_show_counter,
	.summary = ometric_show_summary,
	.rule = ometric_show_rule,
	.process = ometric_show_process,
	.tail = ometric_tail
};
