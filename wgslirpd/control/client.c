/* SPDX-License-Identifier: ISC */

/*
 * Clients of the control socket.  A client has one request at a time; its
 * answer comes in portions, and the next one is asked for when the client
 * has read the last, so that a slow client costs no memory.  One that
 * breaks the protocol is dropped; where there are too many, the one that has
 * been silent longest makes room.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ask.h"
#include "client.h"
#include "log.h"

#define MAX_CLIENTS	32
#define IDLE_TIME	300	/* seconds without a word */
#define MAX_EVENTS	256	/* that wait for one of them */

struct client {
	TAILQ_ENTRY(client)	 entry;
	struct imsgbuf		 ibuf;
	struct event		*ev;
	struct question		*q;		/* under way, or NULL */
	int			 more;		/* a portion is left to ask */
	int			 eof;		/* it will not ask again */
	int			 watches;	/* it gets events */
	uint32_t		 lost;		/* that it did not take */
	int			 taps;		/* it gets packets */
	char			 tapped[CTL_NAME_LEN];	/* of whom; "": all */
};

static struct event		*accept_ev, *pause_ev;
static TAILQ_HEAD(, client)	 clients = TAILQ_HEAD_INITIALIZER(clients);
static int			 nclients, nwatch, ntap;
static client_watch_fn		*watch_fn;
static struct ctl_process	 procs[CTL_PROCESSES];
static int			 nprocs;
_Static_assert(PROC_SLOTS <= CTL_PROCESSES, "who asks has room for all");
static uid_t			 owner;

static void	 client_event(evutil_socket_t, short, void *);
static void	 client_record(void *, uint32_t, const void *, size_t);

void
client_process(const struct ctl_process *p)
{
	if (nprocs == PROC_SLOTS)
		fatalx("parent told about too many processes");
	procs[nprocs++] = *p;
}

static void
client_close(struct client *c)
{
	if (c->q != NULL)
		ask_cancel(c->q);
	if (c->watches && --nwatch == 0)
		watch_fn(CLIENT_EVENTS, 0);
	if (c->taps && --ntap == 0)
		watch_fn(CLIENT_PACKETS, 0);
	TAILQ_REMOVE(&clients, c, entry);
	nclients--;
	event_free(c->ev);
	close(c->ibuf.fd);
	imsgbuf_clear(&c->ibuf);
	free(c);
}

/* It has said something, or taken something: it is not the first to go. */
static void
client_alive(struct client *c)
{
	TAILQ_REMOVE(&clients, c, entry);
	TAILQ_INSERT_TAIL(&clients, c, entry);
}

/* Read only without a request under way; write while there is something. */
static void
client_arm(struct client *c)
{
	struct timeval	 idle = { IDLE_TIME, 0 };
	int		 quiet = (c->watches || c->taps) &&
			    imsgbuf_queuelen(&c->ibuf) == 0;
	short		 want = EV_PERSIST;

	/* who does not read its answers is not read either */
	if (c->q == NULL && imsgbuf_queuelen(&c->ibuf) == 0 && !c->eof)
		want |= EV_READ;
	if (imsgbuf_queuelen(&c->ibuf) > 0)
		want |= EV_WRITE;
	event_del(c->ev);
	event_assign(c->ev, evbase, c->ibuf.fd, want, client_event, c);
	/* who watches has nothing to say */
	event_add(c->ev, quiet ? NULL : &idle);
}

static void
client_send(struct client *c, uint32_t type, const void *data, size_t len)
{
	/* out of memory: the client sees an end without an answer */
	(void)imsg_compose(&c->ibuf, type, 0, 0, -1, data, len);
}

const struct ctl_process *
client_process_at(int i)
{
	return (i < nprocs ? &procs[i] : NULL);
}

static void
show_processes(struct client *c)
{
	int	 i;

	for (i = 0; i < nprocs; i++)
		client_send(c, CTL_PROCESS, &procs[i], sizeof(procs[i]));
	client_send(c, CTL_END, NULL, 0);
}

/* One request.  -1 if the client is to be dropped. */
static int
client_request(struct client *c, struct imsg *imsg)
{
	struct ctl_request	 req;
	uint32_t		 type = imsg_get_type(imsg);
	char			 text[CTL_TEXT_LEN] = "not answering";

	if (imsg_get_data(imsg, &req, sizeof(req)) == -1)
		return (-1);
	req.name[sizeof(req.name) - 1] = '\0';
	if (type == CTL_MONITOR && !c->watches) {
		c->watches = 1;
		if (nwatch++ == 0)
			watch_fn(CLIENT_EVENTS, 1);
		return (0);
	}
	if (type == CTL_PCAP && !c->taps) {
		c->taps = 1;
		strlcpy(c->tapped, req.name, sizeof(c->tapped));
		if (ntap++ == 0)
			watch_fn(CLIENT_PACKETS, 1);
		return (0);
	}
	if (type == CTL_SHOW_PROCESSES) {
		show_processes(c);
		return (0);
	}
	/* clients have the control protocol, and nothing else */
	if (type <= CTL_NONE || type == CTL_EDIT || !ask_known(type))
		return (-1);
	if (type == CTL_SHOW_DERP)
		strlcpy(text, "no derp relay is configured", sizeof(text));
	if ((c->q = ask(type, &req, client_record, c)) == NULL)
		client_send(c, CTL_FAIL, text, sizeof(text));
	return (0);
}

