/* SPDX-License-Identifier: ISC */

/*
 * Theory of operation
 *
 * Guests ask the gateway's own address, by UDP or TCP.  A question about
 * the peers' names, or about an address in the tunnel, is answered from
 * the configuration and never leaves (tunnelnames.c); any other from the
 * cache (dnscache.c), or by asking an upstream (upstream.c).
 *
 * Everything has a limit: questions under way, of all and of each peer,
 * connections, the cache in entries and bytes.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocklist.h"
#include "dnscache.h"
#include "log.h"
#include "memstream.h"
#include "names.h"
#include "nat64.h"
#include "net/bytes.h"
#include "net/egress.h"
#include "net/udpout.h"
#include "proc.h"
#include "tell.h"
#include "tunnelnames.h"
#include "upstream.h"

#define TEXT_LEN	1100	/* of a name, with its terminator */
#define BLOCK_TTL	60
#define MAX_ALIASES	16	/* of an answer, that are looked at */
#define MAX_SYNTHETIC	16	/* addresses */
#define SYNTHETIC_TTL	60
#define DNS_TC		0x02	/* in the third byte: cut */
#define MAX_PER_PEER	64	/* questions under way */
#define MAX_CONNS	64	/* guests by TCP */
#define MAX_PEER_CONNS	8
#define CONN_QUERIES	16	/* under way of one of them */
#define CONN_UNREAD	65536	/* bytes of answers that it did not take */
#define CONN_TIME	15	/* seconds for a question, or to take answers */

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

static struct slirp		*engine;
static TAILQ_HEAD(, conn)	 conns = TAILQ_HEAD_INITIALIZER(conns);
static int			 nconns;
static int			 say_zero;	/* about a blocked name */
static int			 log_questions;
static int			 dns64;

/* What was asked and what became of it, for who wants to see it. */
static void
note(const struct slirp_peer *p, const char *name, uint16_t type,
    const char *what)
{
	const char	*t = type == DNS_TYPE_A ? "A" : type == DNS_TYPE_AAAA ?
			    "AAAA" : type == DNS_TYPE_PTR ? "PTR" : NULL;
	char		 buf[16];

	if (!log_questions && !p->dns_log)
		return;
	if (t == NULL) {
		snprintf(buf, sizeof(buf), "TYPE%u", type);
		t = buf;
	}
	tell("dns", p->name, "%s %s: %s", t, name, what);
	log_info("dns: peer \"%s\": %s %s: %s", p->name, t, name, what);
}

/* The answer about a name of a list; its length. */
static size_t
blocked_answer(const struct dns_question *q, int udp)
{
	static const struct ipaddr	 zero4 = { .af = 4 };
	static const struct ipaddr	 zero6 = { .af = 6 };

	if (!say_zero)
		return (dnsmsg_error(q, DNS_NXDOMAIN, UPSTREAM_OUT,
		    DNS_MSG_MAX));
	if (q->type == DNS_TYPE_A || q->type == DNS_TYPE_AAAA)
		return (dnsmsg_address(q, q->type == DNS_TYPE_A ? &zero4 :
		    &zero6, 1, BLOCK_TTL, udp, UPSTREAM_OUT, DNS_MSG_MAX));
	return (dnsmsg_error(q, DNS_NOERROR, UPSTREAM_OUT, DNS_MSG_MAX));
}

static const struct conf_egress	 here;	/* the host */

/*
 * The answer from the cache, or of an upstream.  Questions leave as connections
 * do; but a domain that has upstreams of its own has them here.
 */
static void
resolve(struct slirp_peer *p, struct dns_question *q, const char *name,
    int udp, upstream_fn *fn, void *arg)
{
	const struct dns_cached	*c;
	struct way		*w;
	enum upstream_set	 set = upstream_set(name);

	w = egress_way(engine, set != UPSTREAM_GUESTS ? &here :
	    egress_of(engine, p, NULL));
	if (w != NULL && w->c.kind == WAY_NONE)
		w = NULL;
	q->where = w == NULL || (w->c.kind != WAY_SOCKS &&
	    way_uplink(engine, w) == NULL) ? 0 : (uint32_t)(w -
	    engine->conf.ways);
	if (w != NULL && (c = dnscache_find(q, engine->now)) != NULL) {
		engine->count.dns_cached++;
		note(p, name, q->type, "cached");
		fn(arg, UPSTREAM_OUT, dnsmsg_answer(c->msg, c->len, q,
		    (uint32_t)MONO_TO_SEC(engine->now - c->at), udp,
		    UPSTREAM_OUT, DNS_MSG_MAX));
		return;
	}
	note(p, name, q->type, w != NULL ? "asked" : "no way out");
	if (w == NULL || upstream_ask(set, w, q, udp, fn, arg) == -1) {
		engine->count.dns_failed++;
		fn(arg, UPSTREAM_OUT, dnsmsg_error(q, DNS_SERVFAIL,
		    UPSTREAM_OUT, DNS_MSG_MAX));
	}
}

