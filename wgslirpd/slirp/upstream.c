/* SPDX-License-Identifier: ISC */

/*
 * Questions to other resolvers: by UDP from a port of its own and with a random
 * id, by TCP if the answer was cut short, the next upstream if one does not
 * answer in time.  Who asks the same at once shares one question.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dnscache.h"
#include "fds.h"
#include "log.h"
#include "memstream.h"
#include "net/bytes.h"
#include "net/uplink.h"
#include "proc.h"
#include "socksdial.h"
#include "tcp/dial.h"
#include "upstream.h"

#define MAX_QUERIES	256	/* under way, of a set */
#define MAX_WAITERS	64	/* that share a question */
#define TRY_TIME	1500	/* milliseconds by UDP */
#define TCP_TIME	4000
#define TRIES		4

struct waiter {
	STAILQ_ENTRY(waiter)	 entry;
	struct dns_question	 q;
	int			 udp;
	upstream_fn		*fn;
	void			*arg;
};

struct query {
	TAILQ_ENTRY(query)	 entry;
	struct dns_question	 q;
	uint16_t		 id;
	enum upstream_set	 set;
	int			 away;		/* of this uplink: */
	uint32_t		 uplink;
	uint16_t		 port;		/* of ours there, or 0 */
	uint8_t			 af;		/* of that */
	struct way		*proxy;		/* through which it is asked */
	struct socks_dial	*dial;		/* until that is connected */
	uint32_t		 cookie;	/* of the engine with TLS; or 0 */
	int			 fd;
	int			 tries;
	int			 upstream;
	int			 nwaiters;
	struct event		*ev;
	struct event		*timer;
	struct bufferevent	*bev;
	STAILQ_HEAD(, waiter)	 waiters;
};

static struct slirp		*engine;
static struct upstream		 system_upstreams[MAX_UPSTREAMS];
static int			 nsystem;
static struct upstream		 staged[(MAX_ZONES + 1) * MAX_UPSTREAMS];
static int			 nstaged;
static struct zone_msg		 zones[MAX_ZONES], staged_zones[MAX_ZONES];
static int			 nzones, nstaged_zones;
static int			 (*tls_ask)(const struct dot_ask *);
static int			 nguests;	/* questions under way */
static TAILQ_HEAD(, query)	 queries = TAILQ_HEAD_INITIALIZER(queries);

static struct set {
	struct upstream	 upstreams[MAX_UPSTREAMS];
	int		 nupstreams;
	int		 good;		/* upstream that answered last */
	int		 nqueries;
} sets[UPSTREAM_SETS + MAX_ZONES];

uint8_t	 upstream_buf[UPSTREAM_ROOM + DNS_MSG_MAX];

static void	 query_send(struct query *);

/* Is it what guests ask? */
static int
is_guests(enum upstream_set set)
{
	return (set == UPSTREAM_GUESTS || set >= UPSTREAM_SETS);
}

static void
query_stop(struct query *x)
{
	struct slirp_peer	*up;

	if (x->ev != NULL)
		event_free(x->ev);
	x->ev = NULL;
	if (x->fd != -1)
		close(x->fd);
	x->fd = -1;
	if (x->bev != NULL && x->away)
		memstream_free_other(x->bev);
	else if (x->bev != NULL)
		bufferevent_free(x->bev);
	x->bev = NULL;
	socksdial_free(x->dial);
	x->dial = NULL;
	x->cookie = 0;
	if (x->port != 0 && (up = peer_get(engine, x->uplink)) != NULL)
		uplink_unbind(up, x->af, x->port);
	x->port = 0;
	event_del(x->timer);
}

