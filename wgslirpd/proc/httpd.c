/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <http_parser.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "httpd.h"
#include "log.h"
#include "mono.h"
#include "proc.h"

#define MAX_HEAD	8192		/* the request line and all headers */
#define MAX_URL		2048
#define NAME_LEN	32		/* longest name that is wanted */
#define VALUE_LEN	2048
#define CONN_TIME	20		/* seconds for a request, or to read */
#define WORK_TIME	120		/* for what it takes to answer */
#define ASK_TIME	MONO_SEC(1)	/* if others wait for the place */
#define READ_TIME	MONO_SEC(5)

struct httpd_conn {
	TAILQ_ENTRY(httpd_conn)	 entry;
	struct httpd		*h;
	struct bufferevent	*bev;
	struct event		*timer;
	void			*user;
	mono_t			 since;
	http_parser		 parser;
	struct httpd_request	 r;
	char			*value[HTTPD_WANTED];
	char			*url;
	size_t			 urllen;
	size_t			 head;		/* bytes of it so far */
	char			 name[NAME_LEN];	/* of a header */
	size_t			 namelen;
	char			*text;		/* its value */
	size_t			 textlen;
	int			 valued;	/* the header has its value */
	const char		*bad;		/* what the client hears */
	int			 asked;		/* its request is complete */
	int			 answered;
	int			 headonly;
	int			 stream;
};

struct httpd_socket {
	TAILQ_ENTRY(httpd_socket)	 entry;
	struct httpd		*h;
	int			 fd;
	int			 local;
	int			 held;		/* accepted, without a place */
	struct event		*ev;
	struct event		*pause;
	struct ipprefix		*allow;		/* none: everybody */
	size_t			 nallow;
};
TAILQ_HEAD(httpd_sockets, httpd_socket);

struct httpd {
	struct httpd_ops	 ops;
	struct httpd_sockets	 sockets;
	struct httpd_sockets	 staged;
	TAILQ_HEAD(, httpd_conn)	 conns;
	TAILQ_HEAD(, httpd_conn)	 streams;
	int			 nconns;
	int			 nstreams;
};

/* ---- connections */

void
httpd_end(struct httpd_conn *c)
{
	struct httpd	*h = c->h;
	int		 i;

	if (c->stream) {
		TAILQ_REMOVE(&h->streams, c, entry);
		h->nstreams--;
	} else {
		TAILQ_REMOVE(&h->conns, c, entry);
		h->nconns--;
	}
	if (c->user != NULL)
		h->ops.closed(c, c->user);
	bufferevent_free(c->bev);
	event_free(c->timer);
	for (i = 0; i < HTTPD_WANTED; i++)
		freezero(c->value[i], VALUE_LEN);
	freezero(c->text, VALUE_LEN);
	freezero(c->r.body, h->ops.max_body + 1);
	free(c->url);
	free(c);
}

void *
httpd_user(struct httpd_conn *c)
{
	return (c->user);
}

void
httpd_set_user(struct httpd_conn *c, void *user)
{
	c->user = user;
}

static void
set_time(struct httpd_conn *c, time_t seconds)
{
	struct timeval	 tv = { seconds, 0 };

	event_add(c->timer, &tv);
}

static void
put(struct httpd_conn *c, const void *data, size_t len)
{
	/* out of memory: the client sees an end without an answer */
	(void)evbuffer_add(bufferevent_get_output(c->bev), data, len);
}

void
httpd_answer(struct httpd_conn *c, const char *status, const char *headers,
    const void *body, size_t len)
{
	c->answered = 1;
	c->since = mono_now();
	set_time(c, CONN_TIME);
	bufferevent_disable(c->bev, EV_READ);
	(void)evbuffer_add_printf(bufferevent_get_output(c->bev),
	    "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n"
	    "%s\r\n", status, len, headers);
	if (len > 0 && !c->headonly)
		put(c, body, len);
	bufferevent_enable(c->bev, EV_WRITE);
}