/* An answer that is looked at before the guest gets it. */
struct looked {
	struct dns_question	 q;
	uint32_t		 peer;
	int			 udp;
	upstream_fn		*fn;
	void			*arg;
};

/* It is good: the guest gets it, if it fits the way that it has asked. */
static void
pass_on(struct looked *l, uint8_t *msg, size_t len)
{
	size_t	 most = l->q.edns && l->q.size > DNS_UDP_MIN ? l->q.size :
		    DNS_UDP_MIN;

	if (l->udp && len > most) {
		len = dnsmsg_error(&l->q, DNS_NOERROR, UPSTREAM_OUT,
		    DNS_MSG_MAX);
		msg = UPSTREAM_OUT;
		msg[2] |= DNS_TC;
	}
	l->fn(l->arg, msg, len);
	free(l);
}

/* The IPv4 addresses of a name, for who has asked for IPv6 (RFC 6147 5). */
static void
looked_for4(void *arg, uint8_t *msg, size_t len)
{
	struct looked		*l = arg;
	struct dns_question	 q = l->q;
	struct ipaddr		 a[MAX_SYNTHETIC], v4;
	int			 i, n = 0;

	q.type = DNS_TYPE_A;
	if (len > 0)
		n = dnsmsg_addresses(msg, len, &q, a, MAX_SYNTHETIC);
	for (i = 0; i < n; i++) {
		v4 = a[i];
		nat64_to(&a[i], &v4);
	}
	if (n > 0)
		len = dnsmsg_address(&l->q, a, (size_t)n, SYNTHETIC_TTL,
		    l->udp, UPSTREAM_OUT, DNS_MSG_MAX);
	else
		len = dnsmsg_error(&l->q, DNS_NOERROR, UPSTREAM_OUT,
		    DNS_MSG_MAX);
	pass_on(l, UPSTREAM_OUT, len);
}

/* Does it lead, by an alias, to a name of a list? */
static int
leads_to_blocked(const uint8_t *msg, size_t len)
{
	char	 name[TEXT_LEN];
	int	 i;

	for (i = 0; i < MAX_ALIASES && dnsmsg_alias(msg, len, i, name,
	    sizeof(name)) == 0; i++)
		if (blocklist_has(name))
			return (1);
	return (0);
}

static void
looked_at(void *arg, uint8_t *msg, size_t len)
{
	struct looked		*l = arg;
	struct slirp_peer	*p = peer_get(engine, l->peer);
	struct dns_question	 q;
	struct ipaddr		 a;
	char			 name[TEXT_LEN];

	if (p == NULL || len == 0) {
		pass_on(l, msg, len);
		return;
	}
	if (dnsmsg_text(&l->q, name, sizeof(name)) == -1)
		name[0] = '\0';
	if (!p->dns_any && leads_to_blocked(msg, len)) {
		engine->count.dns_blocked++;
		p->dns_blocked++;
		note(p, name, l->q.type, "blocked, by an alias");
		pass_on(l, UPSTREAM_OUT, blocked_answer(&l->q, l->udp));
		return;
	}
	if (!dns64 || !nat64_on() || l->q.type != DNS_TYPE_AAAA ||
	    dnsmsg_addresses(msg, len, &l->q, &a, 1) != 0) {
		pass_on(l, msg, len);
		return;
	}
	q = l->q;
	q.type = DNS_TYPE_A;
	resolve(p, &q, name, 0, looked_for4, l);
}

