/* SPDX-License-Identifier: ISC */

/*
 * Theory of operation
 *
 * Guests ask the gateway's own address, by UDP or TCP.  A question about
 * the peers' names, or about an address in the tunnel, is answered from
 * the configuration and never leaves; any other from the cache, or by
 * asking an upstream: by UDP from a port of its own and with a random id,
 * by TCP if the answer was cut short, the next upstream if one does not
 * answer in time.  Guests that ask the same at once share one question.
 *
 * Everything has a limit: questions under way, of all and of each peer,
 * connections, the cache in entries and bytes.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/tree.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "proc.h"
#include "lookup.h"
#include "dnsmsg.h"
#include "names.h"

#define MAX_QUERIES	256	/* under way upstream */
#define MAX_PER_PEER	64
#define MAX_WAITERS	64	/* that share a question */
#define MAX_CONNS	64	/* guests by TCP */
#define MAX_PEER_CONNS	8
#define CONN_QUERIES	16	/* under way of one of them */
#define CONN_UNREAD	65536	/* bytes of answers that it did not take */
#define CONN_TIME	15	/* seconds for a question, or to take answers */
#define CACHE_ENTRIES	4096
#define CACHE_BYTES	(2 * 1024 * 1024)
#define TRY_TIME	1500	/* milliseconds by UDP */
#define TCP_TIME	4000
#define TRIES		4
#define LOCAL_TTL	60
#define MAX_ADDRS	16	/* of one name */
#define TEXT_LEN	1100	/* of a name, with its terminator */

/* Who wants an answer; it gets NULL if there will be none. */
typedef void	answer_fn(void *, uint8_t *, size_t);

struct waiter {
	STAILQ_ENTRY(waiter)	 entry;
	struct dns_question	 q;
	int			 udp;
	answer_fn		*fn;
	void			*arg;
};

struct query {
	TAILQ_ENTRY(query)	 entry;
	struct dns_question	 q;
	uint16_t		 id;
	int			 fd;
	int			 tries;
	int			 upstream;
	int			 nwaiters;
	struct event		*ev;
	struct event		*timer;
	struct bufferevent	*bev;
	STAILQ_HEAD(, waiter)	 waiters;
};

struct cached {
	RB_ENTRY(cached)	 entry;
	TAILQ_ENTRY(cached)	 lru;		/* used last at the end */
	struct dns_question	 q;
	mono_t			 at;
	mono_t			 until;
	size_t			 len;
	uint8_t			 msg[];
};
RB_HEAD(cache, cached);

struct name {
	char			 name[PEER_NAME_LEN];
	struct ipaddr		 addr;
};

struct conn {
	TAILQ_ENTRY(conn)	 entry;
	struct bufferevent	*bev;		/* NULL: it is gone */
	struct event		*timer;
	uint32_t		 peer;
	int			 pending;	/* answers that are to come */
	int			 eof;		/* it has no more questions */
};

struct udp_asker {
	uint32_t		 peer;
	struct ipaddr		 src;
	struct ipaddr		 dst;
	uint16_t		 sport;
};

struct names {
	struct name		*v;		/* by name */
	struct name		*byaddr;
	size_t			 n;
	size_t			 cap;
};

static struct slirp		*engine;
static int			 enabled;
static char			 domain[DOMAIN_LEN];
static struct upstream		 upstreams[MAX_UPSTREAMS];
static struct upstream		 staged_up[MAX_UPSTREAMS];
static int			 nupstreams, nstaged_up;
static struct names		 names, staged;
static int			 good;		/* upstream that answered last */
static TAILQ_HEAD(, query)	 queries = TAILQ_HEAD_INITIALIZER(queries);
static int			 nqueries;
static struct cache		 cache = RB_INITIALIZER(&cache);
static TAILQ_HEAD(, cached)	 lru = TAILQ_HEAD_INITIALIZER(lru);
static size_t			 cache_n, cache_bytes;
static TAILQ_HEAD(, conn)	 conns = TAILQ_HEAD_INITIALIZER(conns);
static int			 nconns;
/* room for a UDP header, and a length by TCP, before the message */
static uint8_t			 outbuf[8 + DNS_MSG_MAX];
#define OUT			(outbuf + 8)

static void	 query_send(struct query *);