int
httpd_stream(struct httpd_conn *c, const char *headers)
{
	struct httpd	*h = c->h;

	if (h->nstreams >= h->ops.max_streams) {
		httpd_answer(c, "503 Service Unavailable", "", NULL, 0);
		return (-1);
	}
	TAILQ_REMOVE(&h->conns, c, entry);
	h->nconns--;
	TAILQ_INSERT_TAIL(&h->streams, c, entry);
	h->nstreams++;
	c->stream = c->answered = 1;
	event_del(c->timer);
	(void)evbuffer_add_printf(bufferevent_get_output(c->bev),
	    "HTTP/1.1 200 OK\r\nConnection: close\r\n%s\r\n", headers);
	/* its end is noticed by reading */
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	return (0);
}

void
httpd_send(struct httpd_conn *c, const void *data, size_t len)
{
	put(c, data, len);
}

size_t
httpd_waiting(struct httpd_conn *c)
{
	return (evbuffer_get_length(bufferevent_get_output(c->bev)));
}

/* ---- what the parser finds */

static int
refuse(struct httpd_conn *c, const char *status)
{
	if (c->bad == NULL)
		c->bad = status;
	return (1);
}

static int
on_url(http_parser *p, const char *at, size_t len)
{
	struct httpd_conn	*c = p->data;

	if (c->url == NULL && (c->url = calloc(1, MAX_URL)) == NULL)
		return (refuse(c, "503 Service Unavailable"));
	if (len >= MAX_URL - c->urllen)
		return (refuse(c, "414 URI Too Long"));
	memcpy(c->url + c->urllen, at, len);
	c->urllen += len;
	return (0);
}

/* A header is complete: keep its value, if it is wanted. */
static int
keep_header(struct httpd_conn *c)
{
	int	 i;

	c->name[c->namelen < NAME_LEN ? c->namelen : 0] = '\0';
	for (i = 0; i < HTTPD_WANTED && c->h->ops.wanted[i] != NULL; i++) {
		if (strcasecmp(c->name, c->h->ops.wanted[i]) != 0)
			continue;
		/* which of them would be meant? */
		if (c->value[i] != NULL)
			return (refuse(c, "400 Bad Request"));
		if (c->text == NULL && (c->text = calloc(1, VALUE_LEN)) ==
		    NULL)
			return (refuse(c, "503 Service Unavailable"));
		c->text[c->textlen] = '\0';
		c->r.header[i] = c->value[i] = c->text;
		c->text = NULL;
		break;
	}
	c->namelen = c->textlen = 0;
	c->valued = 0;
	return (0);
}

static int
on_field(http_parser *p, const char *at, size_t len)
{
	struct httpd_conn	*c = p->data;
	size_t			 i;

	/* what comes behind the body is nothing to us */
	if (c->r.body != NULL)
		return (0);
	if (c->valued && keep_header(c) != 0)
		return (1);
	for (i = 0; i < len; i++) {
		if (c->namelen < NAME_LEN - 1)
			c->name[c->namelen] = at[i];
		if (c->namelen < NAME_LEN)
			c->namelen++;
	}
	return (0);
}

static int
on_value(http_parser *p, const char *at, size_t len)
{
	struct httpd_conn	*c = p->data;

	if (c->r.body != NULL)
		return (0);
	if (c->text == NULL && (c->text = calloc(1, VALUE_LEN)) == NULL)
		return (refuse(c, "503 Service Unavailable"));
	if (len >= VALUE_LEN - c->textlen)
		return (refuse(c, "431 Request Header Fields Too Large"));
	memcpy(c->text + c->textlen, at, len);
	c->textlen += len;
	c->valued = 1;
	return (0);
}

