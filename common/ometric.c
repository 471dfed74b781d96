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

/* How many flows the peer with this id has. */
int
ometric_flows(struct ometric *o, uint32_t id, uint32_t n)
{
	if (grow((void **)&o->flows, o->nflows, &o->capflows,
	    sizeof(*o->flows)) == -1)
		return (-1);
	o->flows[o->nflows].id = id;
	o->flows[o->nflows++].flows = n;
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

static uint64_t
value(const struct ometric *o, const struct ctl_peer *p, int kind)
{
	struct ctl_peerflows	 key = { p->id, 0 }, *f;

	switch (kind) {
	case 0:
		return (p->rx_bytes);
	case 1:
		return (p->tx_bytes);
	case 2:
		return (p->latest_handshake);
	case 3:
		return (p->cut);
	case 4:
		return (p->quota);
	case 5:
		return ((uint64_t)p->expires);
	default:
		if (o->nflows == 0)
			return (0);
		f = bsearch(&key, o->flows, o->nflows, sizeof(*f),
		    cmp_flows);
		return (f != NULL ? f->flows : 0);
	}
}

static void
put_head(const struct ometric *o, const char *group, const char *name,
    const char *help, int gauge)
{
	const char	*end = o->plain && !gauge ? "_total" : "";

	fprintf(o->out, "# TYPE wgslirpd_%s%s%s %s\n"
	    "# HELP wgslirpd_%s%s%s %s\n", group, name, end,
	    gauge ? "gauge" : "counter", group, name, end, help);
}

/* All peers' values of one kind stand together: a family. */
static void
put_family(const struct ometric *o, int kind)
{
	static const struct {
		const char	*name;
		const char	*help;
	}			 f[] = {
		{ "rx_bytes", "bytes received from the peer" },
		{ "tx_bytes", "bytes sent to the peer" },
		{ "latest_handshake_seconds",
		    "Unix time of the latest handshake, 0 for none" },
		{ "cut", "1 if its time or quota is over" },
		{ "quota_bytes", "bytes it may use, 0 for any" },
		{ "expires_timestamp_seconds",
		    "Unix time when it is shut out, 0 for never" },
		{ "flows", "flows of the peer" }
	};
	char			 key[KEY_B64LEN];
	size_t			 i;

	put_head(o, "peer_", f[kind].name, f[kind].help, kind >= 2);
	for (i = 0; i < o->npeers; i++) {
		key_to_base64(key, o->peers[i].public_key);
		fprintf(o->out, "wgslirpd_peer_%s%s{name=", f[kind].name,
		    kind < 2 ? "_total" : "");
		put_label(o->out, o->peers[i].name);
		fprintf(o->out, ",public_key=\"%s\"} %" PRIu64 "\n", key,
		    value(o, &o->peers[i], kind));
	}
}

/* All peers have been told. */
void
ometric_peers(struct ometric *o)
{
	int	 kind;

	if (o->nflows > 0)
		qsort(o->flows, o->nflows, sizeof(*o->flows), cmp_flows);
	for (kind = 0; kind < 7; kind++)
		put_family(o, kind);
}

/* Is it a state, rather than something that only grows? */
static int
is_gauge(const char *name)
{
	static const char *const	 gauges[] = { "tcp_active",
					    "tcp_connecting", "tcp_timewait",
					    "udp_active", "icmp_active",
					    "flows_max", "nofile_soft",
					    "icmp_available" };
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
	int	 gauge = is_gauge(name);

	put_head(o, "", name, help, gauge);
	fprintf(o->out, "wgslirpd_%s%s %" PRIu64 "\n", name,
	    gauge ? "" : "_total", v);
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
ometric_end(struct ometric *o)
{
	put_head(o, "", "build_info", "the version that runs", 1);
	fprintf(o->out, "wgslirpd_build_info{version=\"%s\"} 1\n",
	    WGSLIRPD_VERSION);
	if (!o->plain)
		fprintf(o->out, "# EOF\n");
	ometric_free(o);
}