static int
cached_cmp(const struct cached *a, const struct cached *b)
{
	size_t	 i;
	int	 d;

#define CMP(f)	if (a->q.f != b->q.f) return (a->q.f < b->q.f ? -1 : 1)
	CMP(type);
	CMP(class);
	CMP(rd);
	CMP(cd);
	CMP(ad);
	CMP(dnssec);
	CMP(namelen);
#undef CMP
	for (i = 0; i < a->q.namelen; i++)
		if ((d = tolower(a->q.name[i]) - tolower(b->q.name[i])) != 0)
			return (d);
	return (0);
}

#define UNUSED_STATIC	static __attribute__((__unused__))
RB_PROTOTYPE_INTERNAL(cache, cached, entry, cached_cmp, UNUSED_STATIC)
RB_GENERATE_INTERNAL(cache, cached, entry, cached_cmp, UNUSED_STATIC)

static void
cached_free(struct cached *c)
{
	RB_REMOVE(cache, &cache, c);
	TAILQ_REMOVE(&lru, c, lru);
	cache_n--;
	cache_bytes -= sizeof(*c) + c->len;
	free(c);
}

static void
cache_clear(void)
{
	struct cached	*c;

	while ((c = TAILQ_FIRST(&lru)) != NULL)
		cached_free(c);
}

static struct cached *
cache_find(const struct dns_question *q)
{
	struct cached	 key, *c;

	key.q = *q;
	if ((c = RB_FIND(cache, &cache, &key)) == NULL)
		return (NULL);
	if (c->until <= engine->now) {
		cached_free(c);
		return (NULL);
	}
	TAILQ_REMOVE(&lru, c, lru);
	TAILQ_INSERT_TAIL(&lru, c, lru);
	return (c);
}

static void
cache_add(const struct dns_question *q, const uint8_t *msg, size_t len,
    uint32_t ttl)
{
	struct cached	*c;

	if (ttl == 0)
		return;
	if ((c = cache_find(q)) != NULL)
		cached_free(c);
	if ((c = malloc(sizeof(*c) + len)) == NULL)
		return;
	c->q = *q;
	c->at = engine->now;
	c->until = engine->now + MONO_SEC(ttl);
	c->len = len;
	memcpy(c->msg, msg, len);
	RB_INSERT(cache, &cache, c);
	TAILQ_INSERT_TAIL(&lru, c, lru);
	cache_n++;
	cache_bytes += sizeof(*c) + len;
	while (cache_n > CACHE_ENTRIES || cache_bytes > CACHE_BYTES)
		cached_free(TAILQ_FIRST(&lru));
}

static int
name_cmp(const void *a, const void *b)
{
	const struct name	*na = a, *nb = b;

	return (strcmp(na->name, nb->name));
}

static int
addr_cmp(const void *a, const void *b)
{
	const struct name	*na = a, *nb = b;

	return (ipaddr_cmp(&na->addr, &nb->addr));
}

/* All names are there: put them in order, for lookups both ways. */
static void
sort_names(struct names *l)
{
	free(l->byaddr);
	l->byaddr = NULL;
	if (l->n == 0)
		return;
	if ((l->byaddr = calloc(l->n, sizeof(*l->byaddr))) == NULL)
		fatal(NULL);
	qsort(l->v, l->n, sizeof(*l->v), name_cmp);
	memcpy(l->byaddr, l->v, l->n * sizeof(*l->v));
	qsort(l->byaddr, l->n, sizeof(*l->byaddr), addr_cmp);
}

/* A peer's name as a label: what cannot be in one becomes a hyphen. */
static void
make_label(char *dst, const char *src, size_t len)
{
	size_t	 i;

	for (i = 0; i + 1 < len && src[i] != '\0'; i++)
		dst[i] = isalnum((unsigned char)src[i]) || src[i] == '_' ?
		    (char)tolower((unsigned char)src[i]) : '-';
	dst[i] = '\0';
}

static int
add_name(struct names *l, const char *name, const struct ipaddr *a)
{
	struct name	*v;

	if (l->n == l->cap) {
		v = recallocarray(l->v, l->cap, l->cap * 2 + 16, sizeof(*v));
		if (v == NULL)
			return (-1);
		l->v = v;
		l->cap = l->cap * 2 + 16;
	}
	v = &l->v[l->n++];
	make_label(v->name, name, sizeof(v->name));
	v->addr = *a;
	return (0);
}

