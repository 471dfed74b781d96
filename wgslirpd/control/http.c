/* SPDX-License-Identifier: ISC */

/*
 * The figures by HTTP, in the control engine, and whether all is well: GET or
 * HEAD of /metrics, /healthz and /readyz.  An answer's memory lives as long as
 * its connection.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "client.h"
#include "http.h"
#include "httpd.h"
#include "log.h"
#include "ometric.h"

#define MAX_CONNS	16
#define MAX_SCRAPES	4		/* answers that are being made or read */
#define HEALTH_TIME	3		/* seconds for the engines' answer */
#define PLAIN_TYPE	"text/plain; version=0.0.4; charset=utf-8"
#define CONTENT_TYPE	"application/openmetrics-text; version=1.0.0; " \
			"charset=utf-8"

/* An answer that is being made, or read. */
struct answer {
	struct httpd_conn	*c;
	struct question		*q;		/* to the engines, or NULL */
	struct event		*timer;		/* of a question for health */
	int			 scrape;	/* it counts as one */
	size_t			 step;		/* of a scrape */
	int			 failed;
	int			 plain;		/* no OpenMetrics */
	struct ometric		 om;
	FILE			*f;
	char			*text;
	size_t			 size;
};

static struct httpd	*server;
static int		 nscrapes;

static void
closed(struct httpd_conn *c, void *user)
{
	struct answer	*a = user;

	(void)c;
	if (a->q != NULL)
		ask_cancel(a->q);
	if (a->timer != NULL)
		event_free(a->timer);
	if (a->scrape)
		nscrapes--;
	ometric_free(&a->om);
	if (a->f != NULL)
		fclose(a->f);
	free(a->text);
	free(a);
}

static void
say(struct httpd_conn *c, const char *status, const char *type,
    const char *text, size_t len)
{
	char	 headers[256];

	headers[0] = '\0';
	if (type != NULL)
		snprintf(headers, sizeof(headers), "Content-Type: %s\r\n",
		    type);
	httpd_answer(c, status, headers, text, len);
}

static void
scrape_done(struct answer *a)
{
	if (!a->failed)
		ometric_end(&a->om);
	if (a->failed || fflush(a->f) == EOF || ferror(a->f))
		say(a->c, "503 Service Unavailable", NULL, NULL, 0);
	else
		say(a->c, "200 OK", a->plain ? PLAIN_TYPE : CONTENT_TYPE,
		    a->text, a->size);
}

/* What is asked for, in the order in which it is told. */
static const uint32_t	 steps[] = { CTL_SHOW_PEERS, CTL_SHOW_COUNTERS,
			    CTL_SHOW_RULES, CTL_SHOW_SUMMARY };

static void	 scrape_record(void *, uint32_t, const void *, size_t);

/* Ask for the next part; the last is known here. */
static void
scrape_next(struct answer *a)
{
	const struct ctl_process	*p;
	int				 i;

	a->q = NULL;
	if (!a->failed && a->step == 1)
		ometric_peers(&a->om);
	else if (!a->failed && a->step == 2)
		ometric_counters(&a->om);
	if (!a->failed && a->step < sizeof(steps) / sizeof(steps[0])) {
		a->q = ask(steps[a->step++], NULL, scrape_record, a);
		if (a->q != NULL)
			return;
		a->failed = 1;
	}
	for (i = 0; !a->failed && (p = client_process_at(i)) != NULL; i++)
		ometric_process(&a->om, p);
	scrape_done(a);
}

/* A record of the answer, or its end: then the next question. */
static void
scrape_record(void *arg, uint32_t type, const void *data, size_t len)
{
	struct answer		*a = arg;
	struct ctl_peerflows	 flows;
	struct ctl_peer		 peer;
	struct crypto_counters	 cc;
	struct slirp_counters	 sc;
	struct derp_counters	 dc;
	struct ctl_summary	 sum;
	struct ctl_rule		 rule;

	(void)len;		/* checked by its type */
	switch (type) {
	case CTL_PEERFLOWS:
		memcpy(&flows, data, sizeof(flows));
		if (ometric_flows(&a->om, &flows) == -1)
			a->failed = 1;
		break;
	case CTL_PEER:
		memcpy(&peer, data, sizeof(peer));
		if (ometric_peer(&a->om, &peer) == -1)
			a->failed = 1;
		break;
	case CTL_CRYPTO_COUNTERS:
		memcpy(&cc, data, sizeof(cc));
		ometric_crypto(&a->om, &cc);
		break;
	case CTL_SLIRP_COUNTERS:
		memcpy(&sc, data, sizeof(sc));
		ometric_slirp(&a->om, &sc);
		break;
	case CTL_DERP_COUNTERS:
		memcpy(&dc, data, sizeof(dc));
		ometric_derp(&a->om, &dc);
		break;
	case CTL_RULE:
		memcpy(&rule, data, sizeof(rule));
		rule.text[sizeof(rule.text) - 1] = '\0';
		ometric_rule(&a->om, &rule);
		break;
	case CTL_SUMMARY:
		memcpy(&sum, data, sizeof(sum));
		ometric_summary(&a->om, &sum);
		break;
	case CTL_MORE:
		ask_next(a->q);
		break;
	case CTL_FAIL:
		a->failed = 1;
		/* FALLTHROUGH */
	case CTL_END:
		scrape_next(a);
		break;
	}
}

