/* SPDX-License-Identifier: ISC */

/*
 * Clients of the host on their way into the tunnel: forwards by TCP and
 * UDP, and what the proxy has in common with them.  The parent has bound
 * the sockets.  Which peer has an address only the crypto engine knows,
 * so each new client's destination is asked for there; what waits for the
 * answer is bounded.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/tree.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "proc.h"
#include "forward.h"

#define MAX_ROUTES	512	/* questions under way */
#define MAX_WAITING	64	/* datagrams of new clients, a listener */
#define RECV_BUDGET	64
#define UDP_ROOM	8	/* for a header before the payload */

struct route {
	TAILQ_ENTRY(route)	 entry;
	uint32_t		 cookie;
	fwd_route_fn		*fn;
	void			*arg;
};

/* A connection, or the first datagram of a client, that waits. */
struct waiting {
	TAILQ_ENTRY(waiting)	 entry;
	struct fwd_listener	*l;		/* NULL: it is gone */
	struct ipaddr		 dst;
	uint16_t		 dport;
	int			 fd;		/* TCP */
	struct ipaddr		 client;	/* UDP */
	uint16_t		 cport;
	size_t			 len;
	uint8_t			 data[];	/* after UDP_ROOM */
};

static struct slirp		*engine;
static int			 (*ask)(const struct route_msg *);
static TAILQ_HEAD(listeners, fwd_listener)	 listeners =
    TAILQ_HEAD_INITIALIZER(listeners);
static struct listeners		 staged = TAILQ_HEAD_INITIALIZER(staged);
static TAILQ_HEAD(, route)	 routes = TAILQ_HEAD_INITIALIZER(routes);
static TAILQ_HEAD(, waiting)	 waiting = TAILQ_HEAD_INITIALIZER(waiting);
static int			 nroutes;
static uint32_t			 last_cookie;

static int
client_cmp(const struct forward_flow *a, const struct forward_flow *b)
{
	int	 d;

	if (a->cport != b->cport)
		return (a->cport < b->cport ? -1 : 1);
	if ((d = ipaddr_cmp(&a->client, &b->client)) != 0)
		return (d);
	/* one client of the proxy talks to many */
	if (a->f.sport != b->f.sport)
		return (a->f.sport < b->f.sport ? -1 : 1);
	return (ipaddr_cmp(&a->f.src, &b->f.src));
}

#define UNUSED_STATIC	static __attribute__((__unused__))
RB_PROTOTYPE_INTERNAL(fwd_clients, forward_flow, entry, client_cmp,
    UNUSED_STATIC)
RB_GENERATE_INTERNAL(fwd_clients, forward_flow, entry, client_cmp,
    UNUSED_STATIC)

/* fn sends a question to the crypto engine; -1 if it cannot. */
void
fwd_init(struct slirp *s, int (*fn)(const struct route_msg *))
{
	engine = s;
	ask = fn;
}

/*
 * Find out who has the address; fn is called later.  -1 if there are too
 * many questions, and then it is not.
 */
int
fwd_route(const struct ipaddr *addr, fwd_route_fn *fn, void *arg)
{
	struct route_msg	 m;
	struct route		*r;

	if (nroutes >= MAX_ROUTES || (r = calloc(1, sizeof(*r))) == NULL)
		return (-1);
	memset(&m, 0, sizeof(m));
	m.cookie = r->cookie = ++last_cookie;
	m.addr = *addr;
	r->fn = fn;
	r->arg = arg;
	if (ask(&m) == -1) {
		free(r);
		return (-1);
	}
	TAILQ_INSERT_TAIL(&routes, r, entry);
	nroutes++;
	return (0);
}

/* The crypto engine's answer. */
void
fwd_routed(const struct route_msg *m)
{
	struct route	*r;

	TAILQ_FOREACH(r, &routes, entry)
		if (r->cookie == m->cookie)
			break;
	if (r == NULL)
		return;
	TAILQ_REMOVE(&routes, r, entry);
	nroutes--;
	r->fn(r->arg, slirp_peer_get(engine, m->id));
	free(r);
}