/* One more upstream of the configuration that is being staged. */
int
resolver_stage_upstream(const struct upstream *u)
{
	if (nstaged_up == MAX_UPSTREAMS)
		return (-1);
	staged_up[nstaged_up++] = *u;
	return (0);
}

/* One more name. */
int
resolver_stage_name(const struct name_msg *m)
{
	return (add_name(&staged, m->name, &m->addr));
}

/* Addresses of a peer's name, of a family or both (0). */
static size_t
find_names(const char *label, struct ipaddr *a, size_t max, uint8_t af)
{
	struct name	 key, *n;
	size_t		 i, k = 0;

	if (names.n == 0 || strlcpy(key.name, label, sizeof(key.name)) >=
	    sizeof(key.name))
		return (0);
	n = bsearch(&key, names.v, names.n, sizeof(*n), name_cmp);
	if (n == NULL)
		return (0);
	for (i = (size_t)(n - names.v); i > 0 &&
	    strcmp(names.v[i - 1].name, label) == 0; i--)
		continue;
	for (; i < names.n && k < max &&
	    strcmp(names.v[i].name, label) == 0; i++)
		if (af == 0 || names.v[i].addr.af == af)
			a[k++] = names.v[i].addr;
	return (k);
}

/*
 * The label before our domain in a name; NULL if the name is not in it,
 * "" if it is the domain itself.
 */
static const char *
in_domain(char *text)
{
	size_t	 n = strlen(text), d = strlen(domain);

	if (n < d || strcasecmp(text + n - d, domain) != 0)
		return (NULL);
	if (n == d)
		return ("");
	if (text[n - d - 1] != '.')
		return (NULL);
	text[n - d - 1] = '\0';
	return (text);
}

/*
 * For a client of the host: the addresses of a name of the tunnel, up to
 * max of them.  Returns how many; -1 if the name is not of the tunnel.
 */
int
resolver_local(const char *name, struct ipaddr *a, int max)
{
	char		 text[TEXT_LEN];
	const char	*label;
	size_t		 i;

	if (!enabled || strlcpy(text, name, sizeof(text)) >= sizeof(text))
		return (-1);
	for (i = 0; text[i] != '\0'; i++)
		text[i] = (char)tolower((unsigned char)text[i]);
	if (i > 0 && text[i - 1] == '.')
		text[i - 1] = '\0';
	if ((label = in_domain(text)) == NULL)
		return (-1);
	return ((int)find_names(label, a, (size_t)max, 0));
}

/* The address that a name under in-addr.arpa or ip6.arpa stands for. */
static int
parse_reverse(const char *text, struct ipaddr *a)
{
	unsigned int	 b[4];
	uint8_t		 v4[4], v6[16];
	const char	*hex = "0123456789abcdef", *p;
	int		 i, end = 0;

	if (sscanf(text, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &b[3], &b[2],
	    &b[1], &b[0], &end) == 4 && end > 0 && text[end] == '\0') {
		for (i = 0; i < 4; i++) {
			if (b[i] > 255)
				return (-1);
			v4[i] = (uint8_t)b[i];
		}
		ipaddr_from4(a, v4);
		return (0);
	}
	if (strlen(text) != 72 || strcmp(text + 63, ".ip6.arpa") != 0)
		return (-1);
	memset(v6, 0, sizeof(v6));
	for (i = 0; i < 32; i++) {
		if (text[2 * i] == '\0' || text[2 * i + 1] != '.' ||
		    (p = strchr(hex, text[2 * i])) == NULL)
			return (-1);
		v6[15 - i / 2] |= (uint8_t)((p - hex) << (i % 2 * 4));
	}
	ipaddr_from6(a, v6);
	return (0);
}

