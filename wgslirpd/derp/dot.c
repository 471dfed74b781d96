/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "dot.h"
#include "log.h"
#include "pem.h"
#include "state.h"
#include "tls.h"

#define MAX_ASKED	256		/* questions on one connection */
#define IN_MAX		(2 + 65535)
#define OUT_MAX		(MAX_ASKED * (2 + DOT_ASK_MAX))
#define RECORDS		(OUT_MAX + 16384)
#define HELLO_TIME	4		/* seconds to be connected */
#define ANSWER_TIME	6		/* for a question */
#define LOOK_TIME	1		/* between looks at who waits */
#define IDLE_TIME	60		/* without one */
#define ROUNDS		8		/* reads at once */

enum state {
	IDLE,
	CONNECTING,
	HELLO,
	UP
};

/* A question under way, by its id on the connection. */
struct asked {
	uint32_t	 cookie;	/* the asker's; 0: it is free */
	struct imsgev	*from;		/* who that is */
	uint16_t	 id;		/* here, */
	uint8_t		 own[2];	/* and the asker's */
	mono_t		 at;
};

struct server {
	struct upstream		 u;
	struct tls_config	*conf;
	struct tls		*tls;
	enum state		 state;
	int			 fd;
	int			 failed;	/* it is to be closed */
	struct event		*rev;
	struct event		*wev;
	struct event		*timer;
	uint8_t			*in;		/* plain; IN_MAX */
	size_t			 inlen;
	uint8_t			*out;		/* plain; OUT_MAX */
	size_t			 outlen;
	uint8_t			*raw;		/* for the socket; RECORDS */
	size_t			 rawlen;
	struct asked		 asked[MAX_ASKED];
	int			 nasked;
	mono_t			 heard;		/* an answer, when last */
};

static struct server	*servers[MAX_DOT];
static struct upstream	 staged[MAX_DOT];
static int		 nstaged;
static char		*pem;		/* that is being staged */
static size_t		 pemlen;
static struct log_limit	 limit;

static void	 flush(struct server *);

/* Somebody gets no answer. */
static void
fail_one(struct asked *a)
{
	struct dot_part	 m;

	memset(&m, 0, sizeof(m));
	m.cookie = a->cookie;
	m.last = 1;
	(void)imsgev_send(a->from, IMSG_DOT_PART, 0, -1, &m, sizeof(m));
	a->cookie = 0;
}

/* End the connection; who waits hears of it. */
static void
end(struct server *x)
{
	int	 i;

	if (x->rev != NULL)
		event_free(x->rev);
	if (x->wev != NULL)
		event_free(x->wev);
	x->rev = x->wev = NULL;
	event_del(x->timer);
	tls_free(x->tls);
	x->tls = NULL;
	if (x->fd != -1)
		close(x->fd);
	x->fd = -1;
	free(x->in);
	free(x->out);
	free(x->raw);
	x->in = x->out = x->raw = NULL;
	x->inlen = x->outlen = x->rawlen = 0;
	x->state = IDLE;
	x->failed = 0;
	for (i = 0; i < MAX_ASKED; i++)
		if (x->asked[i].cookie != 0)
			fail_one(&x->asked[i]);
	x->nasked = 0;
}

static void
fail(struct server *x, const char *why)
{
	char	 at[ADDR_STRLEN];

	if (!x->failed && log_allow(&limit, mono_now()))
		log_warnx("upstream %s#%s: %s", ipport_str(&x->u.addr,
		    x->u.port, at, sizeof(at)), x->u.name, why);
	x->failed = 1;
}

static void
set_timer(struct server *x, int seconds)
{
	struct timeval	 tv = { seconds, 0 };

	event_add(x->timer, &tv);
}

static void
arm(struct server *x)
{
	set_timer(x, x->state != UP ? HELLO_TIME : x->nasked > 0 ?
	    LOOK_TIME : IDLE_TIME);
}

/*
 * Give up what has waited for too long: a server may answer some questions and
 * drop others, which would have all places in the end.  1 if nothing has been
 * answered since one of them was asked: then it is the connection.
 */
static int
give_up(struct server *x)
{
	mono_t	 now = mono_now();
	int	 i, dead = 0;

	for (i = 0; i < MAX_ASKED; i++) {
		if (x->asked[i].cookie == 0 ||
		    now - x->asked[i].at < MONO_SEC(ANSWER_TIME))
			continue;
		dead |= x->heard <= x->asked[i].at;
		fail_one(&x->asked[i]);
		x->nasked--;
	}
	return (dead);
}

/* There was nothing to do, or it is time to look at who still waits. */
static void
timeout(evutil_socket_t fd, short what, void *arg)
{
	struct server	*x = arg;

	(void)fd;
	(void)what;
	if (x->state != UP)
		fail(x, "does not answer");
	if (x->state != UP || x->nasked == 0 || give_up(x))
		end(x);
	else
		arm(x);
}

