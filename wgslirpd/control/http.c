/* SPDX-License-Identifier: ISC */

/*
 * The figures by HTTP, in the control engine, and whether all is well: GET or
 * HEAD of /metrics, /healthz and /readyz.  Connections are few, each has one
 * request, a short time in all, and is closed after its answer; an answer's
 * memory lives as long as its connection.  evhttp is not used: it has no limit
 * on connections, and asks the system for the names of link-local clients.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "ask.h"
#include "client.h"
#include "http.h"
#include "log.h"
#include "mono.h"
#include "ometric.h"

#define MAX_CONNS	16
#define MAX_SCRAPES	4		/* answers that are being made or read */
#define MAX_REQUEST	8192
#define CONN_TIME	20		/* seconds, all in all */
#define ASK_TIME	MONO_SEC(1)	/* if others wait for the place */
#define READ_TIME	MONO_SEC(5)
#define HEALTH_TIME	3		/* seconds for the engines' answer */
#define PLAIN_TYPE	"text/plain; version=0.0.4; charset=utf-8"
#define CONTENT_TYPE	"application/openmetrics-text; version=1.0.0; " \
			"charset=utf-8"

struct conn {
	TAILQ_ENTRY(conn)	 entry;
	struct bufferevent	*bev;
	struct event		*timer;
	struct question		*q;		/* to the engines, or NULL */
	mono_t			 since;
	int			 asked;		/* its request is complete */
	int			 scrape;	/* it counts as one */
	size_t			 step;		/* of a scrape */
	int			 failed;
	int			 head;		/* it wants no body */
	int			 plain;		/* no OpenMetrics */
	int			 health;	/* it asks whether all is well */
	struct ometric		 om;
	FILE			*f;
	char			*text;
	size_t			 size;
};

struct http_socket {
	TAILQ_ENTRY(http_socket)	 entry;
	int			 fd;
	struct event		*ev;
	struct event		*pause;
};

static TAILQ_HEAD(http_sockets, http_socket)	 sockets =
    TAILQ_HEAD_INITIALIZER(sockets);
static struct http_sockets			 staged =
    TAILQ_HEAD_INITIALIZER(staged);
static TAILQ_HEAD(, conn)	 conns = TAILQ_HEAD_INITIALIZER(conns);
static int			 nconns, nscrapes;

static void
conn_free(struct conn *c)
{
	bufferevent_free(c->bev);
	event_free(c->timer);
	TAILQ_REMOVE(&conns, c, entry);
	nconns--;
	if (c->q != NULL)
		ask_cancel(c->q);
	if (c->scrape)
		nscrapes--;
	ometric_free(&c->om);
	if (c->f != NULL)
		fclose(c->f);
	free(c->text);
	free(c);
}

static void
say(struct conn *c, const char *status, const char *type, const char *text,
    size_t len)
{
	struct evbuffer	*out = bufferevent_get_output(c->bev);

	evbuffer_add_printf(out, "HTTP/1.1 %s\r\nConnection: close\r\n"
	    "Content-Length: %zu\r\n", status, len);
	if (type != NULL)
		evbuffer_add_printf(out, "Content-Type: %s\r\n", type);
	evbuffer_add(out, "\r\n", 2);
	if (len > 0 && !c->head)
		evbuffer_add(out, text, len);
	bufferevent_enable(c->bev, EV_WRITE);
}

static void
scrape_done(struct conn *c)
{
	if (!c->failed)
		ometric_end(&c->om);
	if (c->failed || fflush(c->f) == EOF || ferror(c->f))
		say(c, "503 Service Unavailable", NULL, NULL, 0);
	else
		say(c, "200 OK", c->plain ? PLAIN_TYPE : CONTENT_TYPE,
		    c->text, c->size);
}

/* What is asked for, in the order in which it is told. */
static const uint32_t	 steps[] = { CTL_SHOW_PEERS, CTL_SHOW_COUNTERS,
			    CTL_SHOW_RULES, CTL_SHOW_SUMMARY };

static void	 scrape_record(void *, uint32_t, const void *, size_t);

/* Ask for the next part; the last is known here. */
static void
scrape_next(struct conn *c)
{
	const struct ctl_process	*p;
	int				 i;

	c->q = NULL;
	if (!c->failed && c->step == 1)
		ometric_peers(&c->om);
	else if (!c->failed && c->step == 2)
		ometric_counters(&c->om);
	if (!c->failed && c->step < sizeof(steps) / sizeof(steps[0])) {
		c->q = ask(steps[c->step++], NULL, scrape_record, c);
		if (c->q != NULL)
			return;
		c->failed = 1;
	}
	for (i = 0; !c->failed && (p = client_process_at(i)) != NULL; i++)
		ometric_process(&c->om, p);
	scrape_done(c);
}