/* An answer about the tunnel itself; 0 if the question is not about it. */
static size_t
local_answer(const struct dns_question *q, int udp)
{
	char		 text[TEXT_LEN], full[TEXT_LEN];
	const char	*label;
	struct name	 key, *found;
	struct ipaddr	 a[MAX_ADDRS], ip;
	size_t		 i, n;

	if (q->class != DNS_CLASS_IN ||
	    dnsmsg_text(q, text, sizeof(text)) == -1)
		return (0);
	if (parse_reverse(text, &ip) == 0) {
		for (i = 0; i < engine->conf.naddrs; i++)
			if (ipprefix_match(&engine->conf.addrs[i], &ip))
				break;
		memset(&key, 0, sizeof(key));
		key.addr = ip;
		found = names.n == 0 ? NULL : bsearch(&key, names.byaddr,
		    names.n, sizeof(key), addr_cmp);
		if (found == NULL)
			return (i == engine->conf.naddrs ? 0 :
			    dnsmsg_error(q, DNS_NXDOMAIN, OUT, DNS_MSG_MAX));
		snprintf(full, sizeof(full), "%s.%s.", found->name, domain);
		if (q->type != DNS_TYPE_PTR)
			return (dnsmsg_address(q, NULL, 0, LOCAL_TTL, udp,
			    OUT, DNS_MSG_MAX - 16));
		return (dnsmsg_pointer(q, full, LOCAL_TTL, OUT, DNS_MSG_MAX));
	}
	if ((label = in_domain(text)) == NULL)
		return (0);
	n = find_names(label, a, MAX_ADDRS, 0);
	if (n == 0 && *label != '\0')
		return (dnsmsg_error(q, DNS_NXDOMAIN, OUT, DNS_MSG_MAX));
	return (dnsmsg_address(q, a, n, LOCAL_TTL, udp, OUT,
	    DNS_MSG_MAX - 16));
}

static void
query_stop(struct query *x)
{
	if (x->ev != NULL)
		event_free(x->ev);
	x->ev = NULL;
	if (x->fd != -1)
		close(x->fd);
	x->fd = -1;
	if (x->bev != NULL)
		bufferevent_free(x->bev);
	x->bev = NULL;
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
	nqueries--;
	slirp_fd_give(engine);
	if (msg == NULL)
		engine->count.dns_failed++;
	while ((w = STAILQ_FIRST(&x->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&x->waiters, entry);
		if (msg != NULL)
			n = dnsmsg_answer(msg, len, &w->q, 0, w->udp, OUT,
			    DNS_MSG_MAX);
		else
			n = dnsmsg_error(&w->q, DNS_SERVFAIL, OUT,
			    DNS_MSG_MAX);
		w->fn(w->arg, OUT, n);
		free(w);
	}
	event_free(x->timer);
	free(x);
}

/* Ask the next upstream, if it is worth while. */
static void
query_next(struct query *x)
{
	query_stop(x);
	if (++x->tries >= TRIES || nupstreams == 0) {
		query_done(x, NULL, 0);
		return;
	}
	x->upstream = (x->upstream + 1) % nupstreams;
	query_send(x);
}

static void
query_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	engine->now = mono_now();
	query_next(arg);
}

static void
query_timer(struct query *x, int ms)
{
	struct timeval	 tv = { ms / 1000, ms % 1000 * 1000 };

	event_add(x->timer, &tv);
}

/* A whole answer that belongs to the question. */
static void
query_answered(struct query *x, uint8_t *msg, size_t len, uint32_t ttl)
{
	int	 rcode = msg[3] & 15;

	/* one that refuses, or has trouble, is not the last to be asked */
	if (rcode != DNS_NOERROR && rcode != DNS_NXDOMAIN && nupstreams > 1 &&
	    x->tries + 1 < TRIES) {
		query_next(x);
		return;
	}
	good = x->upstream;
	cache_add(&x->q, msg, len, ttl);
	query_done(x, msg, len);
}

static void
tcp_read(struct bufferevent *bev, void *arg)
{
	static uint8_t	 msg[DNS_MSG_MAX];
	struct query	*x = arg;
	struct evbuffer	*in = bufferevent_get_input(bev);
	uint8_t		 h[2];
	uint32_t	 ttl;
	size_t		 len;
	ssize_t		 n;
	int		 tc;

	engine->now = mono_now();
	if (evbuffer_copyout(in, h, 2) != 2)
		return;
	len = (size_t)(h[0] << 8 | h[1]);
	if (evbuffer_get_length(in) < 2 + len)
		return;
	evbuffer_drain(in, 2);
	evbuffer_remove(in, msg, len);
	n = dnsmsg_check(msg, len, &x->q, x->id, &ttl, &tc);
	if (n == -1 || tc)
		query_next(x);
	else
		query_answered(x, msg, (size_t)n, ttl);
}

