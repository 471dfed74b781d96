/* SPDX-License-Identifier: ISC */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ometric.h"
#include "version.h"

void
ometric_begin(struct ometric *o, FILE *out)
{
	memset(o, 0, sizeof(*o));
	o->out = out;
}

void
ometric_free(struct ometric *o)
{
	free(o->peers);
	free(o->flows);
	memset(o, 0, sizeof(*o));
}

/* Have room for one more. */
static int
grow(void **v, size_t n, size_t *cap, size_t size)
{
	void	*p;

	if (n < *cap)
		return (0);
	if ((p = recallocarray(*v, *cap, *cap * 2 + 64, size)) == NULL)
		return (-1);
	*v = p;
	*cap = *cap * 2 + 64;
	return (0);
}

int
ometric_peer(struct ometric *o, const struct ctl_peer *p)
{
	if (grow((void **)&o->peers, o->npeers, &o->cappeers,
	    sizeof(*o->peers)) == -1)
		return (-1);
	o->peers[o->npeers] = *p;
	o->peers[o->npeers++].name[sizeof(p->name) - 1] = '\0';
	return (0);
}

/* What the slirp engine knows of a peer. */
int
ometric_flows(struct ometric *o, const struct ctl_peerflows *f)
{
	if (grow((void **)&o->flows, o->nflows, &o->capflows,
	    sizeof(*o->flows)) == -1)
		return (-1);
	o->flows[o->nflows++] = *f;
	return (0);
}

static int
cmp_flows(const void *a, const void *b)
{
	const struct ctl_peerflows	*fa = a, *fb = b;

	return (fa->id < fb->id ? -1 : fa->id > fb->id);
}

/* Label values escape backslash, quote and newline. */
static void
put_label(FILE *f, const char *s)
{
	putc('"', f);
	for (; *s != '\0'; s++) {
		if (*s == '\n')
			fprintf(f, "\\n");
		else {
			if (*s == '"' || *s == '\\')
				putc('\\', f);
			putc(*s, f);
		}
	}
	putc('"', f);
}

/*
 * The head of a family.  Only those of OpenMetrics are called without the
 * suffix of their samples.
 */
static void
put_head(const struct ometric *o, const char *name, const char *help,
    int gauge)
{
	const char	*end = o->plain && !gauge ? "_total" : "";

	fprintf(o->out, "# TYPE %s%s %s\n# HELP %s%s %s\n", name, end,
	    gauge ? "gauge" : "counter", name, end, help);
}

enum peer_value {
	PEER_RX,
	PEER_TX,
	PEER_DNS,
	PEER_DNS_BLOCKED,
	PEER_HANDSHAKE,
	PEER_CUT,
	PEER_QUOTA,
	PEER_EXPIRES,
	PEER_FLOWS,
	PEER_RTT,
	PEER_VALUES
};

static void
put_value(const struct ometric *o, const struct ctl_peer *p,
    enum peer_value kind)
{
	struct ctl_peerflows	 key = { .id = p->id }, none = key, *f = NULL;

	if (o->nflows > 0)
		f = bsearch(&key, o->flows, o->nflows, sizeof(*f), cmp_flows);
	if (f == NULL)
		f = &none;
	switch (kind) {
	case PEER_RX:
		fprintf(o->out, "%" PRIu64 "\n", p->rx_bytes);
		break;
	case PEER_TX:
		fprintf(o->out, "%" PRIu64 "\n", p->tx_bytes);
		break;
	case PEER_DNS:
		fprintf(o->out, "%" PRIu64 "\n", f->dns_asked);
		break;
	case PEER_DNS_BLOCKED:
		fprintf(o->out, "%" PRIu64 "\n", f->dns_blocked);
		break;
	case PEER_HANDSHAKE:
		fprintf(o->out, "%" PRIu64 "\n", p->latest_handshake);
		break;
	case PEER_CUT:
		fprintf(o->out, "%d\n", p->cut);
		break;
	case PEER_QUOTA:
		fprintf(o->out, "%" PRIu64 "\n", p->quota);
		break;
	case PEER_EXPIRES:
		fprintf(o->out, "%" PRId64 "\n", p->expires);
		break;
	case PEER_FLOWS:
		fprintf(o->out, "%u\n", f->flows);
		break;
	default:
		fprintf(o->out, "%u.%06u\n", f->rtt_us / 1000000,
		    f->rtt_us % 1000000);
	}
}