static void
begin_scrape(struct answer *a)
{
	if (nscrapes >= MAX_SCRAPES ||
	    (a->f = open_memstream(&a->text, &a->size)) == NULL) {
		say(a->c, "503 Service Unavailable", NULL, NULL, 0);
		return;
	}
	nscrapes++;
	a->scrape = 1;
	ometric_begin(&a->om, a->f);
	a->om.plain = a->plain;
	scrape_next(a);
}

static void
say_health(struct httpd_conn *c, const char *why)
{
	char	 line[CTL_TEXT_LEN + 2];

	snprintf(line, sizeof(line), "%s\n", why != NULL ? why : "ok");
	say(c, why == NULL ? "200 OK" : "503 Service Unavailable",
	    "text/plain; charset=utf-8", line, strlen(line));
}

static void
health_record(void *arg, uint32_t type, const void *data, size_t len)
{
	struct answer	*a = arg;
	char		 why[CTL_TEXT_LEN];

	a->q = NULL;
	event_del(a->timer);
	if (type == CTL_OK) {
		say_health(a->c, NULL);
		return;
	}
	memset(why, 0, sizeof(why));
	if (type == CTL_FAIL && len == sizeof(why))
		memcpy(why, data, sizeof(why) - 1);
	say_health(a->c, why[0] != '\0' ? why : "not answering");
}

/* A process that does not answer is not well. */
static void
health_timeout(evutil_socket_t fd, short what, void *arg)
{
	struct answer	*a = arg;

	(void)fd;
	(void)what;
	ask_cancel(a->q);
	a->q = NULL;
	say_health(a->c, "not answering");
}

static void
begin_health(struct answer *a)
{
	static const struct timeval	 soon = { HEALTH_TIME, 0 };

	if ((a->timer = evtimer_new(evbase, health_timeout, a)) == NULL ||
	    (a->q = ask(CTL_HEALTH, NULL, health_record, a)) == NULL) {
		say_health(a->c, "not answering");
		return;
	}
	event_add(a->timer, &soon);
}

static const char	 index_page[] = "<!doctype html><title>wgslirpd</title>"
    "<ul><li><a href=\"/metrics\">metrics</a><li><a href=\"/healthz\">"
    "health</a><li><a href=\"/readyz\">ready</a></ul>\n";

static const char *const	 wanted[] = { "Accept", NULL };

static void
request(struct httpd_conn *c, struct httpd_request *r)
{
	const char	*accept = r->header[0] != NULL ? r->header[0] : "";
	struct answer	*a;

	if (r->method != HTTPD_GET) {
		say(c, "405 Method Not Allowed", NULL, NULL, 0);
		return;
	}
	if (strcmp(r->path, "/") == 0) {
		say(c, "200 OK", "text/html; charset=utf-8", index_page,
		    sizeof(index_page) - 1);
		return;
	}
	if (strcmp(r->path, "/metrics") != 0 &&
	    strcmp(r->path, "/healthz") != 0 &&
	    strcmp(r->path, "/readyz") != 0) {
		say(c, "404 Not Found", NULL, NULL, 0);
		return;
	}
	if ((a = calloc(1, sizeof(*a))) == NULL) {
		say(c, "503 Service Unavailable", NULL, NULL, 0);
		return;
	}
	a->c = c;
	a->plain = strstr(accept, "text/plain") != NULL &&
	    strstr(accept, "application/openmetrics-text") == NULL;
	httpd_set_user(c, a);
	if (strcmp(r->path, "/metrics") == 0)
		begin_scrape(a);
	else
		begin_health(a);
}

void
http_stage(int fd)
{
	static const struct httpd_ops	 ops = { wanted, request, closed,
					    NULL, MAX_CONNS, 0, 0 };

	if (server == NULL && (server = httpd_new(&ops)) == NULL)
		fatal(NULL);
	httpd_stage(server, fd, 0);
}

void
http_commit(void)
{
	if (server != NULL)
		httpd_commit(server);
}
