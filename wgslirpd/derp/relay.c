/* SPDX-License-Identifier: ISC */

/*
 * One relay: connected to by TCP, through a proxy if there is one, by TLS, by
 * HTTP, and then by DERP.  Whatever goes wrong ends the connection with a
 * reason, and the next one is tried after a while, later each time.
 *
 * Nothing here frees a relay, or closes its socket, while bytes of it are being
 * read: fail() says that it is over, and who was called by the event loop ends
 * it.  For that the owner must not call back from what it is told by struct
 * relay_ops.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "relay.h"
#include "state.h"
#include "tcpopt.h"
#include "tell.h"

#define CONNECT_TIME	4000	/* ms for one of several addresses */
#define HELLO_TIME	10000	/* ms for all that is before datagrams */
#define TICK		5	/* seconds between looks at it */
#define PING_TIME	MONO_SEC(15)
#define PONG_TIME	MONO_SEC(10)
#define SILENT_TIME	MONO_SEC(120)	/* it says something every minute */
#define STEADY_TIME	MONO_SEC(10)	/* up so long: it works */
#define BACKOFF_MIN	1000	/* ms */
#define BACKOFF_MAX	60000
#define SEND_TIMEOUT	30000	/* ms until the kernel gives up */
#define NOTSENT		16384	/* bytes that wait in the kernel */
#define ROUNDS		8	/* receive calls at once */
#define RATE_MAX	(1ULL << 32)	/* bytes a second: as good as any */
#define BURST_MAX	(1ULL << 30)

static void	 relay_connect(struct relay *);
static void	 relay_end(struct relay *);

static const struct relay_ops	*ops;

const char *
relay_state_name(const struct relay *r)
{
	static const char *const	 names[] = { "waiting", "connecting",
					    "proxy", "tls", "http", "hello",
					    "hello", "up" };

	return (names[r->state]);
}

/* It is over; the first reason counts. */
static void __attribute__((__format__(printf, 2, 3)))
fail(struct relay *r, const char *fmt, ...)
{
	va_list	 ap;

	if (r->doomed)
		return;
	r->doomed = 1;
	va_start(ap, fmt);
	vsnprintf(r->error, sizeof(r->error), fmt, ap);
	va_end(ap);
	log_clean(r->error);
}

static void
set_timer(struct event *ev, unsigned int ms)
{
	struct timeval	 tv;

	tv.tv_sec = ms / 1000;
	tv.tv_usec = (suseconds_t)(ms % 1000 * 1000);
	event_add(ev, &tv);
}

/* Queue a frame that is no datagram; what does not fit is not urgent. */
static void
put_frame(struct relay *r, uint8_t type, const void *data, size_t len)
{
	if (r->ctllen + FRAME_HDR + len > sizeof(r->ctl))
		return;
	r->ctllen += frame_head(r->ctl + r->ctllen, type, len);
	memcpy(r->ctl + r->ctllen, data, len);
	r->ctllen += len;
}

/* May so many bytes be sent by what the server has told? */
static int
within_rate(struct relay *r, size_t len, mono_t now)
{
	uint64_t	 rate = r->info.rate, most, more, ms;
	mono_t		 since = now - r->refilled;

	if (rate == 0)
		return (1);
	if (rate > RATE_MAX)
		rate = RATE_MAX;
	most = r->info.burst > RELAY_RECORD ? r->info.burst : RELAY_RECORD;
	if (most > BURST_MAX)
		most = BURST_MAX;
	/* what is credited is a whole number; the rest of the time is kept */
	if (since > MONO_SEC(60)) {
		r->refilled = now - MONO_SEC(60);
		since = MONO_SEC(60);
	}
	more = since / 1000 * rate / 1000000;
	if (more > 0)
		r->refilled += more * 1000000 / rate * 1000;
	r->tokens = more > most - r->tokens ? most : r->tokens + more;
	if (r->tokens < len) {
		r->shaped = 1;
		ms = 1 + (len - r->tokens) * 1000 / rate;
		set_timer(r->shaper, ms > 1000 ? 1000 : (unsigned int)ms);
		return (0);
	}
	r->tokens -= len;
	return (1);
}