/* A record of the answer, or its end: then the next question. */
static void
scrape_record(void *arg, uint32_t type, const void *data, size_t len)
{
	struct conn		*c = arg;
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
		if (ometric_flows(&c->om, &flows) == -1)
			c->failed = 1;
		break;
	case CTL_PEER:
		memcpy(&peer, data, sizeof(peer));
		if (ometric_peer(&c->om, &peer) == -1)
			c->failed = 1;
		break;
	case CTL_CRYPTO_COUNTERS:
		memcpy(&cc, data, sizeof(cc));
		ometric_crypto(&c->om, &cc);
		break;
	case CTL_SLIRP_COUNTERS:
		memcpy(&sc, data, sizeof(sc));
		ometric_slirp(&c->om, &sc);
		break;
	case CTL_DERP_COUNTERS:
		memcpy(&dc, data, sizeof(dc));
		ometric_derp(&c->om, &dc);
		break;
	case CTL_RULE:
		memcpy(&rule, data, sizeof(rule));
		rule.text[sizeof(rule.text) - 1] = '\0';
		ometric_rule(&c->om, &rule);
		break;
	case CTL_SUMMARY:
		memcpy(&sum, data, sizeof(sum));
		ometric_summary(&c->om, &sum);
		break;
	case CTL_MORE:
		ask_next(c->q);
		break;
	case CTL_FAIL:
		c->failed = 1;
		/* FALLTHROUGH */
	case CTL_END:
		scrape_next(c);
		break;
	}
}

static void
begin_scrape(struct conn *c)
{
	if (nscrapes >= MAX_SCRAPES ||
	    (c->f = open_memstream(&c->text, &c->size)) == NULL) {
		say(c, "503 Service Unavailable", NULL, NULL, 0);
		return;
	}
	nscrapes++;
	c->scrape = 1;
	ometric_begin(&c->om, c->f);
	c->om.plain = c->plain;
	scrape_next(c);
}

static void
say_health(struct conn *c, const char *why)
{
	char	 line[CTL_TEXT_LEN + 2];

	snprintf(line, sizeof(line), "%s\n", why != NULL ? why : "ok");
	say(c, why == NULL ? "200 OK" : "503 Service Unavailable",
	    "text/plain; charset=utf-8", line, strlen(line));
}

static void
health_record(void *arg, uint32_t type, const void *data, size_t len)
{
	struct conn	*c = arg;
	char		 why[CTL_TEXT_LEN];

	c->q = NULL;
	if (type == CTL_OK) {
		say_health(c, NULL);
		return;
	}
	memset(why, 0, sizeof(why));
	if (type == CTL_FAIL && len == sizeof(why))
		memcpy(why, data, sizeof(why) - 1);
	say_health(c, why[0] != '\0' ? why : "not answering");
}

static void
begin_health(struct conn *c)
{
	static const struct timeval	 soon = { HEALTH_TIME, 0 };

	c->health = 1;
	event_add(c->timer, &soon);
	if ((c->q = ask(CTL_HEALTH, NULL, health_record, c)) == NULL)
		say_health(c, "not answering");
}

/* Does a header of this name have the text in its value? */
static int
header_has(struct evbuffer *in, const char *name, const char *text)
{
	struct evbuffer_ptr	 p, line;
	char			*s;
	size_t			 n = strlen(name);
	int			 found = 0;

	for (p = evbuffer_search(in, "\r\n", 2, NULL); p.pos != -1;
	    p = evbuffer_search(in, "\r\n", 2, &p)) {
		if (evbuffer_ptr_set(in, &p, 2, EVBUFFER_PTR_ADD) == -1)
			break;
		line = evbuffer_search(in, "\r\n", 2, &p);
		if (line.pos <= p.pos)
			break;
		if ((s = calloc(1, (size_t)(line.pos - p.pos) + 1)) == NULL)
			break;
		evbuffer_copyout_from(in, &p, s, (size_t)(line.pos - p.pos));
		if (strncasecmp(s, name, n) == 0 && s[n] == ':' &&
		    strstr(s + n, text) != NULL)
			found = 1;
		free(s);
	}
	return (found);
}

static const char	 index_page[] = "<!doctype html><title>wgslirpd</title>"
    "<ul><li><a href=\"/metrics\">metrics</a><li><a href=\"/healthz\">"
    "health</a><li><a href=\"/readyz\">ready</a></ul>\n";

/* A request whose header is complete. */
static void
request(struct conn *c, char *line)
{
	char	*path, *version, *query;

	path = strchr(line, ' ');
	version = path != NULL ? strrchr(line, ' ') : NULL;
	if (version == NULL || version == path ||
	    strncmp(version, " HTTP/1.", 8) != 0) {
		say(c, "400 Bad Request", NULL, NULL, 0);
		return;
	}
	*path++ = '\0';
	*version = '\0';
	if ((query = strchr(path, '?')) != NULL)
		*query = '\0';
	c->head = strcmp(line, "HEAD") == 0;
	if (strcmp(line, "GET") != 0 && !c->head)
		say(c, "405 Method Not Allowed", NULL, NULL, 0);
	else if (strcmp(path, "/metrics") == 0)
		begin_scrape(c);
	else if (strcmp(path, "/healthz") == 0 ||
	    strcmp(path, "/readyz") == 0)
		begin_health(c);
	else if (strcmp(path, "/") == 0)
		say(c, "200 OK", "text/html; charset=utf-8", index_page,
		    sizeof(index_page) - 1);
	else
		say(c, "404 Not Found", NULL, NULL, 0);
}