static void
tcp_event_cb(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	(void)what;
	engine->now = mono_now();
	query_next(arg);
}

/* The answer does not fit a datagram: the same upstream by TCP. */
static void
query_tcp(struct query *x)
{
	struct sockaddr_storage	 ss;
	const struct upstream	*u = &upstreams[x->upstream];
	uint8_t			 msg[2 + DNS_UDP_MIN];
	socklen_t		 slen;
	size_t			 n;

	query_stop(x);
	n = dnsmsg_upstream(&x->q, x->id, msg + 2, sizeof(msg) - 2);
	slen = sa_make(&ss, &u->addr, u->port);
	x->fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0);
	if (n == 0 || x->fd == -1 || (connect(x->fd, (struct sockaddr *)&ss,
	    slen) == -1 && errno != EINPROGRESS) || (x->bev =
	    bufferevent_socket_new(evbase, x->fd, BEV_OPT_CLOSE_ON_FREE)) ==
	    NULL) {
		query_next(x);
		return;
	}
	x->fd = -1;		/* it is the bufferevent's */
	put16(msg, (uint32_t)n);
	bufferevent_setcb(x->bev, tcp_read, NULL, tcp_event_cb, x);
	bufferevent_setwatermark(x->bev, EV_READ, 0, DNS_MSG_MAX + 2);
	bufferevent_enable(x->bev, EV_READ | EV_WRITE);
	bufferevent_write(x->bev, msg, n + 2);
	query_timer(x, TCP_TIME);
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