/* One whole answer, of len bytes. */
static void
answered(struct server *x, uint8_t *msg, size_t len)
{
	struct dot_part	 m;
	struct asked	*a = NULL;
	size_t		 off = 0;
	int		 i;

	if (len < 12)
		return;
	for (i = 0; i < MAX_ASKED; i++)
		if (x->asked[i].cookie != 0 &&
		    x->asked[i].id == (msg[0] << 8 | msg[1]))
			a = &x->asked[i];
	if (a == NULL)
		return;		/* nobody has asked that */
	memcpy(msg, a->own, sizeof(a->own));
	do {
		memset(&m, 0, sizeof(m));
		m.cookie = a->cookie;
		m.len = (uint16_t)(len - off < sizeof(m.data) ? len - off :
		    sizeof(m.data));
		memcpy(m.data, msg + off, m.len);
		off += m.len;
		m.last = off == len;
		(void)imsgev_send(a->from, IMSG_DOT_PART, 0, -1, &m,
		    sizeof(m));
	} while (off < len);
	a->cookie = 0;
	x->heard = mono_now();
	if (--x->nasked == 0)
		arm(x);
}

/* What has come in the clear: answers, each behind its length. */
static void
parse(struct server *x)
{
	size_t	 used = 0, len;

	while (x->inlen - used >= 2) {
		len = (size_t)(x->in[used] << 8 | x->in[used + 1]);
		if (x->inlen - used < 2 + len)
			break;
		answered(x, x->in + used + 2, len);
		used += 2 + len;
	}
	memmove(x->in, x->in + used, x->inlen - used);
	x->inlen -= used;
}

static void
input(struct server *x, const uint8_t *buf, size_t len)
{
	int	 n;

	if (tls_input(x->tls, buf, len) == -1) {
		fail(x, "out of memory");
		return;
	}
	if (x->state == HELLO) {
		if ((n = tls_handshake(x->tls)) == -1)
			fail(x, tls_error(x->tls));
		if (n != 1)
			return;
		x->state = UP;
		arm(x);
	}
	while (!x->failed && (n = tls_read(x->tls, x->in + x->inlen,
	    IN_MAX - x->inlen)) != 0) {
		if (n == -1) {
			/* servers end what nobody uses, which is no news */
			if (x->nasked > 0)
				fail(x, tls_error(x->tls));
			x->failed = 1;
			return;
		}
		x->inlen += (size_t)n;
		parse(x);
	}
}

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t	 buf[16384];
	struct server	*x = arg;
	ssize_t		 n;
	int		 i;

	(void)what;
	for (i = 0; i < ROUNDS && !x->failed; i++) {
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			if (x->nasked > 0)
				fail(x, n == 0 ? "has closed the connection" :
				    strerror(errno));
			x->failed = 1;
			break;
		}
		input(x, buf, (size_t)n);
	}
	if (!x->failed)
		flush(x);
	if (x->failed)
		end(x);
}

/* What waits goes as far as the socket takes it. */
static void
flush(struct server *x)
{
	ssize_t	 n;

	if (x->state == UP && x->outlen > 0) {
		if (tls_write(x->tls, x->out, x->outlen) == -1) {
			fail(x, tls_error(x->tls));
			return;
		}
		x->outlen = 0;
	}
	for (;;) {
		x->rawlen += tls_output(x->tls, x->raw + x->rawlen,
		    RECORDS - x->rawlen);
		if (x->rawlen == 0)
			return;
		n = send(x->fd, x->raw, x->rawlen, MSG_DONTWAIT |
		    MSG_NOSIGNAL);
		if (n == -1 && (errno == EAGAIN || errno == EINTR)) {
			event_add(x->wev, NULL);
			return;
		}
		if (n == -1) {
			fail(x, strerror(errno));
			return;
		}
		memmove(x->raw, x->raw + n, x->rawlen - (size_t)n);
		x->rawlen -= (size_t)n;
	}
}

static void
connected(struct server *x)
{
	socklen_t	 len = sizeof(int);
	int		 error = 0;

	if (getsockopt(x->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error != 0) {
		fail(x, strerror(error));
		return;
	}
	x->state = HELLO;
	if ((x->tls = tls_new(x->conf)) == NULL)
		fail(x, "out of memory");
	else if (tls_handshake(x->tls) == -1)
		fail(x, tls_error(x->tls));
	else
		event_add(x->rev, NULL);
}

static void
writable(evutil_socket_t fd, short what, void *arg)
{
	struct server	*x = arg;

	(void)fd;
	(void)what;
	if (x->state == CONNECTING)
		connected(x);
	if (!x->failed)
		flush(x);
	if (x->failed)
		end(x);
}

/* -1 if it cannot be tried. */
static int
begin(struct server *x)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	int			 on = 1;

	len = sa_make(&ss, &x->u.addr, x->u.port);
	sa_set_scope(&ss, x->u.scope);
	x->in = malloc(IN_MAX);
	x->out = malloc(OUT_MAX);
	x->raw = malloc(RECORDS);
	x->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, IPPROTO_TCP);
	if (x->in == NULL || x->out == NULL || x->raw == NULL || x->fd == -1)
		return (-1);
	(void)setsockopt(x->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(x->fd, (struct sockaddr *)&ss, len) == -1 &&
	    errno != EINPROGRESS) {
		fail(x, strerror(errno));
		return (-1);
	}
	x->rev = event_new(evbase, x->fd, EV_READ | EV_PERSIST, readable, x);
	x->wev = event_new(evbase, x->fd, EV_WRITE, writable, x);
	if (x->rev == NULL || x->wev == NULL || event_add(x->wev, NULL) == -1)
		return (-1);
	x->state = CONNECTING;
	set_timer(x, HELLO_TIME);
	return (0);
}

