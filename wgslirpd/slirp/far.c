/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "far.h"
#include "link.h"
#include "linkio.h"
#include "log.h"
#include "tcp/dial.h"

#define ROUNDS		16	/* messages at once */
#define MAX_SHADOWS	1024	/* listeners of the first worker */
#define ROOM		8	/* for a UDP header before a payload */

enum kind {
	CONNECTION,		/* to a guest, with its descriptor */
	DATAGRAM,		/* the same without one */
	ANSWER,			/* to a datagram */
	GONE			/* no more from this listener */
};

struct hdr {
	uint32_t	 kind;
	uint32_t	 peer;		/* id */
	uint32_t	 listener;	/* its number */
	uint32_t	 via;		/* enum flow_via */
	struct ipaddr	 client;
	struct ipaddr	 dst;		/* the guest */
	uint16_t	 cport;
	uint16_t	 dport;
	uint32_t	 pad;
};

static struct slirp		*engine;
static const struct far_ops	*ops;
static struct {
	int		 fd;
	struct event	*ev;		/* NULL: there is no such worker */
} workers[MAX_WORKERS];

/* Listeners here that others know by a number. */
static LIST_HEAD(, fwd_listener)	 known = LIST_HEAD_INITIALIZER(known);

/* Listeners of the first worker, for its clients' datagrams. */
static TAILQ_HEAD(, fwd_listener)	 shadows =
    TAILQ_HEAD_INITIALIZER(shadows);
static int				 nshadows;

static const struct listener_ops	 shadow_ops, shadow_socks_ops;

void
far_init(struct slirp *s, const struct far_ops *fn)
{
	engine = s;
	ops = fn;
}

static int
put(uint32_t worker, const struct hdr *hdr, const void *data, size_t len,
    int fd)
{
	if (worker >= MAX_WORKERS || workers[worker].ev == NULL)
		return (-1);
	return (link_pass(workers[worker].fd, hdr, sizeof(*hdr), data, len,
	    fd));
}

/* ---- the worker that listens */

int
far_connection(const struct routed *to, const struct ipaddr *dst,
    uint16_t dport, enum flow_via via, int fd)
{
	struct hdr	 hdr;

	memset(&hdr, 0, sizeof(hdr));
	hdr.kind = CONNECTION;
	hdr.peer = to->id;
	hdr.via = (uint32_t)via;
	hdr.dst = *dst;
	hdr.dport = dport;
	return (put(to->worker, &hdr, NULL, 0, fd));
}

void
far_datagram(struct fwd_listener *l, const struct routed *to,
    const struct ipaddr *client, uint16_t cport, const struct ipaddr *dst,
    uint16_t dport, const uint8_t *data, size_t len)
{
	static uint32_t	 last;
	struct hdr	 hdr;

	if (l->number == 0) {
		l->number = ++last;
		LIST_INSERT_HEAD(&known, l, far_entry);
	}
	memset(&hdr, 0, sizeof(hdr));
	hdr.kind = DATAGRAM;
	hdr.peer = to->id;
	hdr.listener = l->number;
	hdr.via = l->ops->header != NULL ? VIA_SOCKS : VIA_FORWARD;
	hdr.client = *client;
	hdr.cport = cport;
	hdr.dst = *dst;
	hdr.dport = dport;
	l->far_workers |= 1U << to->worker;
	if (put(to->worker, &hdr, data, len, -1) == -1)
		engine->count.udp_drop_send++;
}

void
far_gone(struct fwd_listener *l)
{
	struct hdr	 hdr;
	uint32_t	 w;

	if (l->number == 0)
		return;
	memset(&hdr, 0, sizeof(hdr));
	hdr.kind = GONE;
	hdr.listener = l->number;
	/* where there is no room for it, its flows end by themselves */
	for (w = 1; w < MAX_WORKERS; w++)
		(void)put(w, &hdr, NULL, 0, -1);
	LIST_REMOVE(l, far_entry);
	l->number = 0;
}

void
far_take_over(struct fwd_listener *l, struct fwd_listener *old)
{
	if (old->number == 0)
		return;
	LIST_REMOVE(old, far_entry);
	l->number = old->number;
	l->far_workers = old->far_workers;
	old->number = 0;
	LIST_INSERT_HEAD(&known, l, far_entry);
}

/*
 * An answer goes out by the socket that its question came by: of a worker that
 * was asked there, and for a guest who is meant by it.
 */
static void
answer(uint32_t worker, const struct hdr *hdr, const uint8_t *data, size_t len)
{
	struct forward_flow	 f;
	struct fwd_listener	*l;

	LIST_FOREACH(l, &known, far_entry)
		if (l->number == hdr->listener)
			break;
	if (l == NULL || !(l->far_workers & 1U << worker) ||
	    !ops->is_client(l, &hdr->client, hdr->cport) ||
	    (l->ops->parse == NULL && (hdr->dport != l->s.dport ||
	    ipaddr_cmp(&hdr->dst, &l->s.dst) != 0)))
		return;
	memset(&f, 0, sizeof(f));
	f.listener = l;
	f.client = hdr->client;
	f.cport = hdr->cport;
	f.f.src = hdr->dst;
	f.f.sport = hdr->dport;
	ops->reply(&f, data, len);
}

/* ---- the worker that has the guest */

