/* SPDX-License-Identifier: ISC */

/*
 * Ports of the host for guests (RFC 6887, RFC 6886).
 *
 * A guest asks at the gateway's address for a port, as it would ask a router at
 * home, and has it until its time is over, or the configuration does not allow
 * it any more.  This process opens none: the parent does, for peers who may,
 * within a range, and so many for each.
 *
 * What connects to a TCP port goes on into the tunnel, from whoever it is.  A
 * UDP port becomes that of the guest's own mapping, so that what it sends
 * comes from there, too; everybody may send to it.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "log.h"
#include "nat64.h"
#include "net/egress.h"
#include "net/table.h"
#include "net/udp.h"
#include "net/udpout.h"
#include "pcp.h"
#include "portmap.h"
#include "proc.h"
#include "tcp/dial.h"
#include "tell.h"

#define MAX_ASKED	64		/* the parent, at once */
#define MAX_PEER_ASKED	8
#define REQUESTS	5		/* a second and peer */
#define BURST		30
#define LIFE_LEAST	120		/* seconds (RFC 6887 15) */
#define LIFE_MOST	86400
#define LIFE_ERROR	30
#define LIFE_REFUSED	1800

struct mapping {
	TAILQ_ENTRY(mapping)	 entry;
	struct pcp_request	 r;
	uint32_t		 peer;
	struct ipaddr		 guest;
	struct ipaddr		 gate;		/* where it has asked, */
	uint16_t		 from;		/* and from which port */
	uint32_t		 cookie;	/* while the parent is asked */
	int			 gone;		/* it was deleted meanwhile */
	uint16_t		 port;		/* of the host */
	mono_t			 until;
	uint64_t		 flow;		/* of UDP */
	int			 fd;		/* that listens, of TCP; or -1 */
	struct event		*ev;
	struct event		*pause;
	struct event		*timer;
};
TAILQ_HEAD(mappings, mapping);

static struct slirp		*engine;
static const struct port_parent	*parent;
static struct mappings		 maps = TAILQ_HEAD_INITIALIZER(maps);
static struct mappings		 asked = TAILQ_HEAD_INITIALIZER(asked);
static int			 nasked;
static uint32_t			 last_cookie;
static struct ipaddr		 public[2];	/* as it is configured */
static mono_t			 epoch;

void
portmap_init(struct slirp *s, const struct port_parent *p)
{
	engine = s;
	parent = p;
	epoch = mono_now();
}

static void
free_event(struct event **ev)
{
	if (*ev != NULL)
		event_free(*ev);
	*ev = NULL;
}

/* A port is nobody's any more. */
static void
map_free(struct mapping *m)
{
	struct flow	*f;

	TAILQ_REMOVE(&maps, m, entry);
	free_event(&m->ev);
	free_event(&m->pause);
	free_event(&m->timer);
	if (m->fd != -1) {
		close(m->fd);
		fds_give();
	}
	if (m->r.proto == IPPROTO_UDP &&
	    (f = flow_by_id(engine, m->flow)) != NULL)
		flow_kill(engine, f);
	parent->give(m->peer);
	free(m);
}

static void
expired(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	engine->now = mono_now();
	map_free(arg);
}

/*
 * The way by which the guest leaves, if a port of the host leads back to it:
 * that is at every address, so its way has to be the host's own, and no
 * address of it, no interface, and no other way that the first of several is.
 */
static const struct way *
way_of(const struct slirp_peer *p, uint8_t af)
{
	const struct conf_egress	*e = egress_of(engine, p, NULL);
	const struct way		*w;

	w = &engine->conf.ways[e->n > 0 ? e->way[0] : WAY_INDEX_HOST];
	return (w->c.kind == WAY_HOST && w->c.nsources == 0 &&
	    w->c.ifindex == 0 && (af == 6 || !nat64_on()) ? w : NULL);
}

/* The host's address as others see it, or what the system would take. */
static int
external(uint8_t af, struct ipaddr *a)
{
	static const struct ipaddr	 far[2] = {
		{ .af = 4, .a = { 192, 0, 2, 1 } },
		{ .af = 6, .a = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } }
	};
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	int			 fd, r;

	if (public[af == 6].af != 0) {
		*a = public[af == 6];
		return (0);
	}
	/* nothing is sent by this */
	len = sa_make(&ss, &far[af == 6], 9);
	if ((fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_CLOEXEC |
	    SOCK_NONBLOCK, IPPROTO_UDP)) == -1)
		return (-1);
	r = connect(fd, (struct sockaddr *)&ss, len);
	len = sizeof(ss);
	if (r == 0)
		r = getsockname(fd, (struct sockaddr *)&ss, &len);
	close(fd);
	return (r == -1 ? -1 : ipaddr_from_sa(a, (struct sockaddr *)&ss));
}