/* Datagrams that fit behind n bytes; how many bytes there are then. */
static size_t
put_datagrams(struct relay *r, uint8_t *buf, size_t n)
{
	const struct outq_dgram	*d;
	unsigned int		 dropped;
	mono_t			 now = mono_now();
	size_t			 len;

	for (;;) {
		d = outq_next(&r->q, now, &dropped);
		de.count.relay_drop_queue += dropped;
		if (d == NULL)
			break;
		len = FRAME_HDR + KEY_LEN + d->len;
		if (n + len > RELAY_RECORD || r->shaped ||
		    !within_rate(r, len, now))
			break;
		n += frame_head(buf + n, FRAME_SEND, KEY_LEN + d->len);
		memcpy(buf + n, d->key, KEY_LEN);
		memcpy(buf + n + KEY_LEN, d->data, d->len);
		n += KEY_LEN + d->len;
		de.count.relay_tx_datagrams++;
		de.count.relay_tx_bytes += d->len;
		r->tx++;
		outq_done(&r->q);
	}
	return (n);
}

/* What is to be sent next goes to out. */
static void
fill(struct relay *r)
{
	static uint8_t	 plain[RELAY_RECORD];
	size_t		 n;

	memcpy(plain, r->ctl, r->ctllen);
	n = r->ctllen;
	r->ctllen = 0;
	if (r->state == RELAY_UP)
		n = put_datagrams(r, plain, n);
	if (n == 0)
		return;
	if (r->tls == NULL) {
		memcpy(r->out, plain, n);
		r->outlen = n;
	} else if (tls_write(r->tls, plain, n) == -1)
		fail(r, "%s", tls_error(r->tls));
	else
		r->outlen = tls_output(r->tls, r->out, sizeof(r->out));
}

static void
flush(struct relay *r)
{
	ssize_t	 n;
	int	 i;

	for (i = 0; i < ROUNDS && !r->doomed; i++) {
		if (r->outlen == 0) {
			r->outoff = 0;
			if (r->tls != NULL)
				r->outlen = tls_output(r->tls, r->out,
				    sizeof(r->out));
			if (r->outlen == 0)
				fill(r);
			if (r->outlen == 0)
				return;
		}
		n = send(r->fd, r->out + r->outoff, r->outlen, MSG_NOSIGNAL |
		    MSG_DONTWAIT);
		if (n == -1 && errno != EAGAIN && errno != EINTR) {
			fail(r, "send: %s", strerror(errno));
			return;
		}
		if (n == -1)
			break;
		r->outoff += (size_t)n;
		r->outlen -= (size_t)n;
	}
	r->blocked = 1;
	event_add(r->wev, NULL);
}

void
relay_flush(struct relay *r)
{
	if (r->fd == -1 || r->state == RELAY_CONNECTING || r->blocked)
		return;
	flush(r);
	if (r->doomed)
		relay_end(r);
}

void
relay_send(struct relay *r, const uint8_t key[KEY_LEN], const uint8_t *data,
    size_t len, mono_t now)
{
	de.count.relay_drop_queue += outq_put(&r->q, key, data, len, now);
}

void
relay_prefer(struct relay *r, int yes)
{
	uint8_t	 v = yes != 0;

	if (r->preferred == yes)
		return;
	r->preferred = yes;
	if (r->state != RELAY_UP)
		return;
	put_frame(r, FRAME_PREFERRED, &v, 1);
	relay_flush(r);
}

static void
send_ping(struct relay *r, mono_t now)
{
	arc4random_buf(r->ping, sizeof(r->ping));
	put_frame(r, FRAME_PING, r->ping, sizeof(r->ping));
	r->pinged = now;
	r->awaited = 1;
}

