/* SPDX-License-Identifier: ISC */

/*
 * Datagrams of clients of the host on their way into the tunnel, and back.
 * What waits until it is known which peer gets it is bounded.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/tree.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "far.h"
#include "fwdudp.h"
#include "net/packet.h"
#include "net/table.h"
#include "route.h"

#define MAX_WAITING	64	/* datagrams of new clients, a listener */
#define RECV_BUDGET	64
#define UDP_ROOM	8	/* for a header before the payload */
#define FAR_TIME	MONO_SEC(1)	/* where a guest is, and is not asked */

/* The first datagram of a client, that waits until it is known who gets it. */
struct waiting {
	TAILQ_ENTRY(waiting)	 entry;
	struct fwd_listener	*l;		/* NULL: it is gone */
	struct ipaddr		 dst;
	uint16_t		 dport;
	struct ipaddr		 client;
	uint16_t		 cport;
	size_t			 len;
	uint8_t			 data[];	/* after UDP_ROOM */
};

static struct slirp		*engine;
static TAILQ_HEAD(, waiting)	 waiting = TAILQ_HEAD_INITIALIZER(waiting);

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

void
fwdudp_init(struct slirp *s)
{
	engine = s;
}

static void
waiting_free(struct waiting *w)
{
	TAILQ_REMOVE(&waiting, w, entry);
	if (w->l != NULL)
		w->l->nwaiting--;
	free(w);
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
	    &k->dst, k->dport, l->ops->header != NULL ? VIA_SOCKS :
	    VIA_FORWARD)) != NULL) {
		f->listener = l;
		f->client = k->client;
		f->cport = k->cport;
		RB_INSERT(fwd_clients, &l->clients, f);
	}
	if (f != NULL)
		udp_forward_send(engine, f, data, len);
}

void
fwdudp_deliver(struct fwd_listener *l, struct slirp_peer *p,
    const struct ipaddr *client, uint16_t cport, const struct ipaddr *dst,
    uint16_t dport, uint8_t *data, size_t len)
{
	struct waiting	 k;

	memset(&k, 0, sizeof(k));
	k.client = *client;
	k.cport = cport;
	k.dst = *dst;
	k.dport = dport;
	deliver(l, p, &k, data, len);
}

static void
udp_routed(void *arg, const struct routed *to)
{
	struct waiting	*w = arg;

	engine->now = mono_now();
	if (w->l != NULL && to->p != NULL)
		deliver(w->l, to->p, w, w->data + UDP_ROOM, w->len);
	else if (w->l != NULL && route_is_far(to)) {
		w->l->far_dst = w->dst;
		w->l->far_peer = to->id;
		w->l->far_worker = to->worker;
		w->l->far_until = engine->now + FAR_TIME;
		far_datagram(w->l, to, &w->client, w->cport, &w->dst,
		    w->dport, w->data + UDP_ROOM, w->len);
	}
	waiting_free(w);
}

/* Is it known that the guest is another worker's?  Then it goes there. */
static int
is_far(struct fwd_listener *l, const struct waiting *k, const uint8_t *data,
    size_t len)
{
	struct routed	 to;

	if (engine->now >= l->far_until || ipaddr_cmp(&l->far_dst, &k->dst) !=
	    0)
		return (0);
	to.p = NULL;
	to.id = l->far_peer;
	to.worker = l->far_worker;
	far_datagram(l, &to, &k->client, k->cport, &k->dst, k->dport, data,
	    len);
	return (1);
}

/*
 * A client's datagram on its way to dst: there is room for a UDP header
 * before data.
 */
static void
datagram(struct fwd_listener *l, const struct ipaddr *client,
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
	if (is_far(l, &k, data, len))
		return;
	if (l->nwaiting >= MAX_WAITING ||
	    (w = malloc(sizeof(*w) + UDP_ROOM + len)) == NULL)
		return;
	*w = k;
	w->l = l;
	w->len = len;
	memcpy(w->data + UDP_ROOM, data, len);
	l->nwaiting++;
	TAILQ_INSERT_TAIL(&waiting, w, entry);
	if (route_ask(dst, udp_routed, w) == -1)
		waiting_free(w);
}