/* Answer a request; mapping and lifetime are in m, unless it is an error. */
static void
answer(const struct mapping *m, enum pcp_result e, uint32_t lifetime)
{
	uint8_t			 buf[UDP_HDR_LEN + PCP_ANSWER_MAX];
	struct slirp_peer	*p = peer_get(engine, m->peer);
	struct ipaddr		 addr;
	size_t			 n;

	if (p == NULL)
		return;
	memset(&addr, 0, sizeof(addr));
	addr.af = m->guest.af;
	if (e == PCP_SUCCESS && m->r.kind != PCP_ANNOUNCE &&
	    external(m->guest.af, &addr) == -1 && m->r.kind == PCP_ADDRESS)
		e = PCP_NETWORK_FAILURE;
	if (e != PCP_SUCCESS)
		lifetime = e == PCP_NO_RESOURCES || e == PCP_NETWORK_FAILURE ||
		    e == PCP_USER_EX_QUOTA ? LIFE_ERROR : LIFE_REFUSED;
	n = pcp_answer(&m->r, e, (uint32_t)MONO_TO_SEC(engine->now - epoch),
	    lifetime, m->port, &addr, buf + UDP_HDR_LEN);
	udp_answer(engine, p, NULL, &m->gate, PCP_PORT, &m->guest, m->from,
	    buf + UDP_HDR_LEN, n);
}

/* Its flow may have been ended by somebody else. */
static int
is_alive(const struct mapping *m)
{
	return (m->r.proto != IPPROTO_UDP ||
	    flow_by_id(engine, m->flow) != NULL);
}

/* Of the same guest's port? */
static int
same(const struct mapping *a, const struct mapping *b)
{
	return (a->peer == b->peer && a->r.proto == b->r.proto &&
	    a->r.port == b->r.port && ipaddr_cmp(&a->guest, &b->guest) == 0);
}

/* May who asks change it?  Whoever has made it knows the nonce. */
static int
is_owner(const struct mapping *m, const struct mapping *who)
{
	return (m->r.natpmp == who->r.natpmp && memcmp(m->r.nonce,
	    who->r.nonce, sizeof(m->r.nonce)) == 0);
}

/* It lasts as long as was asked, within bounds; how long, in seconds. */
static uint32_t
extend(struct mapping *m, uint32_t lifetime)
{
	struct timeval	 tv = { 0, 0 };

	if (lifetime < LIFE_LEAST)
		lifetime = LIFE_LEAST;
	if (lifetime > LIFE_MOST)
		lifetime = LIFE_MOST;
	tv.tv_sec = (time_t)lifetime;
	event_add(m->timer, &tv);
	m->until = engine->now + MONO_SEC(lifetime);
	return (lifetime);
}

/* Is it one of those that are to be deleted? */
static int
is_meant(const struct mapping *m, const struct mapping *q)
{
	return (m->peer == q->peer && ipaddr_cmp(&m->guest, &q->guest) == 0 &&
	    (q->r.proto == 0 || m->r.proto == q->r.proto) &&
	    (q->r.port == 0 || m->r.port == q->r.port));
}

/* A port, or with 0 all, of a protocol, or of both, of a guest go. */
static void
delete(const struct mapping *q)
{
	struct mapping		*m, *next;
	enum pcp_result		 e = PCP_SUCCESS;

	TAILQ_FOREACH_SAFE(m, &maps, entry, next) {
		if (!is_meant(m, q))
			continue;
		if (is_owner(m, q))
			map_free(m);
		else if (q->r.port != 0)
			e = PCP_NOT_AUTHORIZED;
	}
	/* what is on its way comes too late */
	TAILQ_FOREACH(m, &asked, entry)
		if (is_meant(m, q) && is_owner(m, q))
			m->gone = 1;
	answer(q, e, 0);
}

