/* SPDX-License-Identifier: ISC */

/*
 * The control engine: serves the control socket.  It keeps no state of
 * its own; a request goes to the process that knows, and the answer goes
 * back to the client.  Answers come in portions, and the next one is
 * asked for when the client has read the last, so that a slow client
 * costs no memory.  A client that breaks the protocol is dropped.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "control.h"
#include "log.h"
#include "set.h"

#define MAX_CLIENTS	32

struct client {
	TAILQ_ENTRY(client)	 entry;
	struct imsgbuf		 ibuf;
	struct event		*ev;
	uint32_t		 id;
	uint32_t		 type;		/* of its request, 0: none */
	int			 step;
	int			 more;		/* a portion is left to ask */
	int			 eof;		/* it will not ask again */
	struct ctl_request	 req;
	control_record_fn	*fn;		/* it is one of ours */
	void			*arg;
};

/* Who answers a request, in order; PROC_MAX ends the list. */
struct route {
	uint32_t	 type;
	enum proc_id	 to[3];
	uint32_t	 as[2];
};

static const struct route	 routes[] = {
	{ CTL_SHOW_SUMMARY, { PROC_CRYPTO, PROC_MAX, PROC_MAX },
	    { CTL_SHOW_SUMMARY, 0 } },
	{ CTL_SHOW_PEERS, { PROC_SLIRP, PROC_CRYPTO, PROC_MAX },
	    { CTL_SHOW_PEERFLOWS, CTL_SHOW_PEERS } },
	{ CTL_SHOW_FLOWS, { PROC_SLIRP, PROC_MAX, PROC_MAX },
	    { CTL_SHOW_FLOWS, 0 } },
	{ CTL_SHOW_COUNTERS, { PROC_CRYPTO, PROC_SLIRP, PROC_MAX },
	    { CTL_SHOW_COUNTERS, CTL_SHOW_COUNTERS } },
	{ CTL_LOG, { PROC_PARENT, PROC_MAX, PROC_MAX }, { CTL_LOG, 0 } },
	{ CTL_RELOAD, { PROC_PARENT, PROC_MAX, PROC_MAX },
	    { CTL_RELOAD, 0 } },
	{ CTL_KILL_FLOW, { PROC_SLIRP, PROC_MAX, PROC_MAX },
	    { CTL_KILL_FLOW, 0 } },
	{ CTL_PAUSE, { PROC_CRYPTO, PROC_MAX, PROC_MAX }, { CTL_PAUSE, 0 } },
	{ CTL_RESUME, { PROC_CRYPTO, PROC_MAX, PROC_MAX },
	    { CTL_RESUME, 0 } },
	{ CTL_REFRESH, { PROC_SLIRP, PROC_MAX, PROC_MAX },
	    { CTL_REFRESH, 0 } },
	{ CTL_SHOW_RULES, { PROC_SLIRP, PROC_MAX, PROC_MAX },
	    { CTL_SHOW_RULES, 0 } },
	{ CTL_FLUSH, { PROC_SLIRP, PROC_MAX, PROC_MAX }, { CTL_FLUSH, 0 } }
};

static struct {
	struct imsgev		 pipe[PROC_MAX];	/* parent, engines */
	struct event		*accept_ev;
	struct event		*pause_ev;
	int			 fd;
	int			 uapi_fd;
	uint32_t		 last_id;
	int			 nclients;
	TAILQ_HEAD(, client)	 clients;
	struct ctl_process	 procs[PROC_MAX];
	int			 nprocs;
	int			 started;
} co;

static void	 client_event(evutil_socket_t, short, void *);

static void
client_close(struct client *c)
{
	TAILQ_REMOVE(&co.clients, c, entry);
	if (c->fn != NULL) {
		free(c);
		return;
	}
	co.nclients--;
	event_free(c->ev);
	close(c->ibuf.fd);
	imsgbuf_clear(&c->ibuf);
	free(c);
}

/* What it has not read yet. */
static uint32_t
queued(struct client *c)
{
	return (c->fn != NULL ? 0 : imsgbuf_queuelen(&c->ibuf));
}

/* Read only without a request under way; write while there is something. */
static void
client_arm(struct client *c)
{
	short	 want = EV_PERSIST;

	if (c->fn != NULL)
		return;
	/* who does not read its answers is not read either */
	if (c->type == 0 && imsgbuf_queuelen(&c->ibuf) == 0 && !c->eof)
		want |= EV_READ;
	if (imsgbuf_queuelen(&c->ibuf) > 0)
		want |= EV_WRITE;
	event_del(c->ev);
	event_assign(c->ev, evbase, c->ibuf.fd, want, client_event, c);
	event_add(c->ev, NULL);
}