static void
names_ask(struct slirp_peer *p, struct dns_question *q, int udp,
    upstream_fn *fn, void *arg)
{
	struct looked	*l;
	char		 name[TEXT_LEN];
	size_t		 n;

	engine->count.dns_queries++;
	p->dns_asked++;
	/* a name with a dot within a label is in no list */
	if (dnsmsg_text(q, name, sizeof(name)) == -1)
		name[0] = '\0';
	if ((n = names_answer(q, udp, UPSTREAM_OUT)) > 0) {
		engine->count.dns_local++;
		note(p, name, q->type, "own name");
		fn(arg, UPSTREAM_OUT, n);
		return;
	}
	if (!p->dns_any && blocklist_has(name)) {
		engine->count.dns_blocked++;
		p->dns_blocked++;
		note(p, name, q->type, "blocked");
		fn(arg, UPSTREAM_OUT, blocked_answer(q, udp));
		return;
	}
	if ((p->dns_any || blocklist_size() == 0) &&
	    (!dns64 || q->type != DNS_TYPE_AAAA)) {
		resolve(p, q, name, udp, fn, arg);
		return;
	}
	if ((l = calloc(1, sizeof(*l))) == NULL) {
		fn(arg, UPSTREAM_OUT, dnsmsg_error(q, DNS_SERVFAIL,
		    UPSTREAM_OUT, DNS_MSG_MAX));
		return;
	}
	l->q = *q;
	l->peer = p->id;
	l->udp = udp;
	l->fn = fn;
	l->arg = arg;
	resolve(p, q, name, 0, looked_at, l);
}

/*
 * May the peer ask for one thing more?  It gets no more than is left for
 * the others.
 */
static int
peer_may_ask(struct slirp_peer *p)
{
	if (p->ndns >= MAX_PER_PEER ||
	    p->ndns >= (uint32_t)upstream_room()) {
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

	if ((p = peer_get(engine, a->peer)) != NULL) {
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
		names_ask(p, &q, 1, udp_done, a);
	else
		udp_done(a, UPSTREAM_OUT, dnsmsg_error(&q, error,
		    UPSTREAM_OUT, DNS_MSG_MAX));
}

static void
conn_free(struct conn *c)
{
	struct slirp_peer	*p = peer_get(engine, c->peer);

	if (c->bev != NULL) {
		memstream_free_other(c->bev);
		c->bev = NULL;
		event_free(c->timer);
		TAILQ_REMOVE(&conns, c, entry);
		nconns--;
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
	struct slirp_peer	*p = peer_get(engine, c->peer);

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
	struct slirp_peer	*p = peer_get(engine, c->peer);
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
			names_ask(p, &q, 0, conn_done, c);
		else
			conn_done(c, UPSTREAM_OUT, dnsmsg_error(&q, error,
			    UPSTREAM_OUT, DNS_MSG_MAX));
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

/* A guest's connection, which is ours then.  -1 if there are too many. */
static int
stream(struct slirp_peer *p, struct bufferevent *bev)
{
	struct timeval	 tv = { CONN_TIME, 0 };
	struct conn	*c;

	if (p->ndnsconns >= MAX_PEER_CONNS ||
	    p->ndnsconns >= (uint32_t)(MAX_CONNS - nconns) ||
	    (c = calloc(1, sizeof(*c))) == NULL)
		return (-1);
	c->peer = p->id;
	if ((c->timer = evtimer_new(evbase, conn_timeout, c)) == NULL) {
		free(c);
		return (-1);
	}
	c->bev = bev;
	bufferevent_setcb(c->bev, conn_ready, conn_ready, conn_event, c);
	bufferevent_setwatermark(c->bev, EV_READ, 0, DNS_MSG_MAX + 2);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	event_add(c->timer, &tv);
	TAILQ_INSERT_TAIL(&conns, c, entry);
	nconns++;
	p->ndnsconns++;
	return (0);
}

static const struct name_ops	 name_ops = {
	.datagram = udp_question,
	.stream = stream
};

void
names_commit(struct slirp *s, const struct conf_global *g)
{
	struct conn	*c;
	int		 on = g->dns;

	engine = s;
	say_zero = g->dns_zero;
	log_questions = g->dns_log;
	dns64 = g->dns64;
	upstream_commit(on);
	tunnelnames_commit(s, on, g->domain);
	s->names = on ? &name_ops : NULL;
	if (!on)
		while ((c = TAILQ_FIRST(&conns)) != NULL)
			conn_free(c);
}
