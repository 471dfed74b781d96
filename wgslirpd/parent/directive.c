/* SPDX-License-Identifier: ISC */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "directive.h"

#define MAX_WORDS	64
#define ANY_BYTES	(1 << 30)
#define MANY_FLOWS	(1 << 20)

static const char *const	 signals[] = { "icmp", "reset", "none", NULL };
static const char *const	 gate_logs[] = { "off", "info", "debug",
				    NULL };
static const char *const	 logs[] = { "brief", "verbose", NULL };
static const char *const	 formats[] = { "text", "json", NULL };
static const char *const	 filters[] = { "address-dependent",
				    "address-and-port-dependent",
				    "endpoint-independent", NULL };
static const char *const	 congestions[] = { "newreno", "cubic", "bbr",
				    "off", NULL };

#define GLOBAL(w, f, ...) \
	{ .block = BLOCK_GLOBAL, .words = w, \
	    .off = offsetof(struct config, f), \
	    .size = sizeof(((struct config *)0)->f), __VA_ARGS__ }
#define TCP(w, f, ...) \
	{ .block = BLOCK_TCP, .words = w, \
	    .off = offsetof(struct config, g.tcp.f), \
	    .size = sizeof(((struct config *)0)->g.tcp.f), __VA_ARGS__ }
#define UDP(w, f, ...) \
	{ .block = BLOCK_UDP, .words = w, \
	    .off = offsetof(struct config, g.f), \
	    .size = sizeof(((struct config *)0)->g.f), __VA_ARGS__ }
#define PEER(w, f, ...) \
	{ .block = BLOCK_PEER, .words = w, \
	    .off = offsetof(struct conf_peer, f), \
	    .size = sizeof(((struct conf_peer *)0)->f), __VA_ARGS__ }
#define NUMBER(l, h, d)	.type = VALUE_NUMBER, .lo = l, .hi = h, .dflt = d
#define YESNO(d)	.type = VALUE_YESNO, .hi = 1, .dflt = d
#define CHOICE(n, d)	.type = VALUE_CHOICE, .names = n, .dflt = d
#define ENV(v)		.env = v
#define QUIET		.quiet = 1

/* In the order in which -nv prints them. */
const struct directive	 directives[] = {
	GLOBAL("mtu", g.mtu, NUMBER(MTU_MIN, MTU_MAX, MTU_DEFAULT),
	    ENV("WG_MTU")),
	GLOBAL("gateway id", g.gateway, NUMBER(0, 255, 0), QUIET,
	    ENV("WG_GATEWAY_ID")),
	GLOBAL("workers", g.workers, NUMBER(1, MAX_WORKERS, 1), QUIET,
	    ENV("WG_WORKERS")),
	GLOBAL("log", verbose, CHOICE(logs, 0)),
	GLOBAL("max flows", g.max_flows, NUMBER(1, MANY_FLOWS, 0), QUIET),
	GLOBAL("max new flows", g.max_new, NUMBER(0, MANY_FLOWS, 5000)),
	GLOBAL("metrics log", g.report, NUMBER(0, 86400, 0), QUIET),
	GLOBAL("metrics format", g.report_json, CHOICE(formats, 0), QUIET,
	    ENV("METRICS_FORMAT")),
	GLOBAL("offload", g.offload, YESNO(1), QUIET),
	GLOBAL("copy tos", g.copy_tos, YESNO(0), QUIET, ENV("COPY_TOS")),
	GLOBAL("watch", watch, YESNO(0), QUIET),
	GLOBAL("ttl", g.ttl, NUMBER(1, 255, TTL_DEFAULT), ENV("IP_TTL")),
	TCP("ack delay", ack_delay, NUMBER(0, 500, 10),
	    ENV("TCP_ACK_DELAY_MS")),
	TCP("congestion", cc, CHOICE(congestions, CC_DEFAULT), ENV("TCP_CC")),
	TCP("ecn", ecn, YESNO(1)),
	TCP("error signal", signal, CHOICE(signals, SIGNAL_ICMP),
	    ENV("TCP_ERROR_SIGNAL"), .alias = "rst=reset"),
	TCP("fast dial", fast_dial, NUMBER(0, 60000, 0),
	    ENV("TCP_FAST_DIAL_MS")),
	TCP("gate log", gate_log, CHOICE(gate_logs, GATE_INFO),
	    ENV("TCP_GATE_LOG"), .alias = "on=info"),
	TCP("host idle", host_idle, NUMBER(0, 32767, 600)),
	TCP("host timeout", host_timeout, NUMBER(0, 86400, 900)),
	TCP("idle gate", idle_gate, NUMBER(0, 3600000, 6000),
	    ENV("TCP_ACK_IDLE_GATE_MS")),
	TCP("idle inflight", idle_inflight, NUMBER(0, ANY_BYTES, 0),
	    ENV("TCP_ACK_IDLE_MIN_INFLIGHT")),
	TCP("idle fail", idle_fail, NUMBER(1, 86400, 900),
	    ENV("TCP_ACK_IDLE_FAIL_SEC")),
	TCP("initial window", iw, NUMBER(1, 100, TCP_IW_SEGS),
	    ENV("TCP_INIT_CWND_MSS")),
	TCP("mss", mss, NUMBER(TCP_MSS_MIN, MTU_MAX, 0), .zero = 1,
	    ENV("TCP_MSS_CLAMP")),
	TCP("pace gap", pace_gap, NUMBER(0, 1000000, 0), ENV("TCP_PACE_US")),
	TCP("receive buffer", rcvbuf, NUMBER(0, ANY_BYTES, 0),
	    ENV("TCP_SOCK_RCVBUF")),
	TCP("send buffer", sndbuf, NUMBER(0, ANY_BYTES, 0),
	    ENV("TCP_SOCK_SNDBUF")),
	TCP("receive window", window, NUMBER(2048, TCP_WND_MAX,
	    TCP_WND_START), ENV("TCP_PEND_CAP_BYTES")),
	TCP("sack", sack, YESNO(1), ENV("TCP_ENABLE_SACK")),
	TCP("window scale", wscale, NUMBER(0, 14, TCP_WSCALE),
	    ENV("TCP_WS_OUT")),
	TCP("upstream congestion", host_cc, CHOICE(tcpconf_host_cc, 0)),
	UDP("dns timeout", dns_timeout, NUMBER(1, 86400, 10)),
	UDP("filtering", filtering, CHOICE(filters, FILTER_ADDRESS)),
	UDP("preserve ports", keep_ports, YESNO(0)),
	UDP("timeout", udp_timeout, NUMBER(1, 86400, 300)),
	PEER("persistent keepalive", keepalive, NUMBER(0, UINT16_MAX, 0),
	    QUIET),
	PEER("max flows", max_flows, NUMBER(1, MANY_FLOWS, 0), QUIET),
	PEER("max new flows", max_new, NUMBER(1, MANY_FLOWS, 0), QUIET)
};
const size_t	 ndirectives = sizeof(directives) / sizeof(directives[0]);