/* A new port: the parent is asked. */
static void
ask(const struct mapping *q)
{
	struct port_msg	 msg;
	struct ipaddr	 addr;
	struct mapping	*m;
	int		 n = 0;

	TAILQ_FOREACH(m, &asked, entry) {
		if (same(m, q) && !m->gone)
			return;		/* it is answered soon */
		n += m->peer == q->peer;
	}
	if (external(q->guest.af, &addr) == -1) {
		answer(q, PCP_NETWORK_FAILURE, 0);
		return;
	}
	if (n >= MAX_PEER_ASKED || nasked == MAX_ASKED ||
	    (m = malloc(sizeof(*m))) == NULL) {
		answer(q, PCP_NO_RESOURCES, 0);
		return;
	}
	*m = *q;
	m->cookie = ++last_cookie;
	TAILQ_INSERT_TAIL(&asked, m, entry);
	nasked++;
	memset(&msg, 0, sizeof(msg));
	msg.cookie = m->cookie;
	msg.peer = m->peer;
	msg.port = m->r.suggested;
	msg.proto = m->r.proto;
	msg.af = m->guest.af;
	msg.exact = m->r.exact;
	parent->ask(&msg);
}

/* What a guest says to the gateway about ports. */
static void
request(struct slirp *s, struct slirp_peer *p, const struct ipaddr *src,
    uint16_t sport, const struct ipaddr *dst, const uint8_t *data, size_t len)
{
	struct mapping	 q, *m, *next;
	int		 r;

	memset(&q, 0, sizeof(q));
	q.peer = p->id;
	q.guest = *src;
	q.gate = *dst;
	q.from = sport;
	q.fd = -1;
	/* who asks too often asks again */
	if ((r = pcp_parse(data, len, src, &q.r)) == -1 ||
	    !bucket_take(&p->ports_asked, s->now, REQUESTS, BURST))
		return;
	s->count.pcp_requests++;
	if (r != 0)
		answer(&q, (enum pcp_result)r, 0);
	else if (q.r.kind == PCP_MAP && q.r.lifetime == 0)
		delete(&q);
	else if (!p->pcp || way_of(p, src->af) == NULL)
		answer(&q, PCP_NOT_AUTHORIZED, 0);
	else if (q.r.kind != PCP_MAP)
		answer(&q, PCP_SUCCESS, 0);
	else {
		TAILQ_FOREACH_SAFE(m, &maps, entry, next)
			if (m->peer == p->id && !is_alive(m))
				map_free(m);
		TAILQ_FOREACH(m, &maps, entry)
			if (same(m, &q))
				break;
		if (m == NULL)
			ask(&q);
		else if (!is_owner(m, &q))
			answer(&q, PCP_NOT_AUTHORIZED, 0);
		else if (q.r.exact && q.r.suggested != m->port)
			answer(&q, PCP_CANNOT_PROVIDE_EXTERNAL, 0);
		else {
			q.port = m->port;
			answer(&q, PCP_SUCCESS, extend(m, q.r.lifetime));
		}
	}
}

/* Somebody connects: to the guest, if that may talk to him. */
static void
connected(struct mapping *m, int fd)
{
	struct slirp_peer	*p = peer_get(engine, m->peer);
	const struct way	*w = p != NULL ? way_of(p, m->guest.af) : NULL;
	struct sockaddr_storage	 ss;
	struct ipaddr		 who;
	socklen_t		 len = sizeof(ss);

	if (w == NULL || getpeername(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    ipaddr_from_sa(&who, (struct sockaddr *)&ss) == -1 ||
	    !egress_leaves_by(engine, p, &m->guest, &who, IPPROTO_TCP,
	    sa_port((struct sockaddr *)&ss), w->id) ||
	    tcp_dial_from(engine, p, &m->guest, m->r.port, &who,
	    sa_port((struct sockaddr *)&ss), fd) == -1) {
		engine->count.forward_refused++;
		close(fd);
	}
}

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	struct mapping	*m = arg;
	int		 s;

	(void)what;
	engine->now = mono_now();
	if ((s = accept_or_pause(fd, m->ev, m->pause)) != -1)
		connected(m, s);
}

static void
accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct mapping	*m = arg;

	(void)fd;
	(void)what;
	event_add(m->ev, NULL);
}