static int
on_headers(http_parser *p)
{
	struct httpd_conn	*c = p->data;

	if (c->valued && keep_header(c) != 0)
		return (-1);
	if (c->h->ops.max_body == 0 && (p->flags & F_CHUNKED ||
	    (p->content_length != 0 && p->content_length != UINT64_MAX))) {
		(void)refuse(c, "413 Content Too Large");
		return (-1);
	}
	if ((c->r.body = calloc(1, c->h->ops.max_body + 1)) == NULL) {
		(void)refuse(c, "503 Service Unavailable");
		return (-1);
	}
	return (0);
}

static int
on_body(http_parser *p, const char *at, size_t len)
{
	struct httpd_conn	*c = p->data;

	if (len > c->h->ops.max_body - c->r.bodylen)
		return (refuse(c, "413 Content Too Large"));
	memcpy(c->r.body + c->r.bodylen, at, len);
	c->r.bodylen += len;
	return (0);
}

/* The request is complete, and is the only one. */
static int
on_complete(http_parser *p)
{
	struct httpd_conn	*c = p->data;

	c->asked = 1;
	http_parser_pause(p, 1);
	return (0);
}

static const http_parser_settings	 settings = {
	.on_url = on_url,
	.on_header_field = on_field,
	.on_header_value = on_value,
	.on_headers_complete = on_headers,
	.on_body = on_body,
	.on_message_complete = on_complete
};

static void
request(struct httpd_conn *c)
{
	char	*q;

	switch (c->parser.method) {
	case HTTP_GET:
		c->r.method = HTTPD_GET;
		break;
	case HTTP_HEAD:
		c->r.method = HTTPD_GET;
		c->headonly = 1;
		break;
	case HTTP_POST:
		c->r.method = HTTPD_POST;
		break;
	case HTTP_DELETE:
		c->r.method = HTTPD_DELETE;
		break;
	default:
		c->r.method = HTTPD_OTHER;
	}
	c->r.path = c->url;
	if ((q = strchr(c->url, '?')) != NULL)
		*q++ = '\0';
	c->r.query = q != NULL ? q : c->url + strlen(c->url);
	/* what others have to do for it may take its time */
	set_time(c, WORK_TIME);
	c->h->ops.request(c, &c->r);
}

static void
conn_read(struct bufferevent *bev, void *arg)
{
	struct httpd_conn	*c = arg;
	struct evbuffer		*in = bufferevent_get_input(bev);
	struct evbuffer_iovec	 v;
	size_t			 n;

	if (c->stream || c->answered) {
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	while (!c->asked && c->bad == NULL &&
	    evbuffer_peek(in, -1, NULL, &v, 1) > 0) {
		n = http_parser_execute(&c->parser, &settings, v.iov_base,
		    v.iov_len);
		c->head += c->r.body == NULL ? n : 0;
		if (c->asked)
			break;
		if (HTTP_PARSER_ERRNO(&c->parser) == HPE_HEADER_OVERFLOW ||
		    c->head > MAX_HEAD)
			refuse(c, "431 Request Header Fields Too Large");
		else if (HTTP_PARSER_ERRNO(&c->parser) != HPE_OK ||
		    c->parser.upgrade)
			refuse(c, "400 Bad Request");
		evbuffer_drain(in, n);
	}
	if (c->bad != NULL)
		httpd_answer(c, c->bad, "", NULL, 0);
	else if (c->asked) {
		bufferevent_disable(bev, EV_READ);
		if (c->url == NULL)
			httpd_answer(c, "400 Bad Request", "", NULL, 0);
		else
			request(c);
	}
}

/* The answer has gone: so may the client. */
static void
conn_written(struct bufferevent *bev, void *arg)
{
	struct httpd_conn	*c = arg;
	uint8_t			 b[4096];
	int			 i, fd = bufferevent_getfd(bev);

	if (c->stream || !c->answered)
		return;
	/* what is left unread would make a reset of the end */
	for (i = 0; i < 16 && recv(fd, b, sizeof(b), MSG_DONTWAIT) > 0; i++)
		continue;
	httpd_end(c);
}

static void
conn_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	httpd_end(arg);
}

static void
conn_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	httpd_end(arg);
}

/* ---- sockets that listen */

