/* SPDX-License-Identifier: ISC */

/*
 * The figures by HTTP: GET /metrics, in the control engine.  Nothing else
 * is served, no more than a few at a time, and a client that is slow is
 * dropped by libevent's timeout.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/listener.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control.h"
#include "log.h"
#include "ometric.h"

#define MAX_SCRAPES	4
#define MAX_HEADERS	8192
#define IDLE_TIME	10		/* seconds */
#define CONTENT_TYPE	"application/openmetrics-text; version=1.0.0; " \
			"charset=utf-8"

struct scrape {
	struct ometric		 om;
	struct evhttp_request	*req;		/* NULL: it is gone */
	FILE			*f;
	char			*text;
	size_t			 size;
	int			 step;		/* peers, then counters */
	int			 failed;
};

struct http_socket {
	TAILQ_ENTRY(http_socket)	 entry;
	struct evhttp_bound_socket	*bound;
	struct evconnlistener		*listener;
	struct event			*pause;
};

static struct evhttp				*http;
static TAILQ_HEAD(http_sockets, http_socket)	 sockets =
    TAILQ_HEAD_INITIALIZER(sockets);
static struct http_sockets			 staged =
    TAILQ_HEAD_INITIALIZER(staged);
static int					 nscrapes;

static void
scrape_free(struct scrape *x)
{
	ometric_free(&x->om);
	fclose(x->f);
	free(x->text);
	free(x);
	nscrapes--;
}

/* The client went away while its answer was made. */
static void
client_gone(struct evhttp_connection *c, void *arg)
{
	struct scrape	*x = arg;

	(void)c;
	x->req = NULL;
}

static void
scrape_send(struct scrape *x)
{
	struct evbuffer	*out;

	if (x->req == NULL)
		return;
	evhttp_connection_set_closecb(evhttp_request_get_connection(x->req),
	    NULL, NULL);
	if (x->failed || fflush(x->f) == EOF ||
	    (out = evbuffer_new()) == NULL) {
		evhttp_send_error(x->req, HTTP_INTERNAL, NULL);
		return;
	}
	evbuffer_add(out, x->text, x->size);
	evhttp_add_header(evhttp_request_get_output_headers(x->req),
	    "Content-Type", CONTENT_TYPE);
	evhttp_send_reply(x->req, HTTP_OK, "OK", out);
	evbuffer_free(out);
}

/* A record of the answer, or its end: then the next question. */
static void
scrape_record(void *arg, uint32_t type, const void *data, size_t len)
{
	struct scrape		*x = arg;
	struct ctl_peerflows	 flows;
	struct ctl_peer		 peer;

	(void)len;		/* checked by its type */
	switch (type) {
	case CTL_PEERFLOWS:
		memcpy(&flows, data, sizeof(flows));
		if (ometric_flows(&x->om, flows.id, flows.flows) == -1)
			x->failed = 1;
		break;
	case CTL_PEER:
		memcpy(&peer, data, sizeof(peer));
		if (ometric_peer(&x->om, &peer) == -1)
			x->failed = 1;
		break;
	case CTL_CRYPTO_COUNTERS:
		ometric_crypto(&x->om, data);
		break;
	case CTL_SLIRP_COUNTERS:
		ometric_slirp(&x->om, data);
		break;
	case CTL_FAIL:
		x->failed = 1;
		/* FALLTHROUGH */
	case CTL_END:
		if (x->step++ == 0 && !x->failed && x->req != NULL) {
			ometric_peers(&x->om);
			if (control_ask(CTL_SHOW_COUNTERS, scrape_record,
			    x) == 0)
				return;
			x->failed = 1;
		}
		if (!x->failed)
			ometric_end(&x->om);
		scrape_send(x);
		scrape_free(x);
		break;
	}
}

static void
get_metrics(struct evhttp_request *req, void *arg)
{
	struct scrape	*x;

	(void)arg;
	if (evhttp_request_get_command(req) != EVHTTP_REQ_GET) {
		evhttp_send_error(req, HTTP_BADMETHOD, NULL);
		return;
	}
	if (nscrapes >= MAX_SCRAPES ||
	    (x = calloc(1, sizeof(*x))) == NULL) {
		evhttp_send_error(req, HTTP_SERVUNAVAIL, NULL);
		return;
	}
	if ((x->f = open_memstream(&x->text, &x->size)) == NULL) {
		free(x);
		evhttp_send_error(req, HTTP_SERVUNAVAIL, NULL);
		return;
	}
	nscrapes++;
	x->req = req;
	ometric_begin(&x->om, x->f);
	evhttp_connection_set_closecb(evhttp_request_get_connection(req),
	    client_gone, x);
	if (control_ask(CTL_SHOW_PEERS, scrape_record, x) == -1) {
		x->failed = 1;
		scrape_send(x);
		scrape_free(x);
	}
}

static void
resume(evutil_socket_t fd, short what, void *arg)
{
	struct http_socket	*h = arg;

	(void)fd;
	(void)what;
	evconnlistener_enable(h->listener);
}

/* Out of descriptors: rest for a moment. */
static void
accept_failed(struct evconnlistener *l, void *arg)
{
	struct timeval		 tv = { 1, 0 };
	struct http_socket	*h;

	(void)arg;
	TAILQ_FOREACH(h, &sockets, entry)
		if (h->listener == l) {
			evconnlistener_disable(l);
			event_add(h->pause, &tv);
		}
}

static void
socket_free(struct http_socket *h)
{
	if (h->bound != NULL)
		evhttp_del_accept_socket(http, h->bound);
	else
		evconnlistener_free(h->listener);
	event_free(h->pause);
	free(h);
}

/* A socket that listens, of the configuration that is being staged. */
void
http_stage(int fd)
{
	struct http_socket	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL ||
	    (h->pause = evtimer_new(evbase, resume, h)) == NULL ||
	    (h->listener = evconnlistener_new(evbase, NULL, NULL,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd)) == NULL)
		fatal("metrics");
	TAILQ_INSERT_TAIL(&staged, h, entry);
}

/* What was staged takes the place of what there was. */
void
http_commit(void)
{
	struct http_socket	*h;

	if (http == NULL && !TAILQ_EMPTY(&staged)) {
		if ((http = evhttp_new(evbase)) == NULL)
			fatalx("metrics");
		evhttp_set_timeout(http, IDLE_TIME);
		evhttp_set_max_headers_size(http, MAX_HEADERS);
		evhttp_set_max_body_size(http, 0);
		evhttp_set_allowed_methods(http, EVHTTP_REQ_GET |
		    EVHTTP_REQ_HEAD);
		evhttp_set_cb(http, "/metrics", get_metrics, NULL);
	}
	while ((h = TAILQ_FIRST(&sockets)) != NULL) {
		TAILQ_REMOVE(&sockets, h, entry);
		socket_free(h);
	}
	TAILQ_CONCAT(&sockets, &staged, entry);
	TAILQ_FOREACH(h, &sockets, entry) {
		h->bound = evhttp_bind_listener(http, h->listener);
		if (h->bound == NULL)
			fatalx("metrics");
		evconnlistener_set_error_cb(h->listener, accept_failed);
	}
}