void
fwdudp_readable(struct fwd_listener *l)
{
	struct sockaddr_storage	 ss;
	struct ipaddr		 a, dst;
	socklen_t		 slen;
	uint16_t		 port, dport;
	uint8_t			*data = engine->dgram + UDP_ROOM;
	size_t			 off;
	ssize_t			 n;
	int			 i;

	engine->now = mono_now();
	for (i = 0; i < RECV_BUDGET; i++) {
		slen = sizeof(ss);
		n = recvfrom(l->fd, data, DGRAM_MAX - UDP_ROOM, MSG_DONTWAIT,
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
		if (l->ops->parse == NULL) {
			if (listener_allowed(l, &a))
				datagram(l, &a, port, &l->s.dst,
				    l->s.dport, data, (size_t)n);
			else
				engine->count.forward_refused++;
			continue;
		}
		if (ipaddr_cmp(&a, &l->only) != 0 ||
		    (l->onlyport != 0 && l->onlyport != port) ||
		    l->ops->parse(data, (size_t)n, &dst, &dport, &off) == -1) {
			engine->count.forward_refused++;
			continue;
		}
		l->onlyport = port;
		datagram(l, &a, port, &dst, dport, data + off,
		    (size_t)n - off);
	}
}

/* Clients of a listener that stays go on with the new one's socket. */
void
fwdudp_take_over(struct fwd_listener *l, struct fwd_listener *old)
{
	struct forward_flow	*f;

	far_take_over(l, old);
	while ((f = RB_MIN(fwd_clients, &old->clients)) != NULL) {
		RB_REMOVE(fwd_clients, &old->clients, f);
		f->listener = l;
		if (!listener_allowed(l, &f->client))
			flow_kill(engine, &f->f);
		else
			RB_INSERT(fwd_clients, &l->clients, f);
	}
}

void
fwdudp_gone(struct fwd_listener *l)
{
	far_gone(l);
	fwdudp_end(l);
}

/* May this be who gets an answer by the listener? */
int
fwdudp_is_client(const struct fwd_listener *l, const struct ipaddr *a,
    uint16_t port)
{
	if (l->ops->parse == NULL)
		return (listener_allowed(l, a));
	return (ipaddr_cmp(a, &l->only) == 0 && port == l->onlyport);
}

/* Flows that go through its socket end. */
void
fwdudp_end(struct fwd_listener *l)
{
	struct forward_flow	*f;
	struct waiting		*w;

	while ((f = RB_MIN(fwd_clients, &l->clients)) != NULL)
		flow_kill(engine, &f->f);
	TAILQ_FOREACH(w, &waiting, entry)
		if (w->l == l)
			w->l = NULL;
}

const struct listener_ops	 fwdudp_ops = {
	.readable = fwdudp_readable,
	.take_over = fwdudp_take_over,
	.gone = fwdudp_gone
};

/* A datagram from the tunnel for a client. */
void
fwdudp_reply(struct forward_flow *w, const uint8_t *data, size_t len)
{
	struct sockaddr_storage	 ss;
	struct msghdr		 m;
	struct iovec		 iov[2];
	uint8_t			 hdr[22];

	if (w->listener->ops->reply != NULL) {
		w->listener->ops->reply(w, data, len);
		return;
	}
	memset(&m, 0, sizeof(m));
	iov[0].iov_base = hdr;
	iov[0].iov_len = w->listener->ops->header != NULL ?
	    w->listener->ops->header(w, hdr) : 0;
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
fwdudp_forget(struct forward_flow *w)
{
	struct forward_flow	*f;

	/* it may not have been entered yet, or not any more */
	if (w->listener != NULL && (f = RB_FIND(fwd_clients,
	    &w->listener->clients, w)) == w)
		RB_REMOVE(fwd_clients, &w->listener->clients, f);
}