/* Everybody who waits gets the answer; msg NULL: there is none. */
static void
query_done(struct query *x, const uint8_t *msg, size_t len)
{
	struct waiter	*w;
	size_t		 n;

	query_stop(x);
	TAILQ_REMOVE(&queries, x, entry);
	sets[x->set].nqueries--;
	nguests -= is_guests(x->set);
	fds_give();
	if (msg == NULL && is_guests(x->set))
		engine->count.dns_failed++;
	while ((w = STAILQ_FIRST(&x->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&x->waiters, entry);
		if (msg != NULL)
			n = dnsmsg_answer(msg, len, &w->q, 0, w->udp,
			    UPSTREAM_OUT, DNS_MSG_MAX);
		else
			n = dnsmsg_error(&w->q, DNS_SERVFAIL, UPSTREAM_OUT,
			    DNS_MSG_MAX);
		w->fn(w->arg, UPSTREAM_OUT, n);
		free(w);
	}
	event_free(x->timer);
	free(x);
}

/* The uplink of the question, if it is there still, and has resolvers. */
static struct slirp_peer *
uplink_of(const struct query *x)
{
	struct slirp_peer	*up = peer_get(engine, x->uplink);

	return (up != NULL && is_uplink(up) && up->ndns_there > 0 ? up : NULL);
}

/* How many can be asked. */
static int
nupstreams(const struct query *x)
{
	const struct slirp_peer	*up;

	if (x->away)
		return ((up = uplink_of(x)) != NULL ? up->ndns_there : 0);
	return (sets[x->set].nupstreams);
}

/* Ask the next upstream, if it is worth while. */
static void
query_next(struct query *x)
{
	int	 n = nupstreams(x);

	query_stop(x);
	if (++x->tries >= TRIES || n == 0) {
		query_done(x, NULL, 0);
		return;
	}
	x->upstream = (x->upstream + 1) % n;
	query_send(x);
}

/* The proxy has not said a word: others are to know. */
static void
proxy_gone(struct query *x)
{
	if (x->proxy != NULL && x->bev == NULL &&
	    (x->dial == NULL || !socksdial_heard(x->dial)))
		egress_failed(engine, x->proxy);
}

static void
query_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	engine->now = mono_now();
	proxy_gone(arg);
	query_next(arg);
}

static void
query_timer(struct query *x, int ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(x->timer, &tv);
}

/* An answer that is complete and belongs to the question has come. */
static void
query_answered(struct query *x, uint8_t *msg, size_t len, uint32_t ttl)
{
	struct set	*set = &sets[x->set];
	int		 rcode = msg[3] & 15;

	/* one that refuses, or has trouble, is not the last to be asked */
	if (rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN &&
	    nupstreams(x) > 1 && x->tries + 1 < TRIES) {
		query_next(x);
		return;
	}
	if (!x->away)
		set->good = x->upstream;
	if (is_guests(x->set))
		dnscache_add(&x->q, msg, len, ttl, engine->now);
	query_done(x, msg, len);
}

/* What came by a stream: it is the answer, or another one is asked. */
static void
query_streamed(struct query *x, uint8_t *msg, size_t len)
{
	uint32_t	 ttl;
	ssize_t		 n;
	int		 tc;

	n = dnsmsg_check(msg, len, &x->q, x->id, &ttl, &tc);
	if (n == -1 || tc)
		query_next(x);
	else
		query_answered(x, msg, (size_t)n, ttl);
}

static void
tcp_read(struct bufferevent *bev, void *arg)
{
	static uint8_t	 msg[DNS_MSG_MAX];
	struct query	*x = arg;
	struct evbuffer	*in = bufferevent_get_input(bev);
	uint8_t		 h[2];
	size_t		 len;

	engine->now = mono_now();
	if (evbuffer_copyout(in, h, 2) != 2)
		return;
	len = (size_t)(h[0] << 8 | h[1]);
	if (evbuffer_get_length(in) < 2 + len)
		return;
	evbuffer_drain(in, 2);
	evbuffer_remove(in, msg, len);
	query_streamed(x, msg, len);
}

static void
tcp_event_cb(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	engine->now = mono_now();
	query_next(arg);
}

/* The address of the upstream whose turn it is. */
static socklen_t
upstream_sa(const struct query *x, struct sockaddr_storage *ss)
{
	const struct upstream	*u = &sets[x->set].upstreams[x->upstream];
	socklen_t		 len;

	len = sa_make(ss, &u->addr, u->port);
	sa_set_scope(ss, u->scope);
	return (len);
}

/* A connection to the upstream, or NULL. */
static struct bufferevent *
connect_upstream(struct query *x)
{
	struct sockaddr_storage	 ss;
	struct bufferevent	*bev;
	struct slirp_peer	*up;
	socklen_t		 slen;

	if (x->away)
		return ((up = uplink_of(x)) == NULL || tcp_dial(engine, up,
		    &up->dns[x->upstream % up->ndns_there], DNS_PORT, VIA_ASK,
		    -1) == -1 ? NULL : memstream_kept());
	slen = upstream_sa(x, &ss);
	x->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (x->fd == -1 || (connect(x->fd, (struct sockaddr *)&ss, slen) ==
	    -1 && errno != EINPROGRESS) || (bev = bufferevent_socket_new(
	    evbase, x->fd, BEV_OPT_CLOSE_ON_FREE)) == NULL)
		return (NULL);
	x->fd = -1;		/* it is the bufferevent's */
	return (bev);
}

