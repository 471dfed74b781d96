/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dnsmsg.h"
#include "fds.h"
#include "health.h"
#include "log.h"
#include "lookup.h"
#include "proc.h"

#define EVERY		15		/* seconds */
#define PATIENCE	5
#define FAILURES	2		/* in a row */
#define DNS_PORT	53
#define HTTP_LINE	12		/* "HTTP/1.1 200" */

enum kind {
	CHECK_NAME,
	CHECK_HTTP,
	CHECKS
};

/* One thing that is looked at. */
struct check {
	enum kind		 kind;
	struct event		*every;
	struct event		*late;		/* it has taken too long */
	struct event		*ev;		/* of the socket */
	struct lookup		*lookup;
	int			 fd;
	int			 sent;
	int			 busy;
	int			 failed;	/* in a row */
	char			 got[HTTP_LINE];
	size_t			 ngot;
	uint16_t		 id;
	struct dns_question	 q;
};

static struct slirp		*engine;
static struct conf_health	 conf;
static struct check		 checks[CHECKS];

static int
wanted(const struct check *c)
{
	return (c->kind == CHECK_NAME ? conf.name[0] != '\0' :
	    conf.host[0] != '\0');
}

static void
close_socket(struct check *c)
{
	if (c->ev != NULL)
		event_free(c->ev);
	c->ev = NULL;
	if (c->fd != -1) {
		close(c->fd);
		fds_give();
	}
	c->fd = -1;
}

static void
stop(struct check *c)
{
	close_socket(c);
	if (c->lookup != NULL)
		lookup_cancel(c->lookup);
	c->lookup = NULL;
	c->busy = 0;
	event_del(c->late);
}

static const char *
what(const struct check *c)
{
	return (c->kind == CHECK_NAME ? conf.name : conf.host);
}

static void
done(struct check *c, int good)
{
	struct timeval	 tv = { good ? EVERY : PATIENCE, 0 };

	stop(c);
	if (good && c->failed >= FAILURES)
		log_info("health: %s answers again", what(c));
	c->failed = good ? 0 : c->failed + 1;
	if (c->failed == FAILURES)
		log_warnx("health: %s does not answer", what(c));
	event_add(c->every, &tv);
}

/* A name's answer by UDP has come. */
static int
name_read(struct check *c)
{
	static uint8_t	 msg[DNS_MSG_MAX];
	struct ipaddr	 a[1];
	uint32_t	 ttl;
	ssize_t		 n;
	int		 tc;

	if ((n = recv(c->fd, msg, sizeof(msg), 0)) == -1)
		return (errno == EAGAIN ? -1 : 0);
	n = dnsmsg_check(msg, (size_t)n, &c->q, c->id, &ttl, &tc);
	if (n == -1)
		return (-1);		/* somebody else's */
	return (dnsmsg_addresses(msg, (size_t)n, &c->q, a, 1) != -1);
}

/* A server's first line has come: any that is no error will do. */
static int
http_read(struct check *c)
{
	ssize_t	 n;

	n = recv(c->fd, c->got + c->ngot, sizeof(c->got) - c->ngot, 0);
	if (n == -1 && errno == EAGAIN)
		return (-1);
	if (n <= 0)
		return (0);
	c->ngot += (size_t)n;
	if (c->ngot < sizeof(c->got))
		return (-1);
	return (strncmp(c->got, "HTTP/1.", 7) == 0 && c->got[8] == ' ' &&
	    (c->got[9] == '2' || c->got[9] == '3'));
}

static void
http_send(struct check *c)
{
	char	 req[sizeof(conf.host) + sizeof(conf.path) + 128];
	int	 n, v6 = strchr(conf.host, ':') != NULL;

	n = snprintf(req, sizeof(req), "GET %s HTTP/1.0\r\n"
	    "Host: %s%s%s:%u\r\nUser-Agent: wgslirpd\r\n\r\n", conf.path,
	    v6 ? "[" : "", conf.host, v6 ? "]" : "", conf.port);
	/* it fits into the buffer of a new connection */
	if (send(c->fd, req, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) != n) {
		done(c, 0);
		return;
	}
	c->sent = 1;
}

static void
ready(evutil_socket_t fd, short events, void *arg)
{
	struct check	*c = arg;
	int		 r;

	(void)fd;
	(void)events;
	engine->now = mono_now();
	if (c->kind == CHECK_HTTP && !c->sent) {
		http_send(c);
		if (!c->busy)
			return;
		event_free(c->ev);
		c->ev = event_new(evbase, c->fd, EV_READ | EV_PERSIST, ready,
		    c);
		if (c->ev == NULL || event_add(c->ev, NULL) == -1)
			done(c, 0);
		return;
	}
	r = c->kind == CHECK_NAME ? name_read(c) : http_read(c);
	if (r != -1)
		done(c, r);
}