/* The socket is there: the mapping begins; -1 if it cannot. */
static int
begin(struct mapping *m, struct slirp_peer *p, int fd)
{
	const struct way	*w = way_of(p, m->guest.af);
	struct flow		*f;

	if ((m->timer = evtimer_new(evbase, expired, m)) == NULL)
		return (-1);
	if (m->r.proto == IPPROTO_UDP) {
		if (w == NULL || (f = udp_pin(engine, p, &m->guest, m->r.port,
		    w, fd)) == NULL)
			return (-1);
		m->flow = flow_id(f);
		return (0);
	}
	m->ev = event_new(evbase, fd, EV_READ | EV_PERSIST, readable, m);
	m->pause = evtimer_new(evbase, accept_again, m);
	if (m->ev == NULL || m->pause == NULL || fds_take() == -1)
		return (-1);
	if (event_add(m->ev, NULL) == -1) {
		fds_give();
		return (-1);
	}
	m->fd = fd;
	return (0);
}

void
portmap_opened(const struct port_msg *msg, int fd)
{
	struct slirp_peer	*p;
	struct mapping		*m;

	engine->now = mono_now();
	TAILQ_FOREACH(m, &asked, entry)
		if (m->cookie == msg->cookie)
			break;
	if (m == NULL)
		fatalx("the parent opened a port that nobody wants");
	TAILQ_REMOVE(&asked, m, entry);
	nasked--;
	if (fd == -1) {
		answer(m, msg->exact ? PCP_CANNOT_PROVIDE_EXTERNAL :
		    msg->quota ? PCP_USER_EX_QUOTA : PCP_NO_RESOURCES, 0);
		free(m);
		return;
	}
	m->port = msg->port;
	p = peer_get(engine, m->peer);
	if (m->gone || p == NULL || !p->pcp || begin(m, p, fd) == -1) {
		if (!m->gone)
			answer(m, PCP_NO_RESOURCES, 0);
		free_event(&m->ev);
		free_event(&m->pause);
		free_event(&m->timer);
		close(fd);
		parent->give(m->peer);
		free(m);
		return;
	}
	TAILQ_INSERT_TAIL(&maps, m, entry);
	engine->count.pcp_mappings++;
	tell("port-open", p->name, "%s %u", m->r.proto == IPPROTO_TCP ?
	    "tcp" : "udp", m->port);
	answer(m, PCP_SUCCESS, extend(m, m->r.lifetime));
}

/* The guest may not have it any more: who has called there is gone as well. */
static void
take_back(struct mapping *m)
{
	struct flow	*f;
	uint64_t	 at = 0;

	while ((f = table_next(engine, &at)) != NULL)
		if (f->via == VIA_PORT && f->peer->id == m->peer &&
		    f->sport == m->r.port && ipaddr_cmp(&f->src, &m->guest) ==
		    0)
			flow_kill(engine, f);
	map_free(m);
}

void
portmap_forget(uint32_t peer)
{
	struct mapping	*m, *next;

	TAILQ_FOREACH_SAFE(m, &maps, entry, next)
		if (m->peer == peer)
			take_back(m);
}

/* Who may have no port any more has none, and none outside of the range. */
void
portmap_commit(const struct conf_global *g)
{
	const struct slirp_peer	*p;
	struct mapping		*m, *next;

	memcpy(public, g->public, sizeof(public));
	engine->pcp = g->pcp_low != 0 ? request : NULL;
	TAILQ_FOREACH_SAFE(m, &maps, entry, next) {
		p = peer_get(engine, m->peer);
		if (g->pcp_low == 0 || p == NULL || !p->pcp ||
		    m->port < g->pcp_low || m->port > g->pcp_high ||
		    way_of(p, m->guest.af) == NULL)
			take_back(m);
	}
}

int
portmap_at(uint64_t n, char *name, size_t nlen, char *value, size_t vlen)
{
	const struct slirp_peer	*p;
	const struct mapping	*m;
	char			 to[ADDR_STRLEN];
	mono_t			 now = mono_now();

	TAILQ_FOREACH(m, &maps, entry)
		if (is_alive(m) && n-- == 0)
			break;
	if (m == NULL)
		return (-1);
	p = peer_get(engine, m->peer);
	snprintf(name, nlen, "%s %s:%u", m->r.proto == IPPROTO_TCP ? "tcp" :
	    "udp", m->guest.af == 4 ? "0.0.0.0" : "[::]", m->port);
	snprintf(value, vlen, "%s of %s, %llu s left", ipport_str(&m->guest,
	    m->r.port, to, sizeof(to)), p != NULL ? p->name : "nobody",
	    (unsigned long long)(m->until > now ?
	    MONO_TO_SEC(m->until - now) : 0));
	return (0);
}
