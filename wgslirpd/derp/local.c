/* SPDX-License-Identifier: ISC */

/*
 * Ports for WireGuard clients of this host, or of its network.  Several clients
 * may use one port: who gets an answer is told by the indices of their
 * sessions, which are in the clear in every message (WireGuard paper 5.4).
 * They are taken from what clients say; an answer for none of them goes to who
 * spoke last.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "link.h"
#include "local.h"
#include "log.h"
#include "mono.h"
#include "outq.h"
#include "relays.h"
#include "state.h"

#define BATCH		32	/* datagrams a call */
#define ROUNDS		8
#define CLIENTS		256	/* sessions of a port */

/* Lengths of messages (WireGuard paper 5.4). */
#define LEN_INITIATION	148
#define LEN_RESPONSE	92
#define LEN_DATA	32	/* at least */
#define LAST_HOLD	MONO_SEC(5)	/* strangers do not take its place */

enum {
	TYPE_INITIATION = 1,
	TYPE_RESPONSE,
	TYPE_COOKIE,
	TYPE_DATA
};

struct client {
	struct sockaddr_storage	 ss;
	uint32_t		 own;		/* its index */
	uint32_t		 other;		/* of who answers */
	mono_t			 used;		/* 0: free */
};

struct port {
	TAILQ_ENTRY(port)	 entry;
	struct service		 s;
	struct ipprefix		 allow[MAX_RELAY_ALLOW];
	size_t			 nallow;
	int			 fd;
	struct event		*ev;
	struct client		 client[CLIENTS];
	int			 hit;		/* that was found last */
	struct sockaddr_storage	 last;		/* who spoke last, */
	mono_t			 last_at;	/* and when */
	/* datagrams for clients, that are sent together */
	int			 n;
	struct mmsghdr		 out[BATCH];
	struct iovec		 iov[BATCH];
	struct sockaddr_storage	 to[BATCH];
	uint8_t			 buf[BATCH][OUTQ_SLOT];
};
TAILQ_HEAD(ports, port);

static struct ports	 ports = TAILQ_HEAD_INITIALIZER(ports);
static struct ports	 coming = TAILQ_HEAD_INITIALIZER(coming);

/* An index as it is in a message; only compared. */
static uint32_t
index_at(const uint8_t *msg, size_t off)
{
	uint32_t	 v;

	memcpy(&v, msg + off, sizeof(v));
	return (v);
}

/* The client that was found last is the next one, too, mostly. */
static struct client *
by_own(struct port *p, uint32_t own)
{
	struct client	*c = &p->client[p->hit];

	if (c->used != 0 && c->own == own)
		return (c);
	for (c = p->client; c < p->client + CLIENTS; c++)
		if (c->used != 0 && c->own == own) {
			p->hit = (int)(c - p->client);
			return (c);
		}
	return (NULL);
}

/* No session has the index 0 here: it stands for one without an answer. */
static struct client *
by_other(struct port *p, uint32_t other)
{
	struct client	*c = &p->client[p->hit];

	if (other == 0)
		return (NULL);
	if (c->used != 0 && c->other == other)
		return (c);
	for (c = p->client; c < p->client + CLIENTS; c++)
		if (c->used != 0 && c->other == other) {
			p->hit = (int)(c - p->client);
			return (c);
		}
	return (NULL);
}

/* Does a go before b?  First what was never answered, then what is old. */
static int
goes_first(const struct client *a, const struct client *b)
{
	if ((a->used == 0) != (b->used == 0))
		return (a->used == 0);
	if ((a->other == 0) != (b->other == 0))
		return (a->other == 0);
	return (a->used < b->used);
}

/* A session that a client begins, in the place of another one. */
static struct client *
new_client(struct port *p, uint32_t own)
{
	struct client	*c, *out = p->client;

	if ((c = by_own(p, own)) == NULL) {
		for (c = p->client; c < p->client + CLIENTS; c++)
			if (goes_first(c, out))
				out = c;
		c = out;
	}
	memset(c, 0, sizeof(*c));
	c->own = own;
	return (c);
}