static void
conn_read(struct bufferevent *bev, void *arg)
{
	struct conn		*c = arg;
	struct evbuffer		*in = bufferevent_get_input(bev);
	struct evbuffer_ptr	 end;
	char			*line;

	end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
	if (end.pos == -1) {
		if (evbuffer_get_length(in) < MAX_REQUEST)
			return;
		bufferevent_disable(bev, EV_READ);
		say(c, "431 Request Header Fields Too Large", NULL, NULL, 0);
		return;
	}
	bufferevent_disable(bev, EV_READ);
	c->plain = header_has(in, "Accept", "text/plain") &&
	    !header_has(in, "Accept", "application/openmetrics-text");
	line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF);
	if (line == NULL) {
		conn_free(c);
		return;
	}
	c->asked = 1;
	request(c, line);
	free(line);
}

/* The answer has gone: so may the client. */
static void
conn_written(struct bufferevent *bev, void *arg)
{
	struct conn	*c = arg;
	uint8_t		 b[4096];
	int		 i, fd = bufferevent_getfd(bev);

	if (c->q != NULL)
		return;
	/* what is left unread would make a reset of the end */
	for (i = 0; i < 16 && recv(fd, b, sizeof(b), MSG_DONTWAIT) > 0; i++)
		continue;
	conn_free(c);
}

static void
conn_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	conn_free(arg);
}

static void
conn_timeout(evutil_socket_t fd, short what, void *arg)
{
	static const struct timeval	 rest = { CONN_TIME, 0 };
	struct conn			*c = arg;

	(void)fd;
	(void)what;
	if (!c->health || c->q == NULL) {
		conn_free(c);
		return;
	}
	/* a process that does not answer is not well */
	ask_cancel(c->q);
	c->q = NULL;
	event_add(c->timer, &rest);
	say_health(c, "not answering");
}

static void
resume(evutil_socket_t fd, short what, void *arg)
{
	struct http_socket	*h = arg;

	(void)fd;
	(void)what;
	event_add(h->ev, NULL);
}

/*
 * Of those who had their time the oldest has to go, one that has not even
 * asked before one that is slow to take its answer.  -1: wait a moment.
 */
static int
make_room(void)
{
	struct conn	*c, *slow = NULL;
	mono_t		 now = mono_now();

	TAILQ_FOREACH(c, &conns, entry) {
		if (!c->asked && now - c->since >= ASK_TIME)
			break;
		if (slow == NULL && now - c->since >= READ_TIME)
			slow = c;
	}
	if (c == NULL && (c = slow) == NULL)
		return (-1);
	conn_free(c);
	return (0);
}

static void
accept_client(evutil_socket_t lfd, short what, void *arg)
{
	struct http_socket	*h = arg;
	struct timeval		 tv = { CONN_TIME, 0 }, soon = { 0, 50000 };
	struct conn		*c;
	int			 fd;

	(void)what;
	if (nconns >= MAX_CONNS && make_room() == -1) {
		event_del(h->ev);
		event_add(h->pause, &soon);
		return;
	}
	if ((fd = accept_or_pause(lfd, h->ev, h->pause)) == -1)
		return;
	if ((c = calloc(1, sizeof(*c))) == NULL) {
		close(fd);
		return;
	}
	c->timer = evtimer_new(evbase, conn_timeout, c);
	c->bev = c->timer == NULL ? NULL : bufferevent_socket_new(evbase, fd,
	    BEV_OPT_CLOSE_ON_FREE);
	if (c->bev == NULL) {
		if (c->timer != NULL)
			event_free(c->timer);
		close(fd);
		free(c);
		return;
	}
	bufferevent_setcb(c->bev, conn_read, conn_written, conn_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, MAX_REQUEST);
	bufferevent_disable(c->bev, EV_WRITE);
	bufferevent_enable(c->bev, EV_READ);
	event_add(c->timer, &tv);
	c->since = mono_now();
	TAILQ_INSERT_TAIL(&conns, c, entry);
	nconns++;
}

/* A socket that listens, of the configuration that is being staged. */
void
http_stage(int fd)
{
	struct http_socket	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		fatal(NULL);
	h->fd = fd;
	h->pause = evtimer_new(evbase, resume, h);
	h->ev = event_new(evbase, fd, EV_READ | EV_PERSIST, accept_client,
	    h);
	if (h->pause == NULL || h->ev == NULL)
		fatalx("metrics");
	TAILQ_INSERT_TAIL(&staged, h, entry);
}

/* What was staged takes the place of what there was. */
void
http_commit(void)
{
	struct http_socket	*h;

	while ((h = TAILQ_FIRST(&sockets)) != NULL) {
		TAILQ_REMOVE(&sockets, h, entry);
		event_free(h->ev);
		event_free(h->pause);
		close(h->fd);
		free(h);
	}
	TAILQ_CONCAT(&sockets, &staged, entry);
	TAILQ_FOREACH(h, &sockets, entry)
		event_add(h->ev, NULL);
}