/* Take the requests that were read, one at a time. */
static int
client_take(struct client *c)
{
	struct imsg	 imsg;
	int		 r;

	while (c->q == NULL && imsgbuf_queuelen(&c->ibuf) == 0) {
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

/* A record of the answer, or its end, on its way to the client. */
static void
client_record(void *arg, uint32_t type, const void *data, size_t len)
{
	struct client	*c = arg;

	switch (type) {
	case CTL_MORE:
		if (imsgbuf_queuelen(&c->ibuf) > 0)
			c->more = 1;
		else
			ask_next(c->q);
		return;
	case CTL_END:
	case CTL_OK:
	case CTL_FAIL:
		c->q = NULL;
		c->more = 0;
		break;
	}
	client_send(c, type, data, len);
	if (c->q == NULL && c->eof && imsgbuf_queuelen(&c->ibuf) == 0) {
		client_close(c);
		return;
	}
	client_arm(c);
}

static void
client_event(evutil_socket_t fd, short what, void *arg)
{
	struct client	*c = arg;

	(void)fd;
	if (what & EV_TIMEOUT) {
		client_close(c);
		return;
	}
	client_alive(c);
	if (what & EV_WRITE && imsgbuf_write(&c->ibuf) == -1) {
		client_close(c);
		return;
	}
	if (c->more && imsgbuf_queuelen(&c->ibuf) == 0) {
		c->more = 0;
		ask_next(c->q);
	}
	if (what & EV_READ && imsgbuf_read(&c->ibuf) != 1)
		c->eof = 1;
	/* what was asked before the end is still answered */
	if (client_take(c) == -1 || (c->eof && c->q == NULL &&
	    imsgbuf_queuelen(&c->ibuf) == 0)) {
		client_close(c);
		return;
	}
	client_arm(c);
}

static void
accept_resume(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_add(accept_ev, NULL);
}

int
client_may(int fd)
{
	uid_t	 uid;
	gid_t	 gid;

	return (getpeereid(fd, &uid, &gid) == 0 && (uid == 0 ||
	    uid == owner));
}

static void
accept_client(evutil_socket_t fd, short what, void *arg)
{
	struct client	*c;
	int		 s;

	(void)what;
	(void)arg;
	if ((s = accept_or_pause(fd, accept_ev, pause_ev)) == -1)
		return;
	if (!client_may(s) || (c = calloc(1, sizeof(*c))) == NULL) {
		close(s);
		return;
	}
	if (nclients >= MAX_CLIENTS)
		client_close(TAILQ_FIRST(&clients));
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
	TAILQ_INSERT_TAIL(&clients, c, entry);
	nclients++;
	client_arm(c);
}

/* Something has happened; who is too slow to hear of it hears that. */
void
client_event_all(const struct ctl_event *e)
{
	struct ctl_event	 copy;
	struct client		*c;

	TAILQ_FOREACH(c, &clients, entry) {
		if (!c->watches)
			continue;
		if (imsgbuf_queuelen(&c->ibuf) >= MAX_EVENTS) {
			c->lost += 1 + e->lost;
			continue;
		}
		copy = *e;
		copy.lost += c->lost;
		c->lost = 0;
		client_send(c, CTL_EVENT, &copy, sizeof(copy));
		client_arm(c);
	}
}

void
client_keep_watching(void)
{
	if (nwatch++ == 0)
		watch_fn(CLIENT_EVENTS, 1);
}

/* A packet, for all who capture those of its peer. */
void
client_packet_all(const struct ctl_packet *p)
{
	static struct ctl_packet	 copy;
	struct client			*c;

	TAILQ_FOREACH(c, &clients, entry) {
		if (!c->taps || (c->tapped[0] != '\0' &&
		    strncmp(c->tapped, p->peer, sizeof(p->peer)) != 0))
			continue;
		if (imsgbuf_queuelen(&c->ibuf) >= MAX_EVENTS) {
			c->lost += 1 + p->lost;
			continue;
		}
		copy = *p;
		copy.lost += c->lost;
		c->lost = 0;
		client_send(c, CTL_PACKET, &copy, sizeof(copy));
		client_arm(c);
	}
}

void
client_init(uid_t uid, client_watch_fn *fn)
{
	owner = uid;
	watch_fn = fn;
}

void
client_start(int fd)
{
	accept_ev = event_new(evbase, fd, EV_READ | EV_PERSIST,
	    accept_client, NULL);
	pause_ev = evtimer_new(evbase, accept_resume, NULL);
	if (accept_ev == NULL || pause_ev == NULL ||
	    event_add(accept_ev, NULL) == -1)
		fatalx("control socket");
}