/* Ask the upstream whose turn it is, from a port and with an id anew. */
static void
query_send(struct query *x)
{
	struct sockaddr_storage	 ss;
	const struct upstream	*u = &upstreams[x->upstream];
	uint8_t			 msg[DNS_UDP_MIN];
	socklen_t		 slen;
	size_t			 n;

	x->id = (uint16_t)arc4random();
	n = dnsmsg_upstream(&x->q, x->id, msg, sizeof(msg));
	slen = sa_make(&ss, &u->addr, u->port);
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
query_new(const struct dns_question *q)
{
	struct query	*x;

	if (nqueries >= MAX_QUERIES || nupstreams == 0 ||
	    slirp_fd_take(engine) == -1)
		return (NULL);
	if ((x = calloc(1, sizeof(*x))) == NULL) {
		slirp_fd_give(engine);
		return (NULL);
	}
	if ((x->timer = evtimer_new(evbase, query_timeout, x)) == NULL) {
		slirp_fd_give(engine);
		free(x);
		return (NULL);
	}
	x->q = *q;
	x->fd = -1;
	x->upstream = good % nupstreams;
	STAILQ_INIT(&x->waiters);
	TAILQ_INSERT_TAIL(&queries, x, entry);
	nqueries++;
	engine->count.dns_forwarded++;
	query_send(x);
	return (x);
}

static void
resolver_ask(const struct dns_question *q, int udp, answer_fn *fn, void *arg)
{
	struct cached	*c;
	struct query	*x;
	struct waiter	*w;
	size_t		 n;

	engine->count.dns_queries++;
	if ((n = local_answer(q, udp)) > 0) {
		engine->count.dns_local++;
		fn(arg, OUT, n);
		return;
	}
	if ((c = cache_find(q)) != NULL) {
		engine->count.dns_cached++;
		fn(arg, OUT, dnsmsg_answer(c->msg, c->len, q,
		    (uint32_t)MONO_TO_SEC(engine->now - c->at), udp, OUT,
		    DNS_MSG_MAX));
		return;
	}
	TAILQ_FOREACH(x, &queries, entry)
		if (x->nwaiters < MAX_WAITERS && dnsmsg_same(&x->q, q))
			break;
	if ((w = calloc(1, sizeof(*w))) == NULL ||
	    (x == NULL && (x = query_new(q)) == NULL)) {
		free(w);
		engine->count.dns_failed++;
		fn(arg, OUT, dnsmsg_error(q, DNS_SERVFAIL, OUT,
		    DNS_MSG_MAX));
		return;
	}
	w->q = *q;
	w->udp = udp;
	w->fn = fn;
	w->arg = arg;
	STAILQ_INSERT_TAIL(&x->waiters, w, entry);
	x->nwaiters++;
}

/*
 * May the peer ask for one thing more?  It gets no more than is left for
 * the others.
 */
static int
peer_may_ask(struct slirp_peer *p)
{
	if (p->ndns >= MAX_PER_PEER ||
	    p->ndns >= (uint32_t)(MAX_QUERIES - nqueries)) {
		engine->count.dns_dropped++;
		return (0);
	}
	p->ndns++;
	return (1);
}

static void
udp_done(void *arg, uint8_t *msg, size_t len)
{
	struct udp_asker	*a = arg;
	struct slirp_peer	*p;

	if ((p = slirp_peer_get(engine, a->peer)) != NULL) {
		if (p->ndns > 0)
			p->ndns--;
		if (len > 0)
			udp_answer(engine, p, NULL, &a->dst, DNS_PORT, &a->src,
			    a->sport, msg, len);
	}
	free(a);
}

/* A question of a guest by UDP. */
static void
udp_question(struct slirp *s, struct slirp_peer *p, const struct ipaddr *src,
    uint16_t sport, const struct ipaddr *dst, const uint8_t *msg, size_t len)
{
	struct dns_question	 q;
	struct udp_asker	*a;
	int			 r, error;

	r = dnsmsg_parse(msg, len, &q, &error);
	if (r == -1 || (a = calloc(1, sizeof(*a))) == NULL) {
		s->count.dns_dropped++;
		return;
	}
	if (!peer_may_ask(p)) {
		free(a);
		return;
	}
	a->peer = p->id;
	a->src = *src;
	a->dst = *dst;
	a->sport = sport;
	if (r == 0)
		resolver_ask(&q, 1, udp_done, a);
	else
		udp_done(a, OUT, dnsmsg_error(&q, error, OUT, DNS_MSG_MAX));
}

static void
conn_free(struct conn *c)
{
	struct slirp_peer	*p = slirp_peer_get(engine, c->peer);

	if (c->bev != NULL) {
		bufferevent_free(c->bev);
		c->bev = NULL;
		event_free(c->timer);
		TAILQ_REMOVE(&conns, c, entry);
		nconns--;
		slirp_fd_give(engine);
		if (p != NULL && p->ndnsconns > 0)
			p->ndnsconns--;
	}
	/* answers that are still to come find nobody */
	if (c->pending == 0)
		free(c);
}

/* One message out of the input; 0 if it is not whole. */
static size_t
conn_message(struct conn *c, uint8_t *msg)
{
	struct evbuffer	*in = bufferevent_get_input(c->bev);
	uint8_t		 h[2];
	size_t		 len;

	if (evbuffer_copyout(in, h, 2) != 2)
		return (0);
	len = (size_t)(h[0] << 8 | h[1]);
	if (len == 0 || evbuffer_get_length(in) < 2 + len)
		return (0);
	evbuffer_drain(in, 2);
	evbuffer_remove(in, msg, len);
	return (len);
}

static size_t
conn_unread(const struct conn *c)
{
	return (evbuffer_get_length(bufferevent_get_output(c->bev)));
}

static void
conn_done(void *arg, uint8_t *msg, size_t len)
{
	struct conn		*c = arg;
	struct slirp_peer	*p = slirp_peer_get(engine, c->peer);

	c->pending--;
	if (p != NULL && p->ndns > 0)
		p->ndns--;
	if (c->bev == NULL) {
		conn_free(c);
		return;
	}
	if (len > 0) {
		put16(msg - 2, (uint32_t)len);
		/* when it has gone, what had to wait goes on */
		bufferevent_write(c->bev, msg - 2, len + 2);
	}
}

/*
 * Take the questions that are whole, as long as the guest takes its
 * answers, and end when there is nothing to come.
 */
static void
conn_work(struct conn *c)
{
	static uint8_t		 msg[DNS_MSG_MAX];
	struct timeval		 tv = { CONN_TIME, 0 };
	struct dns_question	 q;
	struct slirp_peer	*p = slirp_peer_get(engine, c->peer);
	size_t			 len;
	int			 r, error;

	engine->now = mono_now();
	while (c->pending < CONN_QUERIES && conn_unread(c) < CONN_UNREAD &&
	    (len = conn_message(c, msg)) > 0) {
		if (p == NULL || (r = dnsmsg_parse(msg, len, &q,
		    &error)) == -1) {
			engine->count.dns_dropped++;
			conn_free(c);
			return;
		}
		event_add(c->timer, &tv);
		if (!peer_may_ask(p))
			continue;
		c->pending++;
		if (r == 0)
			resolver_ask(&q, 0, conn_done, c);
		else
			conn_done(c, OUT, dnsmsg_error(&q, error, OUT,
			    DNS_MSG_MAX));
	}
	/* who does not take answers is not read either */
	if (c->eof || c->pending >= CONN_QUERIES ||
	    conn_unread(c) >= CONN_UNREAD)
		bufferevent_disable(c->bev, EV_READ);
	else
		bufferevent_enable(c->bev, EV_READ);
	if (c->eof && c->pending == 0 && conn_unread(c) == 0)
		conn_free(c);
}

static void
conn_ready(struct bufferevent *bev, void *arg)
{
	(void)bev;
	conn_work(arg);
}

static void
conn_event(struct bufferevent *bev, short what, void *arg)
{
	struct conn	*c = arg;

	(void)bev;
	/* who has only ended its own direction still gets its answers */
	if (what & BEV_EVENT_EOF && !c->eof) {
		c->eof = 1;
		conn_work(c);
	} else
		conn_free(c);
}

/* No whole question for so long, or nothing taken. */
static void
conn_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	conn_free(arg);
}