/* Close a client's connection so that it sees a reset. */
static void
refuse(int fd)
{
	struct linger	 l = { 1, 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(fd);
}

static void
waiting_free(struct waiting *w)
{
	TAILQ_REMOVE(&waiting, w, entry);
	if (w->fd != -1)
		slirp_fd_give(engine);
	if (w->l != NULL && w->fd == -1)
		w->l->nwaiting--;
	free(w);
}

static void
tcp_routed(void *arg, struct slirp_peer *p)
{
	struct waiting	*w = arg;

	engine->now = mono_now();
	if (p == NULL || tcp_dial(engine, p, &w->dst, w->dport, VIA_FORWARD,
	    w->fd) == -1)
		refuse(w->fd);
	waiting_free(w);
}

/* May a client with this address use it? */
int
fwd_allowed(const struct fwd_listener *l, const struct ipaddr *a)
{
	size_t	 i;

	if (l->nallow == 0)
		return (1);
	for (i = 0; i < l->nallow; i++)
		if (ipprefix_match(&l->allow[i], a))
			return (1);
	return (0);
}

static void
accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct fwd_listener	*l = arg;

	(void)fd;
	(void)what;
	event_add(l->ev, NULL);
}

static void
forward_tcp(struct fwd_listener *l, int fd)
{
	struct waiting	*w;

	if (slirp_fd_take(engine) == -1) {
		refuse(fd);
		return;
	}
	if ((w = calloc(1, sizeof(*w))) == NULL) {
		slirp_fd_give(engine);
		refuse(fd);
		return;
	}
	w->l = l;
	w->fd = fd;
	w->dst = l->s.dst;
	w->dport = l->s.dport;
	TAILQ_INSERT_TAIL(&waiting, w, entry);
	if (fwd_route(&w->dst, tcp_routed, w) == -1) {
		refuse(fd);
		waiting_free(w);
	}
}