/* A client has sent this from there: remember where it is. */
static void
note_client(struct port *p, const uint8_t *msg, size_t len,
    const struct sockaddr_storage *from, mono_t now)
{
	struct client	*c = NULL;

	if (len == LEN_INITIATION && msg[0] == TYPE_INITIATION)
		c = new_client(p, index_at(msg, 4));
	else if (len == LEN_RESPONSE && msg[0] == TYPE_RESPONSE) {
		c = new_client(p, index_at(msg, 4));
		c->other = index_at(msg, 8);
	} else if (len >= LEN_DATA && msg[0] == TYPE_DATA)
		c = by_other(p, index_at(msg, 4));
	/* of a session that began before this process did, perhaps */
	if (c == NULL && (len < LEN_DATA || msg[0] != TYPE_DATA ||
	    now - p->last_at < LAST_HOLD))
		return;
	p->last = *from;
	p->last_at = now;
	if (c == NULL)
		return;
	c->ss = *from;
	c->used = now;
}

/* For which client is this answer? */
static const struct sockaddr_storage *
find_client(struct port *p, const uint8_t *msg, size_t len)
{
	struct client	*c = NULL;

	if (len >= 12 && msg[0] == TYPE_RESPONSE) {
		if ((c = by_own(p, index_at(msg, 8))) != NULL)
			c->other = index_at(msg, 4);
	} else if (len >= 8 && (msg[0] == TYPE_COOKIE || msg[0] == TYPE_DATA))
		c = by_own(p, index_at(msg, 4));
	return (c != NULL ? &c->ss : &p->last);
}

static int
allowed(const struct port *p, const struct sockaddr_storage *from)
{
	struct ipaddr	 a;
	size_t		 i;

	if (p->nallow == 0)
		return (1);
	if (ipaddr_from_sa(&a, (const struct sockaddr *)from) == -1)
		return (0);
	for (i = 0; i < p->nallow; i++)
		if (ipprefix_match(&p->allow[i], &a))
			return (1);
	return (0);
}

/* Datagrams of clients, in order; those of one size go together. */
static void
send_batch(struct port *p, const struct mmsghdr *m, int n,
    const struct sockaddr_storage *from, uint8_t buf[BATCH][OUTQ_SLOT])
{
	mono_t	 now = mono_now();
	size_t	 len;
	int	 i;

	for (i = 0; i < n; i++) {
		len = m[i].msg_len;
		if (!allowed(p, &from[i]) || len < 8 ||
		    m[i].msg_hdr.msg_flags & MSG_TRUNC) {
			de.count.relay_drop_client++;
			continue;
		}
		note_client(p, buf[i], len, &from[i], now);
		relays_send(p->s.key, LINK_ANY, buf[i], len, len);
	}
	relays_flush();
}

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	static struct sockaddr_storage	 from[BATCH];
	static uint8_t			 buf[BATCH][OUTQ_SLOT];
	static struct mmsghdr		 m[BATCH];
	static struct iovec		 iov[BATCH];
	struct port			*p = arg;
	int				 i, n, round;

	(void)what;
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < BATCH; i++) {
			memset(&m[i], 0, sizeof(m[i]));
			iov[i].iov_base = buf[i];
			iov[i].iov_len = OUTQ_SLOT;
			m[i].msg_hdr.msg_iov = &iov[i];
			m[i].msg_hdr.msg_iovlen = 1;
			m[i].msg_hdr.msg_name = &from[i];
			m[i].msg_hdr.msg_namelen = sizeof(from[i]);
		}
		/* an error is about something that was sent */
		if ((n = recvmmsg(fd, m, BATCH, MSG_DONTWAIT, NULL)) <= 0)
			break;
		send_batch(p, m, n, from, buf);
		if (n < BATCH)
			break;
	}
}