static void
connection(const struct hdr *hdr, int fd)
{
	struct slirp_peer	*p = peer_get(engine, hdr->peer);
	struct sockaddr_storage	 ss;
	socklen_t		 len = sizeof(ss), tlen = sizeof(int);
	struct ipaddr		 a;
	int			 type;

	if (fd == -1 || hdr->via < VIA_FORWARD || hdr->via > VIA_HTTP ||
	    getpeername(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    ipaddr_from_sa(&a, (struct sockaddr *)&ss) == -1 ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &tlen) == -1 ||
	    type != SOCK_STREAM) {
		/* a client that is gone already is none, either */
		if (fd != -1)
			close(fd);
		return;
	}
	if (p != NULL && tcp_dial(engine, p, &hdr->dst, hdr->dport,
	    (enum flow_via)hdr->via, fd) == 0)
		return;
	ops->refuse(fd, (enum flow_via)hdr->via);
}

static void
shadow_free(struct fwd_listener *l)
{
	TAILQ_REMOVE(&shadows, l, entry);
	nshadows--;
	ops->end(l);
	free(l);
}

/* The n-th listener of the first worker, as this one knows it. */
static struct fwd_listener *
shadow(uint32_t number, uint32_t via)
{
	struct fwd_listener	*l;

	TAILQ_FOREACH(l, &shadows, entry)
		if (l->number == number)
			return (l);
	/* one whose end was not heard of may have no flows any more */
	if (nshadows == MAX_SHADOWS)
		TAILQ_FOREACH(l, &shadows, entry)
			if (RB_EMPTY(&l->clients)) {
				shadow_free(l);
				break;
			}
	if (nshadows == MAX_SHADOWS || (l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	l->number = number;
	l->fd = -1;
	l->ops = via == VIA_SOCKS ? &shadow_socks_ops : &shadow_ops;
	RB_INIT(&l->clients);
	TAILQ_INSERT_TAIL(&shadows, l, entry);
	nshadows++;
	return (l);
}

static void
datagram(const struct hdr *hdr, uint8_t *data, size_t len)
{
	struct slirp_peer	*p = peer_get(engine, hdr->peer);
	struct fwd_listener	*l;

	if (p == NULL || hdr->listener == 0 ||
	    (l = shadow(hdr->listener, hdr->via)) == NULL) {
		engine->count.udp_drop_send++;
		return;
	}
	ops->deliver(l, p, &hdr->client, hdr->cport, &hdr->dst, hdr->dport,
	    data, len);
}

static void
gone(uint32_t number)
{
	struct fwd_listener	*l;

	TAILQ_FOREACH(l, &shadows, entry)
		if (l->number == number) {
			shadow_free(l);
			return;
		}
}

/* What a guest answers goes back to where the client is. */
static void
reply(struct forward_flow *f, const uint8_t *data, size_t len)
{
	struct hdr	 hdr;

	memset(&hdr, 0, sizeof(hdr));
	hdr.kind = ANSWER;
	hdr.listener = f->listener->number;
	hdr.client = f->client;
	hdr.cport = f->cport;
	hdr.dst = f->f.src;
	hdr.dport = f->f.sport;
	if (put(0, &hdr, data, len, -1) == -1)
		engine->count.udp_drop_send++;
}

static size_t
no_header(const struct forward_flow *f, uint8_t h[22])
{
	(void)f;
	(void)h;
	return (0);
}

static const struct listener_ops	 shadow_ops = { .reply = reply };
/* what precedes a datagram is the first worker's to put there */
static const struct listener_ops	 shadow_socks_ops = {
	.reply = reply,
	.header = no_header
};

/* ---- between them */

static void
take(uint32_t worker, const struct hdr *hdr, uint8_t *data, size_t len, int fd)
{
	int	 back = proc_worker() == 0;	/* answers come here alone */

	if (back != (hdr->kind == ANSWER) || hdr->kind > GONE ||
	    (fd != -1 && hdr->kind != CONNECTION) ||
	    (hdr->kind != GONE && hdr->dst.af != 4 && hdr->dst.af != 6) ||
	    ((hdr->kind == DATAGRAM || hdr->kind == ANSWER) &&
	    hdr->client.af != 4 && hdr->client.af != 6))
		fatalx("worker %u sent something malformed", worker + 1);
	switch (hdr->kind) {
	case CONNECTION:
		connection(hdr, fd);
		break;
	case DATAGRAM:
		datagram(hdr, data, len);
		break;
	case ANSWER:
		answer(worker, hdr, data, len);
		break;
	case GONE:
		gone(hdr->listener);
		break;
	}
}

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t	 buf[ROOM + ACROSS_DATA_MAX];
	uint32_t	 worker = (uint32_t)(uintptr_t)arg;
	struct hdr	 hdr;
	size_t		 len;
	int		 i, n = 0, passed;

	(void)what;
	engine->now = mono_now();
	for (i = 0; i < ROUNDS && (n = link_take(fd, &hdr, sizeof(hdr),
	    buf + ROOM, &len, &passed)) > 0; i++)
		take(worker, &hdr, buf + ROOM, len, passed);
	if (n == -1)
		event_del(workers[worker].ev);
}

void
far_link(struct imsg *imsg)
{
	uint32_t	 w;
	int		 fd;

	imsg_is(imsg, &w, sizeof(w));
	fd = imsg_take_fd(imsg);
	if (w >= MAX_WORKERS || w == proc_worker() || workers[w].ev != NULL)
		bad_imsg("parent", IMSG_ACROSS);
	workers[w].fd = fd;
	workers[w].ev = event_new(evbase, fd, EV_READ | EV_PERSIST, readable,
	    (void *)(uintptr_t)w);
	if (workers[w].ev == NULL)
		fatalx("the link to another worker");
}

void
far_start(void)
{
	uint32_t	 w;

	for (w = 0; w < MAX_WORKERS; w++)
		if (workers[w].ev != NULL &&
		    event_add(workers[w].ev, NULL) == -1)
			fatalx("the link to another worker");
}