/* All peers' values of one kind stand together: a family. */
static void
put_family(const struct ometric *o, enum peer_value kind)
{
	static const struct {
		const char	*name;
		const char	*help;
	}			 f[PEER_VALUES] = {
		[PEER_RX] = { "wgslirpd_peer_rx_bytes",
		    "bytes received from the peer" },
		[PEER_TX] = { "wgslirpd_peer_tx_bytes",
		    "bytes sent to the peer" },
		[PEER_DNS] = { "wgslirpd_peer_dns_questions",
		    "names that the peer has asked for" },
		[PEER_DNS_BLOCKED] = { "wgslirpd_peer_dns_blocked",
		    "those of them that a list was for" },
		[PEER_HANDSHAKE] = {
		    "wgslirpd_peer_latest_handshake_timestamp_seconds",
		    "Unix time of the latest handshake, 0 for none" },
		[PEER_CUT] = { "wgslirpd_peer_cut",
		    "1 if its time or quota is over" },
		[PEER_QUOTA] = { "wgslirpd_peer_quota_bytes",
		    "bytes it may use, 0 for any" },
		[PEER_EXPIRES] = { "wgslirpd_peer_expires_timestamp_seconds",
		    "Unix time when it is shut out, 0 for never" },
		[PEER_FLOWS] = { "wgslirpd_peer_flows", "flows of the peer" },
		[PEER_RTT] = { "wgslirpd_peer_rtt_seconds", "round trip to "
		    "the peer, of its TCP connections, 0 for not known" }
	};
	char			 key[KEY_B64LEN];
	size_t			 i;

	put_head(o, f[kind].name, f[kind].help, kind > PEER_DNS_BLOCKED);
	for (i = 0; i < o->npeers; i++) {
		key_to_base64(key, o->peers[i].public_key);
		fprintf(o->out, "%s%s{name=", f[kind].name,
		    kind <= PEER_DNS_BLOCKED ? "_total" : "");
		put_label(o->out, o->peers[i].name);
		fprintf(o->out, ",public_key=\"%s\"} ", key);
		put_value(o, &o->peers[i], kind);
	}
}

/* All peers have been told. */
void
ometric_peers(struct ometric *o)
{
	int	 kind;

	if (o->nflows > 0)
		qsort(o->flows, o->nflows, sizeof(*o->flows), cmp_flows);
	for (kind = 0; kind < PEER_VALUES; kind++)
		put_family(o, (enum peer_value)kind);
}

/* Is it a state, rather than something that only grows? */
static int
is_gauge(const char *name)
{
	static const char *const	 gauges[] = { "tcp_active",
					    "tcp_connecting", "tcp_timewait",
					    "udp_active", "icmp_active",
					    "flows_max", "nofile_soft",
					    "icmp_available", "queue_slots",
					    "queue_slots_free",
					    "relay_active" };
	size_t				 i;

	for (i = 0; i < sizeof(gauges) / sizeof(gauges[0]); i++)
		if (strcmp(gauges[i], name) == 0)
			return (1);
	return (0);
}

void
ometric_counter(struct ometric *o, const char *name, const char *help,
    uint64_t v)
{
	if (o->ncounters == OMETRIC_COUNTERS)
		return;
	o->counter[o->ncounters].name = name;
	o->counter[o->ncounters].help = help;
	o->counter[o->ncounters++].v = v;
}

#define COUNTER_ROW(name, help)	ometric_counter(o, #name, help, c->name);

void
ometric_crypto(struct ometric *o, const struct crypto_counters *c)
{
	CRYPTO_COUNTERS(COUNTER_ROW)
}

void
ometric_slirp(struct ometric *o, const struct slirp_counters *c)
{
	SLIRP_COUNTERS(COUNTER_ROW)
}

void
ometric_derp(struct ometric *o, const struct derp_counters *c)
{
	DERP_COUNTERS(COUNTER_ROW)
}

/* The reason in "wg_drop_replay", and how long what is before it is. */
static const char *
reason(const char *name, size_t *len)
{
	const char	*p = strstr(name, "_drop_");

	if (p == NULL)
		return (NULL);
	*len = (size_t)(p - name);
	return (p + strlen("_drop_"));
}