/* Datagrams for clients go; what the system does not take is dropped. */
static void
port_flush(struct port *p)
{
	int	 i = 0, r;

	while (i < p->n) {
		r = sendmmsg(p->fd, p->out + i, (unsigned int)(p->n - i),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		if (r == -1 && errno == EAGAIN)
			break;
		i += r > 0 ? r : 1;
	}
	p->n = 0;
}

void
local_flush(void)
{
	struct port	*p;

	TAILQ_FOREACH(p, &ports, entry)
		if (p->n > 0)
			port_flush(p);
}

int
local_input(const uint8_t key[KEY_LEN], const uint8_t *data, size_t len)
{
	const struct sockaddr_storage	*to;
	struct port			*p;
	int				 i;

	TAILQ_FOREACH(p, &ports, entry)
		if (memcmp(p->s.key, key, KEY_LEN) == 0)
			break;
	if (p == NULL)
		return (0);
	to = find_client(p, data, len);
	if (to->ss_family == 0 || len > OUTQ_SLOT)
		return (1);	/* nobody has spoken yet */
	i = p->n++;
	memcpy(p->buf[i], data, len);
	p->to[i] = *to;
	memset(&p->out[i], 0, sizeof(p->out[i]));
	p->iov[i].iov_base = p->buf[i];
	p->iov[i].iov_len = len;
	p->out[i].msg_hdr.msg_iov = &p->iov[i];
	p->out[i].msg_hdr.msg_iovlen = 1;
	p->out[i].msg_hdr.msg_name = &p->to[i];
	p->out[i].msg_hdr.msg_namelen = to->ss_family == AF_INET ?
	    sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
	if (p->n == BATCH)
		port_flush(p);
	return (1);
}

void
local_stage(struct imsg *imsg)
{
	struct port	*p = TAILQ_LAST(&coming, ports);

	if (imsg_get_type(imsg) == IMSG_CONF_ALLOW) {
		if (p == NULL || p->nallow == MAX_RELAY_ALLOW)
			fatalx("relay listen: too many prefixes");
		imsg_is(imsg, &p->allow[p->nallow++], sizeof(p->allow[0]));
		return;
	}
	if ((p = calloc(1, sizeof(*p))) == NULL)
		fatal(NULL);
	imsg_is(imsg, &p->s, sizeof(p->s));
	p->fd = imsg_take_fd(imsg);
	if (p->s.kind != SERVICE_RELAY)
		bad_imsg("parent", IMSG_CONF_SERVICE);
	/* who is there before he has spoken */
	if (p->s.dport != 0)
		(void)sa_make(&p->last, &p->s.dst, p->s.dport);
	TAILQ_INSERT_TAIL(&coming, p, entry);
}

void
local_admit(void)
{
	struct port	*p;

	TAILQ_FOREACH(p, &coming, entry)
		relays_admit(p->s.key);
}

/* Clients of a port that stays are where they were. */
static void
take_over(struct port *p)
{
	struct port	*o;

	TAILQ_FOREACH(o, &ports, entry) {
		if (o->s.port != p->s.port || ipaddr_cmp(&o->s.addr,
		    &p->s.addr) != 0 || memcmp(o->s.key, p->s.key,
		    KEY_LEN) != 0)
			continue;
		memcpy(p->client, o->client, sizeof(p->client));
		if (o->last.ss_family != 0)
			p->last = o->last;
		p->last_at = o->last_at;
	}
}

void
local_commit(void)
{
	struct port	*p;

	TAILQ_FOREACH(p, &coming, entry)
		take_over(p);
	while ((p = TAILQ_FIRST(&ports)) != NULL) {
		TAILQ_REMOVE(&ports, p, entry);
		event_free(p->ev);
		close(p->fd);
		free(p);
	}
	TAILQ_CONCAT(&ports, &coming, entry);
	TAILQ_FOREACH(p, &ports, entry) {
		p->ev = event_new(evbase, p->fd, EV_READ | EV_PERSIST,
		    readable, p);
		if (p->ev == NULL || event_add(p->ev, NULL) == -1)
			fatalx("relay listen");
	}
}
