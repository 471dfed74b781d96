/* SPDX-License-Identifier: ISC */

/*
 * The figures in the log, for those who have no Prometheus: under the names
 * that wgslirp gives them, for what reads its log.  Only what is counted here
 * is there.
 */

#include <sys/types.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "ask.h"
#include "log.h"
#include "proc.h"
#include "report.h"

#define FRESH_TIME	180	/* seconds that a session lives */
#define FIGURES_MAX	48

/* In the order of the line; a group's figures stand together. */
struct figure {
	const char	*group, *name;	/* no group: stands by itself */
	uint64_t	 v;
};

static struct {
	uint32_t		 every;		/* seconds, 0: never */
	int			 json;
	struct event		*timer;
	struct question		*q;
	int			 step;
	time_t			 now;
	uint64_t		 peers, fresh, oldest, newest;
	uint64_t		 rtos;		/* when it was last told */
	struct crypto_counters	 c;
	struct slirp_counters	 s;
	struct figure		 figure[FIGURES_MAX];
	int			 nfigures;
} rp;

static void
put(const char *group, const char *name, uint64_t v)
{
	struct figure	*f;

	if (rp.nfigures == FIGURES_MAX)
		fatalx("more figures than there is room for");
	f = &rp.figure[rp.nfigures++];
	f->group = group;
	f->name = name;
	f->v = v;
}

static void
put_traffic(const char *group, const uint64_t v[5])
{
	put(group, "pkts_sent", v[0]);
	put(group, "pkts_recv", v[1]);
	put(group, "bytes_sent", v[2]);
	put(group, "bytes_recv", v[3]);
	put(group, "errors", v[4]);
}

/* Sent is what went to hosts, received is what came from them. */
static void
gather(void)
{
	const struct slirp_counters	*s = &rp.s;
	const struct crypto_counters	*c = &rp.c;
	uint64_t	 failed = s->tcp_refused + s->tcp_unreachable +
			    s->tcp_timeouts + s->tcp_local_errors;
	const uint64_t	 tcp[5] = { s->tcp_rx_segments, s->tcp_tx_segments,
			    s->tcp_rx_bytes, s->tcp_tx_bytes, failed };
	const uint64_t	 udp[5] = { s->udp_rx_datagrams, s->udp_tx_datagrams,
			    s->udp_rx_bytes, s->udp_tx_bytes,
			    s->udp_drop_send };
	uint64_t	 total[5], opened = s->tcp_opened + s->udp_opened;
	int		 i;

	for (i = 0; i < 5; i++)
		total[i] = tcp[i] + udp[i];
	rp.nfigures = 0;
	put("total", "conns_created", opened);
	put("total", "conns_closed", opened - s->tcp_active - s->udp_active);
	put_traffic("total", total);
	put_traffic("tcp", tcp);
	put_traffic("udp", udp);
	put("tcp_ext", "rto", s->tcp_rtos);
	put("tcp_ext", "rto_delta", s->tcp_rtos - rp.rtos);
	put("tcp_ext", "dial_start", s->tcp_opened);
	put("tcp_ext", "dial_ok", s->tcp_established);
	put("tcp_ext", "dial_fail", failed);
	put("tcp_ext", "dial_inflight", s->tcp_connecting);
	put(NULL, "tcp_active", s->tcp_active);
	put(NULL, "udp_active", s->udp_active);
	put("wg", "plaintext_from_wg", c->wg_rx_packets);
	put("wg", "plaintext_to_wg", c->wg_tx_packets);
	put("wg", "queue_drops", c->wg_drop_noslot + c->wg_drop_staged +
	    s->ip_drop_noslot);
	put("srv_limits", "nofile_soft", s->nofile_soft);
	put("wg_hs", "peers", rp.peers);
	put("wg_hs", "fresh", rp.fresh);
	put("wg_hs", "stale", rp.peers - rp.fresh);
	put("wg_hs", "oldest_sec", rp.oldest);
	put("wg_hs", "newest_sec", rp.newest);
	rp.rtos = s->tcp_rtos;
}

/* Do these two stand together? */
static int
same(const char *a, const char *b)
{
	return (a == b || (a != NULL && b != NULL && strcmp(a, b) == 0));
}