const struct directive *
directive_find(enum directive_block block, const char *words)
{
	size_t	 i;

	for (i = 0; i < ndirectives; i++)
		if (directives[i].block == block &&
		    strcmp(directives[i].words, words) == 0)
			return (&directives[i]);
	return (NULL);
}

int
directive_begins(enum directive_block block, const char *words)
{
	size_t	 i, n = strlen(words);

	for (i = 0; i < ndirectives; i++)
		if (directives[i].block == block &&
		    strncmp(directives[i].words, words, n) == 0 &&
		    (directives[i].words[n] == ' ' ||
		    directives[i].words[n] == '\0'))
			return (1);
	return (0);
}

static void
store(const struct directive *d, void *to, int64_t v)
{
	uint8_t		*p = (uint8_t *)to + d->off;
	uint8_t		 v8 = (uint8_t)v;
	uint16_t	 v16 = (uint16_t)v;
	uint32_t	 v32 = (uint32_t)v;

	if (d->size == sizeof(v8))
		*p = v8;
	else if (d->size == sizeof(v16))
		memcpy(p, &v16, sizeof(v16));
	else
		memcpy(p, &v32, sizeof(v32));
}

int64_t
directive_value(const struct directive *d, const void *from)
{
	const uint8_t	*p = (const uint8_t *)from + d->off;
	uint16_t	 v16;
	uint32_t	 v32;

	if (d->size == 1)
		return (*p);
	if (d->size == sizeof(v16)) {
		memcpy(&v16, p, sizeof(v16));
		return (v16);
	}
	memcpy(&v32, p, sizeof(v32));
	return (v32);
}

struct config *
directive_config(void)
{
	struct config	*c = config_new();
	size_t		 i;

	for (i = 0; i < ndirectives; i++)
		if (directives[i].block != BLOCK_PEER)
			store(&directives[i], c, directives[i].dflt);
	strlcpy(c->g.domain, "wg", sizeof(c->g.domain));
	return (c);
}

/* "a, b or c" */
static void
list_names(const struct directive *d, char *buf, size_t len)
{
	size_t	 i;

	*buf = '\0';
	for (i = 0; d->names[i] != NULL; i++) {
		if (i > 0)
			strlcat(buf, d->names[i + 1] != NULL ? ", " : " or ",
			    len);
		strlcat(buf, d->names[i], len);
	}
}

/* What would have been right. */
static int
wrong(const struct directive *d, char *err)
{
	char	 names[DIRECTIVE_ERR - MAX_WORDS];

	if (d->type == VALUE_NUMBER)
		snprintf(err, DIRECTIVE_ERR, "must be %sfrom %lld to %lld",
		    d->zero ? "0, or " : "", (long long)d->lo,
		    (long long)d->hi);
	else if (d->type == VALUE_YESNO)
		snprintf(err, DIRECTIVE_ERR, "must be yes or no");
	else {
		list_names(d, names, sizeof(names));
		snprintf(err, DIRECTIVE_ERR, "must be %s", names);
	}
	return (-1);
}

int
directive_number(const struct directive *d, void *to, int64_t v, char *err)
{
	if (d->type != VALUE_NUMBER ||
	    ((v < d->lo || v > d->hi) && !(d->zero && v == 0)))
		return (wrong(d, err));
	store(d, to, v);
	return (0);
}

int
directive_text(const struct directive *d, void *to, const char *s, char *err)
{
	const char	*errstr;
	int64_t		 v;
	int		 i;

	switch (d->type) {
	case VALUE_NUMBER:
		v = strtonum(s, INT64_MIN, INT64_MAX, &errstr);
		if (errstr != NULL)
			return (wrong(d, err));
		return (directive_number(d, to, v, err));
	case VALUE_YESNO:
		if (strcmp(s, "yes") != 0 && strcmp(s, "no") != 0)
			return (wrong(d, err));
		store(d, to, strcmp(s, "yes") == 0);
		return (0);
	case VALUE_CHOICE:
		for (i = 0; d->names[i] != NULL; i++)
			if (strcmp(d->names[i], s) == 0) {
				store(d, to, i);
				return (0);
			}
		break;
	}
	return (wrong(d, err));
}