static int	 place(struct httpd_socket *, int);

static void
resume(evutil_socket_t fd, short what, void *arg)
{
	struct httpd_socket	*s = arg;

	(void)fd;
	(void)what;
	if (s->held != -1 && place(s, s->held) == -1)
		return;
	event_add(s->ev, NULL);
}

/*
 * Of those who had their time the oldest has to go, one that has not even
 * asked before one that is slow to take its answer, and none whose answer is
 * being made.  -1: wait a moment.
 */
static int
make_room(struct httpd *h)
{
	struct httpd_conn	*c, *slow = NULL;
	mono_t			 now = mono_now();

	TAILQ_FOREACH(c, &h->conns, entry) {
		if (!c->asked && now - c->since >= ASK_TIME)
			break;
		if (slow == NULL && c->answered &&
		    now - c->since >= READ_TIME)
			slow = c;
	}
	if (c == NULL && (c = slow) == NULL)
		return (-1);
	httpd_end(c);
	return (0);
}

/* Is this socket for a client from there, or has it enough of them? */
static int
may_come(const struct httpd_socket *s, const struct ipaddr *from)
{
	size_t	 i;

	for (i = 0; i < s->nallow; i++)
		if (ipprefix_match(&s->allow[i], from))
			return (1);
	return (s->nallow == 0);
}

/* One address has half of the places, so that nobody has all of them. */
static int
has_many(const struct httpd *h, const struct ipaddr *from)
{
	const struct httpd_conn	*c;
	int			 n = 0;

	TAILQ_FOREACH(c, &h->conns, entry)
		n += ipaddr_cmp(&c->r.from, from) == 0;
	return (n >= h->ops.max_conns / 2);
}

static int
is_loopback(const struct ipaddr *a)
{
	static const struct ipaddr	 lo6 = { .af = 6, .a = { [15] = 1 } };

	return ((a->af == 4 && a->a[0] == 127) || ipaddr_cmp(a, &lo6) == 0);
}

/* Where a client is; -1 if it is nobody's that is served. */
static int
where_from(const struct httpd_socket *s, int fd, struct ipaddr *from)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sizeof(ss);

	memset(from, 0, sizeof(*from));
	if (s->local)
		return (0);
	/* one that is gone already is from nowhere, and is no local one */
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    ipaddr_from_sa(from, (struct sockaddr *)&ss) == -1 ||
	    !may_come(s, from))
		return (-1);
	if (is_loopback(from) || (s->h->ops.exempt != NULL &&
	    s->h->ops.exempt(from)))
		return (0);
	return (has_many(s->h, from) ? -1 : 0);
}

static void
conn_new(struct httpd_socket *s, int fd, const struct ipaddr *from)
{
	struct httpd		*h = s->h;
	struct httpd_conn	*c;

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
	c->r.from = *from;
	c->r.local = s->local;
	c->h = h;
	http_parser_init(&c->parser, HTTP_REQUEST);
	c->parser.data = c;
	bufferevent_setcb(c->bev, conn_read, conn_written, conn_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, MAX_HEAD);
	bufferevent_disable(c->bev, EV_WRITE);
	bufferevent_enable(c->bev, EV_READ);
	set_time(c, CONN_TIME);
	c->since = mono_now();
	TAILQ_INSERT_TAIL(&h->conns, c, entry);
	h->nconns++;
}

/*
 * Serve a client, if there is a place or one can be made.  -1: it is held until
 * there is, and nobody else is accepted meanwhile.
 */
static int
place(struct httpd_socket *s, int fd)
{
	struct timeval	 soon = { 0, 50000 };
	struct ipaddr	 from;

	s->held = -1;
	if (where_from(s, fd, &from) == -1) {
		close(fd);
		return (0);
	}
	if (s->h->nconns >= s->h->ops.max_conns && make_room(s->h) == -1) {
		s->held = fd;
		event_del(s->ev);
		event_add(s->pause, &soon);
		return (-1);
	}
	conn_new(s, fd, &from);
	return (0);
}