/* A connection to the upstream is there: ask on it. */
static void
query_stream(struct query *x)
{
	uint8_t	 msg[2 + DNS_UDP_MIN];
	size_t	 n;

	n = dnsmsg_upstream(&x->q, x->id, msg + 2, sizeof(msg) - 2);
	if (n == 0) {
		query_next(x);
		return;
	}
	put16(msg, (uint32_t)n);
	bufferevent_setcb(x->bev, tcp_read, NULL, tcp_event_cb, x);
	bufferevent_setwatermark(x->bev, EV_READ, 0, DNS_MSG_MAX + 2);
	bufferevent_enable(x->bev, EV_READ | EV_WRITE);
	bufferevent_write(x->bev, msg, n + 2);
	query_timer(x, TCP_TIME);
}

/* The answer does not fit a datagram: the same upstream by TCP. */
static void
query_tcp(struct query *x)
{
	query_stop(x);
	if ((x->bev = connect_upstream(x)) == NULL)
		query_next(x);
	else
		query_stream(x);
}

static void
query_readable(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t	 msg[DNS_MSG_MAX];
	struct query	*x = arg;
	uint32_t	 ttl;
	ssize_t		 r, n;
	int		 tc;

	(void)what;
	engine->now = mono_now();
	if ((r = recv(fd, msg, sizeof(msg), MSG_DONTWAIT)) == -1) {
		if (errno != EAGAIN && errno != EINTR)
			query_next(x);	/* refused, unreachable */
		return;
	}
	/* what is not the answer is not worth a word */
	n = dnsmsg_check(msg, (size_t)r, &x->q, x->id, &ttl, &tc);
	if (n == -1)
		return;
	if (tc)
		query_tcp(x);
	else
		query_answered(x, msg, (size_t)n, ttl);
}

/* The proxy has said something. */
static void
proxy_heard(evutil_socket_t fd, short what, void *arg)
{
	struct query	*x = arg;
	int		 r = socksdial_step(x->dial, (int)fd);

	(void)what;
	engine->now = mono_now();
	if (r == 0)
		return;
	if (r == -1) {
		proxy_gone(x);
		query_next(x);
		return;
	}
	event_free(x->ev);
	x->ev = NULL;
	if ((x->bev = bufferevent_socket_new(evbase, x->fd,
	    BEV_OPT_CLOSE_ON_FREE)) == NULL) {
		query_next(x);
		return;
	}
	x->fd = -1;		/* it is the bufferevent's */
	query_stream(x);
}

/* The proxy is there, or not. */
static void
proxy_ready(evutil_socket_t fd, short what, void *arg)
{
	struct query	*x = arg;

	(void)what;
	event_free(x->ev);
	x->ev = event_new(evbase, fd, EV_READ | EV_PERSIST, proxy_heard, x);
	if (x->ev == NULL || event_add(x->ev, NULL) == -1) {
		query_next(x);
		return;
	}
	proxy_heard(fd, EV_READ, x);
}

/* The same as query_send() through a proxy, by TCP; -1: it does not go. */
static int
proxy_send(struct query *x)
{
	const struct upstream	*u = &sets[x->set].upstreams[x->upstream];

	if ((x->fd = socksdial_connect(x->proxy)) == -1 ||
	    (x->dial = socksdial_new(x->proxy, &u->addr, u->port)) == NULL ||
	    (x->ev = event_new(evbase, x->fd, EV_WRITE, proxy_ready, x)) ==
	    NULL || event_add(x->ev, NULL) == -1)
		return (-1);
	return (0);
}

/* The same by TLS, which another process speaks; -1: it does not go. */
static int
dot_send(struct query *x)
{
	static uint32_t	 last;
	struct dot_ask	 m;

	memset(&m, 0, sizeof(m));
	m.server = sets[x->set].upstreams[x->upstream].server;
	m.len = (uint16_t)dnsmsg_padded(&x->q, x->id, m.msg, sizeof(m.msg));
	if (m.len == 0)
		return (-1);
	if (++last == 0)
		last = 1;
	m.cookie = x->cookie = last;
	return (tls_ask(&m));
}

void
upstream_part(const struct dot_part *m)
{
	static uint8_t	 msg[DNS_MSG_MAX];
	static size_t	 len;
	static uint32_t	 whose;
	struct query	*x;

	/* pieces of one answer come one after the other */
	if (m->cookie != whose)
		len = 0;
	whose = m->cookie;
	if (m->len > sizeof(m->data) || m->len > sizeof(msg) - len)
		fatalx("the derp engine sent an answer that is too long");
	memcpy(msg + len, m->data, m->len);
	len += m->len;
	if (!m->last)
		return;
	whose = 0;
	engine->now = mono_now();
	TAILQ_FOREACH(x, &queries, entry)
		if (x->cookie == m->cookie)
			break;
	if (x == NULL)
		return;		/* it came too late */
	query_streamed(x, msg, len);
}