/* {"ts":"...","total":{"conns_created":1,...},"tcp_active":0,...} */
static void
write_json(FILE *f, const char *ts)
{
	const struct figure	*p;
	const char		*group = NULL;
	int			 i;

	fprintf(f, "{\"ts\":\"%s\"", ts);
	for (i = 0; i < rp.nfigures; i++) {
		p = &rp.figure[i];
		if (same(p->group, group))
			fprintf(f, ",");
		else {
			fprintf(f, "%s,", group != NULL ? "}" : "");
			if (p->group != NULL)
				fprintf(f, "\"%s\":{", p->group);
		}
		group = p->group;
		fprintf(f, "\"%s\":%" PRIu64, p->name, p->v);
	}
	fprintf(f, "%s}", group != NULL ? "}" : "");
}

/* ts=... total: conns_created=1 ... | tcp: pkts_sent=0 ... | tcp_active=0 */
static void
write_text(FILE *f, const char *ts)
{
	const struct figure	*p;
	const char		*group = NULL;
	int			 i;

	fprintf(f, "ts=%s", ts);
	for (i = 0; i < rp.nfigures; i++) {
		p = &rp.figure[i];
		if (!same(p->group, group) || p->group == NULL)
			fprintf(f, "%s", i > 0 ? " |" : "");
		if (!same(p->group, group) && p->group != NULL)
			fprintf(f, " %s:", p->group);
		group = p->group;
		fprintf(f, " %s=%" PRIu64, p->name, p->v);
	}
}

static void
tell(void)
{
	struct tm	 tm;
	char		 ts[32], *line = NULL;
	size_t		 len;
	FILE		*f;

	if (gmtime_r(&rp.now, &tm) == NULL ||
	    strftime(ts, sizeof(ts), "%Y-%m-%dT%H:%M:%SZ", &tm) == 0 ||
	    (f = open_memstream(&line, &len)) == NULL)
		return;
	gather();
	(rp.json ? write_json : write_text)(f, ts);
	if (fclose(f) == 0)
		log_info("metrics: %s", line);
	free(line);
}

static void
take_peer(const struct ctl_peer *p)
{
	uint64_t	 age;

	rp.peers++;
	if (p->latest_handshake == 0)
		return;
	age = (uint64_t)rp.now > p->latest_handshake ?
	    (uint64_t)rp.now - p->latest_handshake : 0;
	rp.fresh += age < FRESH_TIME;
	if (age > rp.oldest)
		rp.oldest = age;
	if (age < rp.newest)
		rp.newest = age;
}

static void
record(void *arg, uint32_t type, const void *data, size_t len)
{
	struct ctl_peer	 peer;

	(void)arg;
	(void)len;		/* checked by its type */
	switch (type) {
	case CTL_PEER:
		memcpy(&peer, data, sizeof(peer));
		take_peer(&peer);
		break;
	case CTL_CRYPTO_COUNTERS:
		memcpy(&rp.c, data, sizeof(rp.c));
		break;
	case CTL_SLIRP_COUNTERS:
		memcpy(&rp.s, data, sizeof(rp.s));
		break;
	case CTL_MORE:
		ask_next(rp.q);
		break;
	case CTL_FAIL:
		rp.q = NULL;
		break;
	case CTL_END:
		rp.q = NULL;
		if (rp.step++ == 0)
			rp.q = ask(CTL_SHOW_COUNTERS, NULL, record, NULL);
		else {
			if (rp.newest == UINT64_MAX)
				rp.newest = 0;
			tell();
		}
		break;
	}
}

static void
due(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 next = { (time_t)rp.every, 0 };

	(void)fd;
	(void)what;
	(void)arg;
	event_add(rp.timer, &next);
	if (rp.q != NULL)
		return;		/* slow to answer: the next time */
	rp.step = 0;
	rp.now = time(NULL);
	rp.peers = rp.fresh = rp.oldest = 0;
	rp.newest = UINT64_MAX;
	rp.q = ask(CTL_SHOW_PEERS, NULL, record, NULL);
}

void
report_set(uint32_t every, int json)
{
	struct timeval	 now = { 0, 0 };

	if (every == rp.every && json == rp.json)
		return;
	rp.every = every;
	rp.json = json;
	if (rp.timer == NULL &&
	    (rp.timer = evtimer_new(evbase, due, NULL)) == NULL)
		fatal(NULL);
	event_del(rp.timer);
	if (every != 0)
		event_add(rp.timer, &now);
}