static const struct route *
find_route(uint32_t type)
{
	size_t	 i;

	for (i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
		if (routes[i].type == type)
			return (&routes[i]);
	return (NULL);
}

static void
client_send(struct client *c, uint32_t type, const void *data, size_t len)
{
	if (c->fn != NULL) {
		c->fn(c->arg, type, data, len);
		return;
	}
	/* out of memory: the client sees an end without an answer */
	(void)imsg_compose(&c->ibuf, type, 0, 0, -1, data, len);
}

static void
client_done(struct client *c, uint32_t type, const void *data, size_t len)
{
	client_send(c, type, data, len);
	c->type = 0;
	c->more = 0;
}

/* Ask whoever is next for the (next portion of the) answer. */
static void
client_ask(struct client *c)
{
	const struct route	*r = find_route(c->type);
	char			 text[CTL_TEXT_LEN] = "not answering";

	c->more = 0;
	if (r->to[c->step] == PROC_MAX)
		client_done(c, CTL_END, NULL, 0);
	else if (imsgev_send(&co.pipe[r->to[c->step]], r->as[c->step], c->id,
	    -1, &c->req, sizeof(c->req)) == -1)
		client_done(c, CTL_FAIL, text, sizeof(text));
}

static void
show_processes(struct client *c)
{
	int	 i;

	for (i = 0; i < co.nprocs; i++)
		client_send(c, CTL_PROCESS, &co.procs[i],
		    sizeof(co.procs[i]));
	client_done(c, CTL_END, NULL, 0);
}

/* One request.  -1 if the client is to be dropped. */
static int
client_request(struct client *c, struct imsg *imsg)
{
	uint32_t	 type = imsg_get_type(imsg);

	if (imsg_get_data(imsg, &c->req, sizeof(c->req)) == -1)
		return (-1);
	c->req.name[sizeof(c->req.name) - 1] = '\0';
	c->req.cursor = 0;
	c->step = 0;
	c->type = type;
	if (type == CTL_SHOW_PROCESSES)
		show_processes(c);
	else if (find_route(type) != NULL)
		client_ask(c);
	else
		return (-1);
	return (0);
}

/* Take the requests that were read, one at a time. */
static int
client_take(struct client *c)
{
	struct imsg	 imsg;
	int		 r;

	while (c->type == 0 && imsgbuf_queuelen(&c->ibuf) == 0) {
		if ((r = imsgbuf_get(&c->ibuf, &imsg)) == -1)
			return (-1);
		if (r == 0)
			break;
		r = client_request(c, &imsg);
		imsg_free(&imsg);
		if (r == -1)
			return (-1);
	}
	return (0);
}

static void
client_event(evutil_socket_t fd, short what, void *arg)
{
	struct client	*c = arg;

	(void)fd;
	if (what & EV_WRITE && imsgbuf_write(&c->ibuf) == -1) {
		client_close(c);
		return;
	}
	if (c->more && imsgbuf_queuelen(&c->ibuf) == 0)
		client_ask(c);
	if (what & EV_READ && imsgbuf_read(&c->ibuf) != 1)
		c->eof = 1;
	/* what was asked before the end is still answered */
	if (client_take(c) == -1 || (c->eof && c->type == 0 &&
	    imsgbuf_queuelen(&c->ibuf) == 0)) {
		client_close(c);
		return;
	}
	client_arm(c);
}

static uint32_t
next_id(void)
{
	if (++co.last_id == 0)
		++co.last_id;
	return (co.last_id);
}

/* Ask on behalf of another part of this engine. */
int
control_ask(uint32_t type, control_record_fn *fn, void *arg)
{
	struct client	*c;

	if (find_route(type) == NULL || (c = calloc(1, sizeof(*c))) == NULL)
		return (-1);
	c->id = next_id();
	c->type = type;
	c->fn = fn;
	c->arg = arg;
	c->eof = 1;		/* this is its only request */
	TAILQ_INSERT_TAIL(&co.clients, c, entry);
	client_ask(c);
	/* it may have been answered at once */
	if (c->type == 0)
		client_close(c);
	return (0);
}

static void
accept_resume(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_add(co.accept_ev, NULL);
}

static void
accept_client(evutil_socket_t fd, short what, void *arg)
{
	struct client	*c;
	int		 s;

	(void)what;
	(void)arg;
	if ((s = accept_or_pause(fd, co.accept_ev, co.pause_ev)) == -1)
		return;
	if (co.nclients >= MAX_CLIENTS ||
	    (c = calloc(1, sizeof(*c))) == NULL) {
		close(s);
		return;
	}
	if (imsgbuf_init(&c->ibuf, s) == -1) {
		free(c);
		close(s);
		return;
	}
	c->ev = event_new(evbase, s, EV_READ | EV_PERSIST, client_event, c);
	if (c->ev == NULL) {
		imsgbuf_clear(&c->ibuf);
		free(c);
		close(s);
		return;
	}
	event_add(c->ev, NULL);
	c->id = next_id();
	TAILQ_INSERT_TAIL(&co.clients, c, entry);
	co.nclients++;
}

static struct client *
client_by_id(uint32_t id)
{
	struct client	*c;

	TAILQ_FOREACH(c, &co.clients, entry)
		if (c->id == id)
			return (c);
	return (NULL);
}

/* An answer of another process, on its way to a client. */
static void
relay(struct imsgev *iev, struct imsg *imsg)
{
	struct client		*c;
	struct ctl_more		 more;
	struct ibuf		 buf;
	uint32_t		 type = imsg_get_type(imsg);

	if (co.uapi_fd != -1 && iev->peer == PROC_CRYPTO && uapi_answer(imsg))
		return;
	if ((c = client_by_id(imsg_get_id(imsg))) == NULL || c->type == 0)
		return;		/* it did not wait */
	switch (type) {
	case CTL_MORE:
		imsg_is(imsg, &more, sizeof(more));
		c->req.cursor = more.cursor;
		c->more = 1;
		if (queued(c) == 0)
			client_ask(c);
		break;
	case CTL_END:
		c->step++;
		c->req.cursor = 0;
		client_ask(c);
		break;
	default:
		if (imsg_get_len(imsg) == 0)
			client_send(c, type, NULL, 0);
		else if (imsg_get_ibuf(imsg, &buf) == 0)
			client_send(c, type, ibuf_data(&buf),
			    ibuf_size(&buf));
		if (type == CTL_OK || type == CTL_FAIL)
			c->type = 0;
		break;
	}
	if (c->eof && c->type == 0 && queued(c) == 0) {
		client_close(c);
		return;
	}
	client_arm(c);
}

static void
engine_msg(struct imsgev *iev, struct imsg *imsg)
{
	if (imsg == NULL) {
		imsgev_clear(iev);
		return;
	}
	relay(iev, imsg);
}

static void
take_pipe(struct imsg *imsg)
{
	uint32_t	 who;
	int		 fd;

	imsg_is(imsg, &who, sizeof(who));
	fd = imsg_take_fd(imsg);
	if ((who != PROC_CRYPTO && who != PROC_SLIRP) ||
	    co.pipe[who].ev != NULL || imsgev_init(&co.pipe[who], fd,
	    (enum proc_id)who, engine_msg, NULL) == -1)
		fatalx("bad pipe");
}

static void
start(void)
{
	co.accept_ev = event_new(evbase, co.fd, EV_READ | EV_PERSIST,
	    accept_client, NULL);
	co.pause_ev = evtimer_new(evbase, accept_resume, NULL);
	if (co.accept_ev == NULL || co.pause_ev == NULL ||
	    event_add(co.accept_ev, NULL) == -1)
		fatalx("control socket");
	if (co.uapi_fd != -1)
		uapi_start(co.uapi_fd, &co.pipe[PROC_PARENT],
		    &co.pipe[PROC_CRYPTO], &co.last_id);
	co.started = 1;
}

static void
parent_msg(struct imsgev *iev, struct imsg *imsg)
{
	struct conf_global	 g;
	struct service		 service;
	struct set_done		 done;

	if (imsg == NULL)
		exit(0);	/* the parent is gone */
	switch (imsg_get_type(imsg)) {
	case IMSG_PIPE:
		take_pipe(imsg);
		break;
	case IMSG_PROCESS:
		if (co.nprocs == PROC_MAX)
			bad_imsg("parent", IMSG_PROCESS);
		imsg_is(imsg, &co.procs[co.nprocs], sizeof(co.procs[0]));
		co.nprocs++;
		break;
	case IMSG_SOCKET:
		if (co.fd != -1)
			bad_imsg("parent", IMSG_SOCKET);
		co.fd = imsg_take_fd(imsg);
		break;
	case IMSG_UAPI_SOCKET:
		if (co.uapi_fd != -1 || co.started)
			bad_imsg("parent", IMSG_UAPI_SOCKET);
		co.uapi_fd = imsg_take_fd(imsg);
		break;
	case IMSG_SET_DONE:
		imsg_is(imsg, &done, sizeof(done));
		uapi_set_done(done.error);
		break;
	case IMSG_CONF_BEGIN:
		imsg_is(imsg, &g, sizeof(g));
		break;
	case IMSG_CONF_SERVICE:
		imsg_is(imsg, &service, sizeof(service));
		if (service.kind != SERVICE_METRICS)
			bad_imsg("parent", IMSG_CONF_SERVICE);
		http_stage(imsg_take_fd(imsg));
		break;
	case IMSG_CONF_END:
		imsgev_must(iev, IMSG_STAGED, 0, -1, NULL, 0);
		break;
	case IMSG_CONF_COMMIT:
		http_commit();
		break;
	case IMSG_START:
		if (co.started || co.fd == -1)
			bad_imsg("parent", IMSG_START);
		start();
		break;
	case CTL_OK:
	case CTL_FAIL:
		relay(iev, imsg);
		break;
	default:
		child_common(iev, imsg);
	}
}

void
control_main(int foreground)
{
	TAILQ_INIT(&co.clients);
	co.fd = co.uapi_fd = -1;
	child_init(PROC_CONTROL, foreground, &co.pipe[PROC_PARENT],
	    parent_msg);
	child_drop(foreground);
	child_ready(&co.pipe[PROC_PARENT], SANDBOX_CONTROL);
	event_base_dispatch(evbase);
	fatalx("event loop ended");
}