/* What came to our port at the uplink. */
static void
uplink_answer(void *arg, const struct ipaddr *src, uint16_t sport,
    const uint8_t *data, size_t len)
{
	static uint8_t		 msg[DNS_MSG_MAX];
	struct query		*x = arg;
	const struct slirp_peer	*up = uplink_of(x);
	uint32_t		 ttl;
	ssize_t			 n;
	int			 tc;

	if (up == NULL || sport != DNS_PORT || ipaddr_cmp(src,
	    &up->dns[x->upstream % up->ndns_there]) != 0)
		return;
	memcpy(msg, data, len);
	if ((n = dnsmsg_check(msg, len, &x->q, x->id, &ttl, &tc)) == -1)
		return;
	if (tc)
		query_tcp(x);
	else
		query_answered(x, msg, (size_t)n, ttl);
}

/* The same as query_send() through an uplink; -1: it does not go. */
static int
uplink_send(struct query *x)
{
	struct slirp_peer	*up = uplink_of(x);
	const struct ipaddr	*to;
	uint8_t			 buf[UPSTREAM_ROOM + DNS_UDP_MIN];
	size_t			 n;

	n = dnsmsg_upstream(&x->q, x->id, buf + UPSTREAM_ROOM, DNS_UDP_MIN);
	if (up == NULL || n == 0)
		return (-1);
	to = &up->dns[x->upstream % up->ndns_there];
	x->af = to->af;
	if ((x->port = uplink_bind(engine, up, to->af, uplink_answer, x)) == 0)
		return (-1);
	uplink_say(engine, up, x->port, to, DNS_PORT, buf + UPSTREAM_ROOM, n);
	return (0);
}