/* A guest's connection; takes the socket.  -1 if there are too many. */
int
resolver_tcp(int fd, struct slirp_peer *p)
{
	struct timeval	 tv = { CONN_TIME, 0 };
	struct conn	*c;

	if (!enabled || p->ndnsconns >= MAX_PEER_CONNS ||
	    p->ndnsconns >= (uint32_t)(MAX_CONNS - nconns) ||
	    (c = calloc(1, sizeof(*c))) == NULL)
		return (-1);
	c->peer = p->id;
	c->timer = evtimer_new(evbase, conn_timeout, c);
	if (c->timer == NULL || slirp_fd_take(engine) == -1)
		goto fail;
	c->bev = bufferevent_socket_new(evbase, fd, BEV_OPT_CLOSE_ON_FREE);
	if (c->bev == NULL) {
		slirp_fd_give(engine);
		goto fail;
	}
	bufferevent_setcb(c->bev, conn_ready, conn_ready, conn_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, DNS_MSG_MAX + 2);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	event_add(c->timer, &tv);
	TAILQ_INSERT_TAIL(&conns, c, entry);
	nconns++;
	p->ndnsconns++;
	return (0);
 fail:
	if (c->timer != NULL)
		event_free(c->timer);
	free(c);
	return (-1);
}

/* The gateway has a name, too, unless a peer is called that. */
static void
add_gateway(void)
{
	struct ipaddr	 a;
	size_t		 i;

	if (find_names("gateway", &a, 1, 0) > 0)
		return;
	for (i = 0; i < engine->conf.naddrs; i++)
		if (add_name(&names, "gateway",
		    &engine->conf.addrs[i].addr) == -1)
			fatal(NULL);
	sort_names(&names);
}

/* What was staged takes effect: answer or not, and for which domain. */
void
resolver_commit(struct slirp *s, int on, const char *name)
{
	struct query	*x;
	struct conn	*c;

	engine = s;
	while ((x = TAILQ_FIRST(&queries)) != NULL)
		query_done(x, NULL, 0);
	cache_clear();
	free(names.v);
	free(names.byaddr);
	names = staged;
	memset(&staged, 0, sizeof(staged));
	enabled = on;
	s->dns = on ? udp_question : NULL;
	strlcpy(domain, name, sizeof(domain));
	memcpy(upstreams, staged_up, sizeof(upstreams));
	nupstreams = nstaged_up;
	nstaged_up = 0;
	good = 0;
	if (!on) {
		while ((c = TAILQ_FIRST(&conns)) != NULL)
			conn_free(c);
		return;
	}
	sort_names(&names);
	add_gateway();
	if (nupstreams == 0)
		nupstreams = dns_nameservers(upstreams, MAX_UPSTREAMS);
	if (nupstreams == 0)
		log_warnx("dns: no upstream, and none in resolv.conf");
}