/* A free place, and an id that no other question has. */
static struct asked *
place(struct server *x)
{
	struct asked	*a = NULL;
	int		 i;
	uint16_t	 id;

	if (x->nasked == MAX_ASKED || OUT_MAX - x->outlen < 2 + DOT_ASK_MAX)
		return (NULL);
 again:
	id = (uint16_t)arc4random();
	for (i = 0; i < MAX_ASKED; i++) {
		if (x->asked[i].cookie == 0)
			a = &x->asked[i];
		else if (x->asked[i].id == id)
			goto again;
	}
	if (a != NULL)
		a->id = id;
	return (a);
}

void
dot_ask(struct imsgev *from, struct imsg *imsg)
{
	struct server	*x;
	struct dot_ask	 m;
	struct asked	*a, nobody;

	imsg_is(imsg, &m, sizeof(m));
	if (m.server == 0 || m.server > MAX_DOT || m.len < 12 ||
	    m.len > sizeof(m.msg) || m.cookie == 0)
		bad_imsg("slirp", IMSG_DOT_ASK);
	memset(&nobody, 0, sizeof(nobody));
	nobody.cookie = m.cookie;
	nobody.from = from;
	/* one of the configuration before, or of the next */
	if ((x = servers[m.server - 1]) == NULL || (x->state == IDLE &&
	    begin(x) == -1) || (a = place(x)) == NULL) {
		if (x != NULL && x->state == IDLE)
			end(x);
		fail_one(&nobody);
		return;
	}
	a->cookie = m.cookie;
	a->from = from;
	a->at = mono_now();
	memcpy(a->own, m.msg, sizeof(a->own));
	m.msg[0] = (uint8_t)(a->id >> 8);
	m.msg[1] = (uint8_t)a->id;
	x->out[x->outlen] = (uint8_t)(m.len >> 8);
	x->out[x->outlen + 1] = (uint8_t)m.len;
	memcpy(x->out + x->outlen + 2, m.msg, m.len);
	x->outlen += 2U + m.len;
	if (x->nasked++ == 0)
		arm(x);
	if (x->state == UP)
		flush(x);
	if (x->failed)
		end(x);
}

void
dot_stage(struct imsg *imsg)
{
	if (imsg_get_type(imsg) == IMSG_CONF_DOT_CA) {
		if (pem != NULL)
			bad_imsg("parent", IMSG_CONF_DOT_CA);
		pem_read(imsg_take_fd(imsg), &pem, &pemlen);
		return;
	}
	if (nstaged == MAX_DOT)
		bad_imsg("parent", IMSG_CONF_DOT);
	imsg_is(imsg, &staged[nstaged], sizeof(staged[0]));
	staged[nstaged].name[sizeof(staged[0].name) - 1] = '\0';
	nstaged++;
}

static void
server_free(struct server *x)
{
	end(x);
	event_free(x->timer);
	tls_config_free(x->conf);
	free(x);
}

static struct server *
server_new(const struct upstream *u)
{
	static struct conf_relay	 who;
	struct server			*x;
	const char			*why;

	if ((x = calloc(1, sizeof(*x))) == NULL ||
	    (x->timer = evtimer_new(evbase, timeout, x)) == NULL)
		fatal(NULL);
	x->u = *u;
	x->fd = -1;
	memset(&who, 0, sizeof(who));
	who.has_ca = 1;
	strlcpy(who.host, u->name, sizeof(who.host));
	if ((x->conf = tls_config_new(&who, pem, pemlen, &why)) != NULL)
		return (x);
	log_warnx("upstream %s: %s", u->name, why);
	event_free(x->timer);
	free(x);
	return (NULL);
}

/* Connections begin anew: slirp has forgotten its questions, too. */
void
dot_commit(void)
{
	int	 i;

	for (i = 0; i < MAX_DOT; i++) {
		if (servers[i] != NULL)
			server_free(servers[i]);
		servers[i] = i < nstaged ? server_new(&staged[i]) : NULL;
	}
	nstaged = 0;
	free(pem);
	pem = NULL;
	pemlen = 0;
}