/* What was dropped in one place, with the reasons as labels. */
static void
put_drops(const struct ometric *o, size_t first)
{
	char		 name[64];
	const char	*why;
	size_t		 i, len, n;

	reason(o->counter[first].name, &len);
	snprintf(name, sizeof(name), "wgslirpd_%.*s_drops", (int)len,
	    o->counter[first].name);
	put_head(o, name, "what was dropped, by reason", 0);
	for (i = first; i < o->ncounters; i++) {
		why = reason(o->counter[i].name, &n);
		if (why != NULL && n == len && strncmp(o->counter[i].name,
		    o->counter[first].name, len) == 0)
			fprintf(o->out, "%s_total{reason=\"%s\"} %" PRIu64
			    "\n", name, why, o->counter[i].v);
	}
}

static void
put_counter(const struct ometric *o, size_t i)
{
	const char	*s = o->counter[i].name, *why, *other;
	char		 name[64];
	uint64_t	 v = o->counter[i].v;
	size_t		 len, n, j;
	int		 gauge = is_gauge(s);

	if ((why = reason(s, &len)) != NULL) {
		for (j = 0; j < i; j++) {
			other = o->counter[j].name;
			if (reason(other, &n) != NULL && n == len &&
			    strncmp(other, s, n) == 0)
				return;		/* told with that one */
		}
		put_drops(o, i);
		return;
	}
	len = strlen(s);
	if (len > 3 && strcmp(s + len - 3, "_us") == 0) {
		snprintf(name, sizeof(name), "wgslirpd_%.*s_seconds",
		    (int)len - 3, s);
		put_head(o, name, "seconds of processor time", gauge);
		fprintf(o->out, "%s_total %" PRIu64 ".%06u\n", name,
		    v / 1000000, (unsigned int)(v % 1000000));
		return;
	}
	snprintf(name, sizeof(name), "wgslirpd_%s", s);
	put_head(o, name, o->counter[i].help, gauge);
	fprintf(o->out, "%s%s %" PRIu64 "\n", name, gauge ? "" : "_total", v);
}

/* All counters have been told. */
void
ometric_counters(struct ometric *o)
{
	size_t	 i;

	for (i = 0; i < o->ncounters; i++)
		put_counter(o, i);
}

void
ometric_rule(struct ometric *o, const struct ctl_rule *r)
{
	char	 text[CTL_TEXT_LEN];

	if (o->rules++ == 0)
		put_head(o, "wgslirpd_rule_matches",
		    "flows and packets that the rule has decided", 0);
	strlcpy(text, r->text, sizeof(text));
	fprintf(o->out, "wgslirpd_rule_matches_total{number=\"%" PRIu64
	    "\",rule=", r->number);
	put_label(o->out, text);
	fprintf(o->out, "} %" PRIu64 "\n", r->matches);
}

void
ometric_process(struct ometric *o, const struct ctl_process *p)
{
	char	 title[sizeof(p->title)];

	if (o->processes++ == 0)
		put_head(o, "wgslirpd_process_info",
		    "a process, and how it is confined", 1);
	strlcpy(title, p->title, sizeof(title));
	fprintf(o->out, "wgslirpd_process_info{process=");
	put_label(o->out, title);
	fprintf(o->out, ",seccomp=\"%u\",landlock=\"%u\"} 1\n", p->seccomp,
	    p->landlock);
}

void
ometric_summary(struct ometric *o, const struct ctl_summary *s)
{
	put_head(o, "process_start_time_seconds", "Unix time of the start", 1);
	fprintf(o->out, "process_start_time_seconds %" PRIu64 "\n",
	    s->started);
	put_head(o, "wgslirpd_peers", "peers that are configured", 1);
	fprintf(o->out, "wgslirpd_peers %u\n", s->peers);
	put_head(o, "wgslirpd_peers_active",
	    "peers with a handshake in the last three minutes", 1);
	fprintf(o->out, "wgslirpd_peers_active %u\n", s->peers_active);
}

void
ometric_end(struct ometric *o)
{
	put_head(o, "wgslirpd_build_info", "the version that runs", 1);
	fprintf(o->out, "wgslirpd_build_info{version=\"%s\"} 1\n",
	    WGSLIRPD_VERSION);
	if (!o->plain)
		fprintf(o->out, "# EOF\n");
	ometric_free(o);
}