static void
accept_client(evutil_socket_t lfd, short what, void *arg)
{
	struct httpd_socket	*s = arg;
	int			 fd;

	(void)what;
	if ((fd = accept_or_pause(lfd, s->ev, s->pause)) != -1)
		(void)place(s, fd);
}

struct httpd *
httpd_new(const struct httpd_ops *ops)
{
	struct httpd	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL)
		return (NULL);
	h->ops = *ops;
	TAILQ_INIT(&h->sockets);
	TAILQ_INIT(&h->staged);
	TAILQ_INIT(&h->conns);
	TAILQ_INIT(&h->streams);
	http_parser_set_max_header_size(MAX_HEAD);
	return (h);
}

void
httpd_stage(struct httpd *h, int fd, int local)
{
	struct httpd_socket	*s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		fatal(NULL);
	s->h = h;
	s->fd = fd;
	s->local = local;
	s->held = -1;
	s->pause = evtimer_new(evbase, resume, s);
	s->ev = event_new(evbase, fd, EV_READ | EV_PERSIST, accept_client,
	    s);
	if (s->pause == NULL || s->ev == NULL)
		fatalx("HTTP");
	TAILQ_INSERT_TAIL(&h->staged, s, entry);
}

int
httpd_allow(struct httpd *h, const struct ipprefix *p)
{
	struct httpd_socket	*s = TAILQ_LAST(&h->staged, httpd_sockets);
	struct ipprefix		*v;

	if (s == NULL || (v = reallocarray(s->allow, s->nallow + 1,
	    sizeof(*v))) == NULL)
		return (-1);
	s->allow = v;
	s->allow[s->nallow++] = *p;
	return (0);
}

void
httpd_commit(struct httpd *h)
{
	struct httpd_socket	*s;

	while ((s = TAILQ_FIRST(&h->sockets)) != NULL) {
		TAILQ_REMOVE(&h->sockets, s, entry);
		event_free(s->ev);
		event_free(s->pause);
		if (s->held != -1)
			close(s->held);
		close(s->fd);
		free(s->allow);
		free(s);
	}
	TAILQ_CONCAT(&h->sockets, &h->staged, entry);
	TAILQ_FOREACH(s, &h->sockets, entry)
		event_add(s->ev, NULL);
}

/* ---- forms */

static int
digit(char c)
{
	return (c >= '0' && c <= '9' ? c - '0' : isxdigit((unsigned char)c) ?
	    tolower((unsigned char)c) - 'a' + 10 : -1);
}

/* Decode what stands up to end; -1 if it cannot be, or does not fit. */
static int
decode(const char *s, const char *end, int form, char *buf, size_t len)
{
	size_t	 n = 0;
	int	 c;

	for (; s < end; s++) {
		c = (unsigned char)*s;
		if (c == '+' && form)
			c = ' ';
		else if (c == '%') {
			if (end - s < 3 || digit(s[1]) == -1 ||
			    digit(s[2]) == -1)
				return (-1);
			c = digit(s[1]) * 16 + digit(s[2]);
			s += 2;
		}
		if (c == '\0' || n + 1 >= len)
			return (-1);
		buf[n++] = (char)c;
	}
	buf[n] = '\0';
	return (0);
}

const char *
httpd_decode(const char *s, char *buf, size_t len)
{
	return (decode(s, s + strlen(s), 0, buf, len) == -1 ? NULL : buf);
}

const char *
httpd_field(const char *form, const char *name, char *buf, size_t len)
{
	const char	*s, *end, *found = NULL;
	size_t		 n = strlen(name);

	for (s = form; *s != '\0'; s = end + (*end == '&')) {
		end = s + strcspn(s, "&");
		if (strncmp(s, name, n) != 0 || s[n] != '=')
			continue;
		if (found != NULL || decode(s + n + 1, end, 1, buf,
		    len) == -1)
			return (NULL);
		found = buf;
	}
	return (found);
}