static void
tcp_client(evutil_socket_t lfd, short what, void *arg)
{
	struct fwd_listener	*l = arg;
	struct sockaddr_storage	 ss;
	struct ipaddr		 a;
	socklen_t		 len = sizeof(ss);
	int			 fd, on = 1;

	(void)what;
	engine->now = mono_now();
	if ((fd = accept_or_pause(lfd, l->ev, l->pause)) == -1)
		return;
	if (getpeername(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    ipaddr_from_sa(&a, (struct sockaddr *)&ss) == -1) {
		close(fd);
		return;
	}
	if (!fwd_allowed(l, &a)) {
		engine->count.forward_refused++;
		refuse(fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (l->s.kind == SERVICE_PROXY)
		proxy_accept(engine, l, fd, &a);
	else
		forward_tcp(l, fd);
}

/* A datagram of a client whose flow is there, or is made now. */
static void
deliver(struct fwd_listener *l, struct slirp_peer *p, const struct waiting *k,
    uint8_t *data, size_t len)
{
	struct forward_flow	 key, *f;

	memset(&key, 0, sizeof(key));
	key.client = k->client;
	key.cport = k->cport;
	key.f.src = k->dst;
	key.f.sport = k->dport;
	f = RB_FIND(fwd_clients, &l->clients, &key);
	if (f == NULL && p != NULL && (f = udp_forward_open(engine, p,
	    &k->dst, k->dport, l->s.kind == SERVICE_PROXY ? VIA_SOCKS :
	    VIA_FORWARD)) != NULL) {
		f->listener = l;
		f->client = k->client;
		f->cport = k->cport;
		RB_INSERT(fwd_clients, &l->clients, f);
	}
	if (f != NULL)
		udp_forward_send(engine, f, data, len);
}

static void
udp_routed(void *arg, struct slirp_peer *p)
{
	struct waiting	*w = arg;

	engine->now = mono_now();
	if (w->l != NULL && p != NULL)
		deliver(w->l, p, w, w->data + UDP_ROOM, w->len);
	waiting_free(w);
}

/*
 * A client's datagram on its way to dst: there is room for a UDP header
 * before data.
 */
void
fwd_datagram(struct fwd_listener *l, const struct ipaddr *client,
    uint16_t cport, const struct ipaddr *dst, uint16_t dport, uint8_t *data,
    size_t len)
{
	struct forward_flow	 key;
	struct waiting		 k, *w;

	memset(&k, 0, sizeof(k));
	k.client = *client;
	k.cport = cport;
	k.dst = *dst;
	k.dport = dport;
	memset(&key, 0, sizeof(key));
	key.client = *client;
	key.cport = cport;
	key.f.src = *dst;
	key.f.sport = dport;
	if (RB_FIND(fwd_clients, &l->clients, &key) != NULL) {
		deliver(l, NULL, &k, data, len);
		return;
	}
	if (l->nwaiting >= MAX_WAITING ||
	    (w = malloc(sizeof(*w) + UDP_ROOM + len)) == NULL)
		return;
	*w = k;
	w->l = l;
	w->fd = -1;
	w->len = len;
	memcpy(w->data + UDP_ROOM, data, len);
	l->nwaiting++;
	TAILQ_INSERT_TAIL(&waiting, w, entry);
	if (fwd_route(dst, udp_routed, w) == -1)
		waiting_free(w);
}

static void
udp_client(evutil_socket_t fd, short what, void *arg)
{
	struct fwd_listener	*l = arg;
	struct sockaddr_storage	 ss;
	struct ipaddr		 a, dst;
	socklen_t		 slen;
	uint16_t		 port, dport;
	uint8_t			*data = engine->dgram + UDP_ROOM;
	size_t			 off;
	ssize_t			 n;
	int			 i;

	(void)what;
	engine->now = mono_now();
	for (i = 0; i < RECV_BUDGET; i++) {
		slen = sizeof(ss);
		n = recvfrom(fd, data, DGRAM_MAX - UDP_ROOM, MSG_DONTWAIT,
		    (struct sockaddr *)&ss, &slen);
		if (n == -1) {
			/* an error about something that was sent */
			if (errno != EAGAIN && errno != EINTR)
				continue;
			break;
		}
		if (ipaddr_from_sa(&a, (struct sockaddr *)&ss) == -1)
			continue;
		port = sa_port((struct sockaddr *)&ss);
		if (l->s.kind != SERVICE_PROXY) {
			if (fwd_allowed(l, &a))
				fwd_datagram(l, &a, port, &l->s.dst,
				    l->s.dport, data, (size_t)n);
			else
				engine->count.forward_refused++;
			continue;
		}
		if (ipaddr_cmp(&a, &l->only) != 0 ||
		    (l->onlyport != 0 && l->onlyport != port) ||
		    proxy_udp_parse(data, (size_t)n, &dst, &dport, &off) ==
		    -1) {
			engine->count.forward_refused++;
			continue;
		}
		l->onlyport = port;
		fwd_datagram(l, &a, port, &dst, dport, data + off,
		    (size_t)n - off);
	}
}

/* A listener on a socket that is bound; NULL if there is no memory. */
struct fwd_listener *
fwd_listener_new(const struct service *s, int fd)
{
	struct fwd_listener	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	l->s = *s;
	l->fd = fd;
	RB_INIT(&l->clients);
	l->ev = event_new(evbase, fd, EV_READ | EV_PERSIST,
	    s->proto == IPPROTO_TCP ? tcp_client : udp_client, l);
	l->pause = evtimer_new(evbase, accept_again, l);
	if (l->ev == NULL || l->pause == NULL) {
		if (l->ev != NULL)
			event_free(l->ev);
		free(l);
		return (NULL);
	}
	return (l);
}

int
fwd_listener_watch(struct fwd_listener *l)
{
	return (event_add(l->ev, NULL));
}

/* It listens no more; flows that go through its socket end. */
void
fwd_listener_free(struct fwd_listener *l)
{
	struct forward_flow	*f;
	struct waiting		*w;

	while ((f = RB_MIN(fwd_clients, &l->clients)) != NULL)
		flow_kill(engine, &f->f);
	TAILQ_FOREACH(w, &waiting, entry)
		if (w->l == l)
			w->l = NULL;
	proxy_listener_gone(l);
	event_free(l->ev);
	event_free(l->pause);
	close(l->fd);
	free(l->allow);
	if (l->users != NULL)
		freezero(l->users, l->nusers * sizeof(*l->users));
	free(l);
}

/* One more service of the configuration that is being staged. */
void
fwd_stage(const struct service *s, int fd)
{
	struct fwd_listener	*l;

	if ((l = fwd_listener_new(s, fd)) == NULL)
		fatal(NULL);
	TAILQ_INSERT_TAIL(&staged, l, entry);
}

/* Who may use the last of them; -1 if there is none. */
int
fwd_stage_allow(const struct ipprefix *p)
{
	struct fwd_listener	*l = TAILQ_LAST(&staged, listeners);
	struct ipprefix		*v;

	if (l == NULL)
		return (-1);
	v = recallocarray(l->allow, l->nallow, l->nallow + 1, sizeof(*v));
	if (v == NULL)
		fatal(NULL);
	l->allow = v;
	l->allow[l->nallow++] = *p;
	return (0);
}

int
fwd_stage_user(const struct service_user *u)
{
	struct fwd_listener	*l = TAILQ_LAST(&staged, listeners);
	struct service_user	*v;

	if (l == NULL)
		return (-1);
	v = recallocarray(l->users, l->nusers, l->nusers + 1, sizeof(*v));
	if (v == NULL)
		fatal(NULL);
	l->users = v;
	l->users[l->nusers] = *u;
	l->users[l->nusers].name[USER_LEN - 1] = '\0';
	l->users[l->nusers++].password[USER_LEN - 1] = '\0';
	return (0);
}

/* Clients of a listener that stays go on with the new one's socket. */
static void
take_over(struct fwd_listener *l, struct fwd_listener *old)
{
	struct forward_flow	*f;

	proxy_take_over(l, old);
	while ((f = RB_MIN(fwd_clients, &old->clients)) != NULL) {
		RB_REMOVE(fwd_clients, &old->clients, f);
		f->listener = l;
		if (!fwd_allowed(l, &f->client))
			flow_kill(engine, &f->f);
		else
			RB_INSERT(fwd_clients, &l->clients, f);
	}
}

/* What was staged takes the place of what there was. */
void
fwd_commit(void)
{
	struct fwd_listener	*l, *old, *next;

	TAILQ_FOREACH(l, &staged, entry) {
		TAILQ_FOREACH_SAFE(old, &listeners, entry, next)
			if (memcmp(&old->s, &l->s, sizeof(l->s)) == 0)
				take_over(l, old);
	}
	while ((old = TAILQ_FIRST(&listeners)) != NULL) {
		TAILQ_REMOVE(&listeners, old, entry);
		fwd_listener_free(old);
	}
	TAILQ_CONCAT(&listeners, &staged, entry);
	TAILQ_FOREACH(l, &listeners, entry)
		if (fwd_listener_watch(l) == -1)
			fatalx("cannot watch a forward");
}

/* The guest has answered a client's connection, or error says why not. */
void
fwd_answered(void *arg, struct flow *f, int error)
{
	(void)arg;
	if (f->via == VIA_SOCKS || f->via == VIA_HTTP)
		proxy_answered(f->fd, (enum flow_via)f->via, error);
}

/* A datagram from the tunnel for a client. */
void
fwd_reply(void *arg, struct forward_flow *w, const uint8_t *data,
    size_t len)
{
	struct sockaddr_storage	 ss;
	struct msghdr		 m;
	struct iovec		 iov[2];
	uint8_t			 hdr[22];

	(void)arg;
	memset(&m, 0, sizeof(m));
	iov[0].iov_base = hdr;
	iov[0].iov_len = w->f.via == VIA_SOCKS ? proxy_udp_header(w, hdr) : 0;
	iov[1].iov_base = (void *)(uintptr_t)data;
	iov[1].iov_len = len;
	m.msg_name = &ss;
	m.msg_namelen = sa_make(&ss, &w->client, w->cport);
	m.msg_iov = iov;
	m.msg_iovlen = 2;
	if (sendmsg(w->listener->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL) == -1)
		engine->count.udp_drop_send++;
}

/* The flow ends. */
void
fwd_forget(void *arg, struct forward_flow *w)
{
	struct forward_flow	*f;

	(void)arg;
	/* it may not have been entered yet, or not any more */
	if (w->listener != NULL && (f = RB_FIND(fwd_clients,
	    &w->listener->clients, w)) == w)
		RB_REMOVE(fwd_clients, &w->listener->clients, f);
}