static void
tick(evutil_socket_t fd, short what, void *arg)
{
	struct relay	*r = arg;
	mono_t		 now = mono_now();

	(void)fd;
	(void)what;
	if (r->state != RELAY_UP)
		return;
	if (now - r->up_since > STEADY_TIME)
		r->backoff = 0;
	if (now - r->heard > SILENT_TIME || (r->pongs && r->awaited &&
	    now - r->pinged > PONG_TIME && now - r->heard > PONG_TIME)) {
		fail(r, "it says nothing any more");
		relay_end(r);
		return;
	}
	if (now - r->pinged > PING_TIME)
		send_ping(r, now);
	set_timer(r->pinger, TICK * 1000);
	relay_flush(r);
}

/* The connection is complete. */
static void
up(struct relay *r)
{
	char	 key[NODE_STRLEN];
	uint8_t	 yes = 1;

	r->state = RELAY_UP;
	r->up_since = mono_now();
	r->rtt = 0;
	r->pongs = 0;
	r->restarting = 0;
	r->tokens = 0;
	r->refilled = r->up_since;
	r->error[0] = '\0';
	event_del(r->timer);
	set_timer(r->pinger, TICK * 1000);
	if (r->preferred)
		put_frame(r, FRAME_PREFERRED, &yes, 1);
	send_ping(r, r->up_since);
	key_to_node(key, NODE_PUBLIC, r->public);
	if (log_allow(&r->limit, r->up_since))
		log_info("relay %s: connected as %s", r->conf.url, key);
	tell("relay-up", "", "%s", r->conf.url);
	de.count.relay_connected++;
	de.count.relay_active++;
	ops->changed(r);
}

static void
pong(struct relay *r, const uint8_t *data)
{
	mono_t	 d;

	if (!r->awaited || memcmp(data, r->ping, sizeof(r->ping)) != 0)
		return;
	d = mono_now() - r->pinged;
	r->rtt = r->rtt == 0 ? d : (r->rtt * 7 + d) / 8;
	r->pongs = 1;
	r->awaited = 0;
	ops->changed(r);
}

static uint32_t
get32(const uint8_t *p)
{
	return ((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3]);
}

static void
health(struct relay *r, const struct frame *f)
{
	static struct log_limit	 limit;
	char			 text[128];
	size_t			 n = f->len < sizeof(text) - 1 ? f->len :
				    sizeof(text) - 1;

	memcpy(text, f->data, n);
	text[n] = '\0';
	log_clean(text);
	if (n > 0 && log_allow(&limit, mono_now()))
		log_warnx("relay %s says: %s", r->conf.url, text);
}

/* A frame, once datagrams flow. */
static void
frame_up(struct relay *r, const struct frame *f)
{
	switch (f->type) {
	case FRAME_RECV:
		r->rx++;
		ops->input(r, f->data, f->data + KEY_LEN, f->len - KEY_LEN);
		break;
	case FRAME_PING:
		put_frame(r, FRAME_PONG, f->data, f->len);
		break;
	case FRAME_PONG:
		pong(r, f->data);
		break;
	case FRAME_GONE:
		ops->gone(r, f->data);
		break;
	case FRAME_HEALTH:
		health(r, f);
		break;
	case FRAME_RESTARTING:
		/* once is enough, however often it says so */
		if (r->restarting != 0)
			break;
		r->restarting = get32(f->data);
		if (r->restarting < BACKOFF_MIN)
			r->restarting = BACKOFF_MIN;
		if (log_allow(&r->limit, mono_now()))
			log_info("relay %s: restarts", r->conf.url);
		ops->changed(r);
		break;
	}
}