/* Ask the upstream whose turn it is, from a port and with an id anew. */
static void
query_send(struct query *x)
{
	struct sockaddr_storage	 ss;
	uint8_t			 msg[DNS_UDP_MIN];
	socklen_t		 slen;
	size_t			 n;

	x->id = (uint16_t)arc4random();
	if (!x->away && sets[x->set].upstreams[x->upstream].server != 0) {
		query_timer(x, TCP_TIME);
		/* what is meant for a proxy does not go past it */
		if (x->proxy != NULL || dot_send(x) == -1)
			query_timer(x, 1);
		return;
	}
	if (x->away || x->proxy != NULL) {
		query_timer(x, x->away ? TRY_TIME : TCP_TIME);
		if ((x->away ? uplink_send(x) : proxy_send(x)) == -1)
			query_timer(x, 1);
		return;
	}
	n = dnsmsg_upstream(&x->q, x->id, msg, sizeof(msg));
	slen = upstream_sa(x, &ss);
	x->fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	/* as if it had not answered: others may, and it may later */
	query_timer(x, TRY_TIME);
	if (x->fd == -1 || n == 0 ||
	    connect(x->fd, (struct sockaddr *)&ss, slen) == -1 ||
	    (x->ev = event_new(evbase, x->fd, EV_READ | EV_PERSIST,
	    query_readable, x)) == NULL || event_add(x->ev, NULL) == -1 ||
	    send(x->fd, msg, n, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		query_timer(x, 1);
}

static struct query *
query_new(enum upstream_set which, struct way *way,
    const struct dns_question *q)
{
	const struct slirp_peer	*up = way_uplink(engine, way);
	struct set		*set = &sets[which];
	struct query		*x;

	if ((is_guests(which) ? nguests : set->nqueries) >= MAX_QUERIES ||
	    (up == NULL && set->nupstreams == 0) || fds_take() == -1)
		return (NULL);
	if ((x = calloc(1, sizeof(*x))) == NULL) {
		fds_give();
		return (NULL);
	}
	if ((x->timer = evtimer_new(evbase, query_timeout, x)) == NULL) {
		fds_give();
		free(x);
		return (NULL);
	}
	x->q = *q;
	x->set = which;
	x->fd = -1;
	x->away = up != NULL;
	x->uplink = up != NULL ? up->id : 0;
	x->proxy = way != NULL && way->c.kind == WAY_SOCKS ? way : NULL;
	x->upstream = up != NULL ? 0 : set->good % set->nupstreams;
	STAILQ_INIT(&x->waiters);
	TAILQ_INSERT_TAIL(&queries, x, entry);
	set->nqueries++;
	nguests += is_guests(which);
	if (is_guests(which))
		engine->count.dns_forwarded++;
	query_send(x);
	return (x);
}

/* One more upstream of the configuration that is being staged. */
int
upstream_stage(const struct upstream *u)
{
	if (nstaged == (int)(sizeof(staged) / sizeof(staged[0])) ||
	    u->zone > nstaged_zones)
		return (-1);
	staged[nstaged++] = *u;
	return (0);
}

int
upstream_stage_zone(const char *name)
{
	if (nstaged_zones == MAX_ZONES)
		return (-1);
	strlcpy(staged_zones[nstaged_zones++].name, name,
	    sizeof(staged_zones[0].name));
	return (0);
}

/* Is a name the domain itself, or below it? */
static int
within(const char *name, const char *domain)
{
	size_t	 n = strlen(name), d = strlen(domain);

	return (n >= d && strcmp(name + n - d, domain) == 0 &&
	    (n == d || name[n - d - 1] == '.'));
}

/* The longest domain decides. */
enum upstream_set
upstream_set(const char *name)
{
	size_t	 longest = 0;
	int	 i, found = UPSTREAM_GUESTS;

	for (i = 0; i < nzones; i++)
		if (strlen(zones[i].name) > longest &&
		    within(name, zones[i].name)) {
			longest = strlen(zones[i].name);
			found = UPSTREAM_SETS + i;
		}
	return ((enum upstream_set)found);
}

/*
 * Ask, by a way or (NULL) from here; fn gets the answer, or an error, later or
 * at once, in a buffer with UPSTREAM_ROOM bytes before it.  -1 if that is not
 * possible, and then it is not called.
 */
int
upstream_ask(enum upstream_set set, struct way *way,
    const struct dns_question *q, int udp, upstream_fn *fn, void *arg)
{
	struct query	*x;
	struct waiter	*w;

	TAILQ_FOREACH(x, &queries, entry)
		if (x->set == set && x->nwaiters < MAX_WAITERS &&
		    x->q.where == q->where && dnsmsg_same(&x->q, q))
			break;
	if ((w = calloc(1, sizeof(*w))) == NULL ||
	    (x == NULL && (x = query_new(set, way, q)) == NULL)) {
		free(w);
		return (-1);
	}
	w->q = *q;
	w->udp = udp;
	w->fn = fn;
	w->arg = arg;
	STAILQ_INSERT_TAIL(&x->waiters, w, entry);
	x->nwaiters++;
	return (0);
}

/* How many questions of guests more can be under way. */
int
upstream_room(void)
{
	return (MAX_QUERIES - nguests);
}

/* The host's resolvers, for its own names, are these n. */
void
upstream_by_tls(int (*ask)(const struct dot_ask *))
{
	tls_ask = ask;
}

void
upstream_init(struct slirp *s, const struct upstream *u, int n)
{
	int	 i;

	engine = s;
	nsystem = n < MAX_UPSTREAMS ? n : MAX_UPSTREAMS;
	memcpy(system_upstreams, u, (size_t)nsystem * sizeof(*u));
	for (i = 0; i < UPSTREAM_SETS; i++) {
		memcpy(sets[i].upstreams, u, (size_t)nsystem * sizeof(*u));
		sets[i].nupstreams = nsystem;
	}
}

/*
 * What was staged takes effect for the guests; those who wait are told that
 * there is no answer.
 */
void
upstream_commit(int on)
{
	struct set	*set = &sets[UPSTREAM_GUESTS], *z;
	struct query	*x, *next;
	int		 i;

	TAILQ_FOREACH_SAFE(x, &queries, entry, next)
		if (is_guests(x->set))
			query_done(x, NULL, 0);
	dnscache_clear();
	set->nupstreams = 0;
	set->good = 0;
	for (z = sets + UPSTREAM_SETS; z < sets + UPSTREAM_SETS + MAX_ZONES;
	    z++)
		z->nupstreams = z->good = 0;
	for (i = 0; i < nstaged; i++) {
		z = staged[i].zone == 0 ? set :
		    &sets[UPSTREAM_SETS + staged[i].zone - 1];
		if (z->nupstreams < MAX_UPSTREAMS)
			z->upstreams[z->nupstreams++] = staged[i];
	}
	nstaged = 0;
	memcpy(zones, staged_zones, sizeof(zones));
	nzones = nstaged_zones;
	nstaged_zones = 0;
	if (on && set->nupstreams == 0) {
		memcpy(set->upstreams, system_upstreams,
		    sizeof(set->upstreams));
		set->nupstreams = nsystem;
	}
}