/* Open a socket to there and wait for it. */
static int
reach(struct check *c, const struct ipaddr *addr, uint16_t port)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sa_make(&ss, addr, port);
	int			 type = c->kind == CHECK_NAME ? SOCK_DGRAM :
				    SOCK_STREAM;
	short			 events = c->kind == CHECK_NAME ? EV_READ :
				    EV_WRITE;

	if (fds_take() == -1)
		return (-1);
	c->fd = socket(ss.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd == -1) {
		fds_give();
		return (-1);
	}
	c->sent = 0;
	c->ngot = 0;
	if ((connect(c->fd, (struct sockaddr *)&ss, len) == -1 &&
	    errno != EINPROGRESS) ||
	    (c->ev = event_new(evbase, c->fd, events | EV_PERSIST, ready,
	    c)) == NULL || event_add(c->ev, NULL) == -1) {
		close_socket(c);
		return (-1);
	}
	return (0);
}

/* The addresses of the name: it is well, or the server is asked. */
static void
resolved(void *arg, const struct ipaddr *addr, size_t n, const char *why)
{
	struct check	*c = arg;
	size_t		 i;

	(void)why;
	c->lookup = NULL;
	if (c->kind == CHECK_NAME) {
		done(c, n > 0);
		return;
	}
	for (i = 0; i < n; i++)
		if (reach(c, &addr[i], conf.port) == 0)
			return;
	done(c, 0);
}

static void
ask_server(struct check *c)
{
	uint8_t	 msg[DNS_NAME_MAX + 64];
	size_t	 n;

	c->id = (uint16_t)arc4random();
	if (dnsmsg_question(conf.name, DNS_TYPE_A, &c->q) == -1 ||
	    reach(c, &conf.at, DNS_PORT) == -1) {
		done(c, 0);
		return;
	}
	n = dnsmsg_upstream(&c->q, c->id, msg, sizeof(msg));
	if (send(c->fd, msg, n, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		done(c, 0);
}

/* Whatever it waits for, and however often something comes of it. */
static void
too_late(evutil_socket_t fd, short events, void *arg)
{
	(void)fd;
	(void)events;
	engine->now = mono_now();
	done(arg, 0);
}

static void
look(evutil_socket_t fd, short events, void *arg)
{
	static const struct timeval	 patience = { PATIENCE, 0 };
	struct check			*c = arg;
	struct ipaddr			 addr;

	(void)fd;
	(void)events;
	engine->now = mono_now();
	if (c->busy)
		return;
	c->busy = 1;
	event_add(c->late, &patience);
	if (c->kind == CHECK_NAME && conf.at.af != 0)
		ask_server(c);
	else if (c->kind == CHECK_HTTP &&
	    ipaddr_parse(&addr, conf.host) == 0)
		resolved(c, &addr, 1, NULL);
	else
		lookup_name(what(c), resolved, c, &c->lookup);
}

void
health_init(struct slirp *s)
{
	int	 i;

	engine = s;
	for (i = 0; i < CHECKS; i++) {
		checks[i].kind = (enum kind)i;
		checks[i].fd = -1;
		checks[i].every = evtimer_new(evbase, look, &checks[i]);
		checks[i].late = evtimer_new(evbase, too_late, &checks[i]);
		if (checks[i].every == NULL || checks[i].late == NULL)
			fatal(NULL);
	}
}

void
health_commit(const struct conf_health *h)
{
	static const struct timeval	 soon = { 0, 100000 };
	int				 i;

	if (memcmp(&conf, h, sizeof(conf)) == 0)
		return;
	conf = *h;
	conf.name[sizeof(conf.name) - 1] = conf.host[sizeof(conf.host) - 1] =
	    conf.path[sizeof(conf.path) - 1] = '\0';
	for (i = 0; i < CHECKS; i++) {
		stop(&checks[i]);
		checks[i].failed = 0;
		event_del(checks[i].every);
		if (wanted(&checks[i]))
			event_add(checks[i].every, &soon);
	}
}

const char *
health_wrong(void)
{
	static char	 text[sizeof(conf.name) + 64];
	int		 i;

	for (i = 0; i < CHECKS; i++)
		if (wanted(&checks[i]) && checks[i].failed >= FAILURES) {
			snprintf(text, sizeof(text), "%s does not answer",
			    what(&checks[i]));
			return (text);
		}
	return (NULL);
}