static void
frame_input(struct relay *r, const struct frame *f)
{
	uint8_t	 info[INFO_MAX];
	size_t	 n;

	if (r->state == RELAY_UP) {
		frame_up(r, f);
		return;
	}
	if (r->state == RELAY_KEY && f->type == FRAME_SERVER_KEY &&
	    memcmp(f->data, FRAME_MAGIC, FRAME_MAGIC_LEN) == 0) {
		memcpy(r->server, f->data + FRAME_MAGIC_LEN, KEY_LEN);
		n = hello_client(r->conf.key, r->server, info);
		if (n == 0) {
			fail(r, "the server's key is none");
			return;
		}
		put_frame(r, FRAME_CLIENT_INFO, info, n);
		r->state = RELAY_INFO;
	} else if (r->state == RELAY_INFO && f->type == FRAME_SERVER_INFO) {
		if (hello_server(r->conf.key, r->server, f->data, f->len,
		    &r->info) == -1)
			fail(r, "the server does not have its key");
		else
			up(r);
	} else if (f->type == FRAME_RECV || f->type == FRAME_SERVER_KEY ||
	    r->state == RELAY_KEY)
		fail(r, "the server does not speak DERP");
}

static void
begin_http(struct relay *r)
{
	r->ctllen = hello_upgrade(&r->conf, (char *)r->ctl);
	r->state = RELAY_HTTP;
}

/* A way to the relay is there. */
static void
begin_tls(struct relay *r)
{
	if (!r->conf.tls) {
		begin_http(r);
		return;
	}
	r->state = RELAY_TLS;
	if ((r->tls = tls_new(r->tls_conf)) == NULL)
		fail(r, "TLS: out of memory");
	else if (tls_handshake(r->tls) == -1)
		fail(r, "%s", tls_error(r->tls));
}

/* The head of an answer by HTTP; how many bytes it has, 0: go on. */
static size_t
http_input(struct relay *r)
{
	int	 n, status = 0;

	if ((n = hello_head(r->in, r->inlen, &status)) == 0)
		return (0);
	if (n == -1)
		fail(r, "no answer by HTTP");
	else if (r->state == RELAY_PROXY && status / 100 != 2)
		fail(r, "the proxy answers %d", status);
	else if (r->state == RELAY_HTTP && (status != 101 ||
	    !hello_has(r->in, (size_t)n, "upgrade", "derp")))
		fail(r, "the server answers %d, and is no relay", status);
	else if (r->state == RELAY_HTTP)
		r->state = RELAY_KEY;
	else if (r->inlen > (size_t)n)
		fail(r, "the proxy speaks for the relay");
	else
		begin_tls(r);
	return (n == -1 ? 0 : (size_t)n);
}

/* Bytes have come behind those that were there. */
static void
parse(struct relay *r)
{
	enum frame_state	 s;
	struct frame		 f;
	size_t			 used = 0, n;

	if (r->state == RELAY_PROXY || r->state == RELAY_HTTP) {
		if ((used = http_input(r)) == 0)
			return;
	}
	if (r->skip > 0) {
		n = r->skip < r->inlen ? r->skip : r->inlen;
		used += n;
		r->skip -= n;
	}
	while (!r->doomed && r->state >= RELAY_KEY && used < r->inlen) {
		s = frame_next(r->in + used, r->inlen - used, &f, &n,
		    &r->skip);
		if (s == FRAME_MORE)
			break;
		if (s == FRAME_BAD)
			fail(r, "a malformed frame of type %u", f.type);
		else {
			used += n;
			frame_input(r, &f);
		}
	}
	memmove(r->in, r->in + used, r->inlen - used);
	r->inlen -= used;
}

/* Bytes from the socket are TLS. */
static void
tls_bytes(struct relay *r, const uint8_t *buf, size_t len)
{
	int	 n;

	if (tls_input(r->tls, buf, len) == -1) {
		fail(r, "TLS: out of memory");
		return;
	}
	if (r->state == RELAY_TLS) {
		if ((n = tls_handshake(r->tls)) == -1)
			fail(r, "%s", tls_error(r->tls));
		if (n == 1)
			begin_http(r);
		if (n != 1)
			return;
	}
	while (!r->doomed && (n = tls_read(r->tls, r->in + r->inlen,
	    RELAY_IN - r->inlen)) != 0) {
		if (n == -1) {
			fail(r, "%s", tls_error(r->tls));
			return;
		}
		r->inlen += (size_t)n;
		parse(r);
	}
}

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t	 buf[65536];
	struct relay	*r = arg;
	ssize_t		 n;
	int		 i, tls;

	(void)what;
	for (i = 0; i < ROUNDS && !r->doomed; i++) {
		tls = r->tls != NULL;
		n = tls ? recv(fd, buf, sizeof(buf), MSG_DONTWAIT) :
		    recv(fd, r->in + r->inlen, RELAY_IN - r->inlen,
		    MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n <= 0) {
			fail(r, n == 0 ? "closed by the other side" :
			    "receive: %s", strerror(errno));
			break;
		}
		r->heard = mono_now();
		if (tls)
			tls_bytes(r, buf, (size_t)n);
		else {
			r->inlen += (size_t)n;
			parse(r);
		}
	}
	ops->ended(r);
	if (!r->doomed && !r->blocked)
		flush(r);
	if (r->doomed)
		relay_end(r);
}

static void
connected(struct relay *r)
{
	socklen_t	 len = sizeof(int);
	int		 error = 0;

	if (getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error != 0) {
		fail(r, "connect: %s", strerror(error));
		return;
	}
	event_add(r->rev, NULL);
	set_timer(r->timer, HELLO_TIME);
	if (r->conf.proxy) {
		r->ctllen = hello_connect(&r->conf, (char *)r->ctl);
		r->state = RELAY_PROXY;
	} else
		begin_tls(r);
}

static void
writable(evutil_socket_t fd, short what, void *arg)
{
	struct relay	*r = arg;

	(void)fd;
	(void)what;
	r->blocked = 0;
	if (r->state == RELAY_CONNECTING)
		connected(r);
	if (!r->doomed)
		flush(r);
	if (r->doomed)
		relay_end(r);
}

/* Sockets whose queue is ours, and that notice when nobody is there. */
static void
tune(int fd)
{
	int	 on = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	tcpopt_lowat(fd, NOTSENT);
	tcpopt_timeout(fd, SEND_TIMEOUT);
}

static void
relay_connect(struct relay *r)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len;

	if (r->addrs.n == 0) {
		ops->lost(r);	/* they come by and by */
		return;
	}
	len = sa_make(&ss, &r->addrs.addr[r->which % r->addrs.n],
	    r->conf.via_port);
	r->doomed = 0;
	r->state = RELAY_CONNECTING;
	r->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (r->fd == -1) {
		fail(r, "socket: %s", strerror(errno));
		relay_end(r);
		return;
	}
	tune(r->fd);
	r->rev = event_new(evbase, r->fd, EV_READ | EV_PERSIST, readable, r);
	r->wev = event_new(evbase, r->fd, EV_WRITE, writable, r);
	if (r->rev == NULL || r->wev == NULL)
		fatalx("event_new failed");
	set_timer(r->timer, r->addrs.n > 1 ? CONNECT_TIME : HELLO_TIME);
	if (connect(r->fd, (struct sockaddr *)&ss, len) == -1 &&
	    errno != EINPROGRESS) {
		fail(r, "connect: %s", strerror(errno));
		relay_end(r);
		return;
	}
	r->blocked = 1;
	event_add(r->wev, NULL);
}

static void
timeout(evutil_socket_t fd, short what, void *arg)
{
	struct relay	*r = arg;

	(void)fd;
	(void)what;
	if (r->state == RELAY_WAITING) {
		relay_connect(r);
		return;
	}
	fail(r, "no answer (%s)", relay_state_name(r));
	relay_end(r);
}

static void
shape_over(evutil_socket_t fd, short what, void *arg)
{
	struct relay	*r = arg;

	(void)fd;
	(void)what;
	r->shaped = 0;
	relay_flush(r);
}

/* Forget the connection. */
static void
disconnect(struct relay *r)
{
	if (r->rev != NULL)
		event_free(r->rev);
	if (r->wev != NULL)
		event_free(r->wev);
	r->rev = r->wev = NULL;
	tls_free(r->tls);
	r->tls = NULL;
	if (r->fd != -1)
		close(r->fd);
	r->fd = -1;
	event_del(r->timer);
	event_del(r->pinger);
	event_del(r->shaper);
	r->blocked = r->shaped = 0;
	r->inlen = r->outlen = r->ctllen = r->skip = 0;
	r->awaited = 0;
	if (r->state == RELAY_UP)
		de.count.relay_active--;
	r->state = RELAY_WAITING;
	de.count.relay_drop_down += outq_clear(&r->q);
}

/*
 * How long to wait before the next try, in ms: none while there are addresses
 * that were not tried since the last wait; else longer each time, until one has
 * worked for a while.
 */
static unsigned int
next_wait(struct relay *r, int was_up)
{
	unsigned int	 ms;

	if (!was_up) {
		r->which++;
		if (++r->tried < r->addrs.n)
			return (0);
	}
	r->tried = 0;
	r->backoff = r->backoff == 0 ? 2 * BACKOFF_MIN : r->backoff * 2;
	if (r->backoff > BACKOFF_MAX)
		r->backoff = BACKOFF_MAX;
	ms = BACKOFF_MIN + arc4random_uniform(r->backoff - BACKOFF_MIN);
	if (r->restarting > ms)
		ms = (r->restarting > BACKOFF_MAX ? BACKOFF_MAX :
		    r->restarting) + arc4random_uniform(BACKOFF_MIN);
	r->restarting = 0;
	return (ms);
}

/* The connection failed, or came to its end. */
static void
relay_end(struct relay *r)
{
	int	 was_up = r->state == RELAY_UP;

	if ((was_up || r->backoff == 0) && log_allow(&r->limit, mono_now()))
		log_warnx("relay %s: %s", r->conf.url, r->error);
	else
		log_debug("relay %s: %s", r->conf.url, r->error);
	if (was_up)
		tell("relay-down", "", "%s: %s", r->conf.url, r->error);
	de.count.relay_failed++;
	disconnect(r);
	set_timer(r->timer, next_wait(r, was_up));
	if (!was_up && r->conf.addr.af == 0)
		ops->lost(r);
	ops->changed(r);
}

void
relay_addresses(struct relay *r, const struct relay_addrs *a)
{
	int	 first;

	if (a->n == 0 || a->n > MAX_RELAY_ADDRS || r->conf.addr.af != 0)
		return;
	first = r->addrs.n == 0;
	r->addrs = *a;
	/* others, or in another order, wait for their turn */
	if (first && r->state == RELAY_WAITING)
		set_timer(r->timer, 0);
}

void
relay_start(struct relay *r)
{
	set_timer(r->timer, 0);
}

struct relay *
relay_new(const struct conf_relay *conf, uint32_t number, const char *pem,
    size_t len, const struct relay_ops *o, const char **why)
{
	struct relay	*r;
	uint8_t		 secret[16];

	*why = "out of memory";
	if ((r = calloc(1, sizeof(*r))) == NULL)
		return (NULL);
	ops = o;
	r->conf = *conf;
	r->number = number;
	r->fd = -1;
	if (conf->addr.af != 0) {
		r->addrs.n = 1;
		r->addrs.addr[0] = conf->addr;
	}
	if (conf->tls && (r->tls_conf = tls_config_new(conf, pem, len,
	    why)) == NULL) {
		free(r);
		return (NULL);
	}
	arc4random_buf(secret, sizeof(secret));
	r->timer = evtimer_new(evbase, timeout, r);
	r->pinger = evtimer_new(evbase, tick, r);
	r->shaper = evtimer_new(evbase, shape_over, r);
	if (r->timer == NULL || r->pinger == NULL || r->shaper == NULL ||
	    outq_init(&r->q, secret) == -1)
		fatalx("out of memory");
	if (hello_public(r->public, r->conf.key) == -1) {
		*why = "its key is none";
		relay_free(r);
		return (NULL);
	}
	return (r);
}

void
relay_free(struct relay *r)
{
	disconnect(r);
	event_free(r->timer);
	event_free(r->pinger);
	event_free(r->shaper);
	tls_config_free(r->tls_conf);
	outq_free(&r->q);
	freezero(r, sizeof(*r));
}
