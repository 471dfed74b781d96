/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/bytes.h"
#include "socksassoc.h"
#include "socksdial.h"

#define HELD_MAX	4		/* of one mapping */
#define HELD_PEER	128		/* of all that a peer has */
#define HELD_ALL	4096
#define HELD_LEN	1500
#define DIAL_AGAIN	MONO_SEC(1)
#define NO_UDP_REST	MONO_SEC(60)	/* then it is asked again */
#define NO_UDP_MOST	3		/* times that say the same */
#define GIVE_MOST	16
#define ATYP_IPV4	1
#define ATYP_IPV6	4

struct held {
	struct ipaddr	 dst;
	uint16_t	 port;
	size_t		 len;
	uint8_t		 data[];
};

struct socks_assoc {
	TAILQ_ENTRY(socks_assoc)	 entry;	/* while it has ctl */
	struct slirp_peer		*peer;
	struct socks_dial		*dial;	/* NULL: it stands, or ended */
	struct ipaddr			 proxy;
	mono_t				 began;
	int				 ctl;	/* the connection, or -1 */
	int				 error;
	int				 nheld;
	struct held			*held[HELD_MAX];
};

static TAILQ_HEAD(, socks_assoc)	 all = TAILQ_HEAD_INITIALIZER(all);
static uint32_t				 nall, most, held_all;

void
assoc_init(uint32_t n)
{
	most = n;
}

struct socks_assoc *
assoc_new(struct slirp_peer *p)
{
	struct socks_assoc	*a;

	if ((a = calloc(1, sizeof(*a))) == NULL)
		return (NULL);
	a->peer = p;
	a->ctl = -1;
	return (a);
}

/* The one that was held first. */
static struct held *
held_take(struct socks_assoc *a)
{
	struct held	*h;

	if (a->nheld == 0)
		return (NULL);
	h = a->held[0];
	a->nheld--;
	memmove(a->held, a->held + 1, (size_t)a->nheld * sizeof(a->held[0]));
	held_all--;
	a->peer->nheld--;
	return (h);
}

static void
held_drop(struct socks_assoc *a)
{
	struct held	*h;

	while ((h = held_take(a)) != NULL)
		free(h);
}

void
assoc_end(struct socks_assoc *a, int error)
{
	struct linger	 l = { 1, 0 };

	if (a->ctl == -1)
		return;
	/* ports toward the proxy are few: none is to wait for late packets */
	(void)setsockopt(a->ctl, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	close(a->ctl);
	a->ctl = -1;
	socksdial_free(a->dial);
	a->dial = NULL;
	TAILQ_REMOVE(&all, a, entry);
	a->peer->nassocs--;
	nall--;
	if ((a->error = error) == 0)
		held_drop(a);
}

int
assoc_error(const struct socks_assoc *a)
{
	return (a->error);
}

int
assoc_unsaid(const struct socks_assoc *a)
{
	return (a->ctl == -1 && a->nheld > 0);
}

void
assoc_free(struct socks_assoc *a)
{
	if (a == NULL)
		return;
	assoc_end(a, 0);
	held_drop(a);
	free(a);
}

void
assoc_used(struct socks_assoc *a)
{
	if (a->ctl == -1)
		return;
	TAILQ_REMOVE(&all, a, entry);
	TAILQ_INSERT_TAIL(&all, a, entry);
}

/*
 * Whoever has most of them gives those that he has not used for longest, a few
 * at once, so that nobody keeps others from having any: the mappings stay, and
 * ask for another when they are used.  Who has about as many as anybody gives
 * his own.
 */
static int
make_room(struct slirp_peer *p)
{
	struct socks_assoc	*a, *next;
	struct slirp_peer	*give = p;
	uint32_t		 n;

	if (nall < most)
		return (0);
	TAILQ_FOREACH(a, &all, entry)
		if (a->peer->nassocs > give->nassocs)
			give = a->peer;
	if (p->nassocs > 0 && give->nassocs <= p->nassocs + 1)
		give = p;
	n = give == p ? 1 + p->nassocs / 8 : 1 + (give->nassocs -
	    p->nassocs) / 4;
	if (n > GIVE_MOST)
		n = GIVE_MOST;
	TAILQ_FOREACH_SAFE(a, &all, entry, next)
		if (n > 0 && a->peer == give) {
			assoc_end(a, 0);
			n--;
		}
	return (nall < most ? 0 : -1);
}

int
assoc_may_dial(const struct socks_assoc *a, mono_t now)
{
	return (a->ctl == -1 && (a->began == 0 ||
	    now - a->began >= DIAL_AGAIN));
}

int
assoc_dial(struct socks_assoc *a, const struct way *w, mono_t now)
{
	int	 save_errno;

	a->began = now;
	if (make_room(a->peer) == -1) {
		errno = EMFILE;
		return (-1);
	}
	held_drop(a);
	if ((a->dial = socksdial_new(w, NULL, 0)) == NULL) {
		errno = ENOMEM;
		return (-1);
	}
	if ((a->ctl = socksdial_connect(w)) == -1) {
		save_errno = errno;
		socksdial_free(a->dial);
		a->dial = NULL;
		errno = save_errno;
		return (-1);
	}
	a->proxy = w->c.proxy;
	a->error = 0;
	TAILQ_INSERT_TAIL(&all, a, entry);
	a->peer->nassocs++;
	nall++;
	return (a->ctl);
}

int
assoc_hold(struct socks_assoc *a, const struct ipaddr *dst, uint16_t port,
    const struct iovec *iov)
{
	struct held	*h;

	if (a->nheld == HELD_MAX || a->peer->nheld >= HELD_PEER ||
	    held_all >= HELD_ALL || iov->iov_len > HELD_LEN ||
	    (h = malloc(sizeof(*h) + iov->iov_len)) == NULL)
		return (-1);
	h->dst = *dst;
	h->port = port;
	h->len = iov->iov_len;
	memcpy(h->data, iov->iov_base, h->len);
	a->held[a->nheld++] = h;
	held_all++;
	a->peer->nheld++;
	return (0);
}

int
assoc_lost(struct socks_assoc *a, struct host_error *e)
{
	struct held	*h;

	if (a->ctl != -1 || (h = held_take(a)) == NULL)
		return (-1);
	e->error = a->error;
	e->dst = h->dst;
	e->dport = h->port;
	e->datalen = h->len < sizeof(e->data) ? h->len : sizeof(e->data);
	memcpy(e->data, h->data, e->datalen);
	free(h);
	return (0);
}

size_t
assoc_header_len(uint8_t af)
{
	return (af == 4 ? 10 : 22);
}

size_t
assoc_header(uint8_t h[ASSOC_HEADER], const struct ipaddr *dst, uint16_t port)
{
	size_t	 n = dst->af == 4 ? 4 : 16;

	memset(h, 0, 3);
	h[3] = dst->af == 4 ? ATYP_IPV4 : ATYP_IPV6;
	memcpy(h + 4, dst->a, n);
	put16(h + 4 + n, port);
	return (4 + n + 2);
}

int
assoc_from(const uint8_t *h, size_t len, struct ipaddr *from, uint16_t *port)
{
	/* what the proxy has cut up is not put together: that is optional */
	if (len < 10 || h[2] != 0)
		return (-1);
	if (h[3] == ATYP_IPV4 && len == 10)
		ipaddr_from4(from, h + 4);
	else if (h[3] == ATYP_IPV6 && len == 22)
		ipaddr_from6(from, h + 4);
	else
		return (-1);
	*port = be16(h + len - 2);
	return (0);
}

/* It has its port: what was held goes there. */
static int
begin(struct socks_assoc *a, int udp)
{
	struct sockaddr_storage	 ss;
	struct msghdr		 m;
	struct iovec		 iov[2];
	struct held		*h;
	uint8_t			 header[ASSOC_HEADER];
	socklen_t		 len;
	uint16_t		 port = socksdial_port(a->dial);
	int			 old;

	socksdial_free(a->dial);
	a->dial = NULL;
	/* at no other address: who says "send it there" is a stranger */
	len = sa_make(&ss, &a->proxy, port);
	if (port == 0 || connect(udp, (struct sockaddr *)&ss, len) == -1)
		return (-1);
	/* what is said about a relay of before is not about this one */
	len = sizeof(old);
	(void)getsockopt(udp, SOL_SOCKET, SO_ERROR, &old, &len);
	while ((h = held_take(a)) != NULL) {
		memset(&m, 0, sizeof(m));
		iov[0].iov_base = header;
		iov[0].iov_len = assoc_header(header, &h->dst, h->port);
		iov[1].iov_base = h->data;
		iov[1].iov_len = h->len;
		m.msg_iov = iov;
		m.msg_iovlen = 2;
		(void)sendmsg(udp, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
		free(h);
	}
	return (0);
}

/* The proxy has not given what was asked of it. */
static void
fail(struct socks_assoc *a, struct slirp *s, uint64_t id, int error)
{
	struct way	*w = egress_by_id(s, id);

	if (!socksdial_heard(a->dial)) {
		/* it is not there, for nobody */
		if (w != NULL)
			egress_failed(s, w);
		error = ENETUNREACH;
	} else if (error == EOPNOTSUPP || error == EACCES) {
		if (w != NULL)
			w->no_udp_until = s->now + NO_UDP_REST;
		error = EACCES;
	} else {
		/* it may be about this one, but not again and again */
		if (w != NULL && ++w->no_udp >= NO_UDP_MOST) {
			w->no_udp = 0;
			w->no_udp_until = s->now + WAY_REST;
		}
		error = EHOSTUNREACH;
	}
	assoc_end(a, error);
}

enum assoc_state
assoc_step(struct socks_assoc *a, struct slirp *s, uint64_t id, int udp)
{
	struct way	*w;
	int		 r;

	if (a->ctl == -1)
		return (ASSOC_ENDED);
	if (a->dial == NULL)
		return (ASSOC_UP);
	r = socksdial_step(a->dial, a->ctl);
	if (r == 0 && s->now - a->began < ASSOC_DIAL_TIME)
		return (ASSOC_WAIT);
	if (r == 1) {
		if ((w = egress_by_id(s, id)) != NULL)
			w->no_udp = 0;
		if (begin(a, udp) == 0)
			return (ASSOC_UP);
		assoc_end(a, EHOSTUNREACH);
	} else
		fail(a, s, id, r == 0 ? ETIMEDOUT : errno);
	return (ASSOC_ENDED);
}

void
assoc_look(struct socks_assoc *a)
{
	uint8_t	 b;
	ssize_t	 n;

	if (a->ctl == -1 || a->dial != NULL)
		return;
	/* the proxy has nothing to say any more, but that it ends */
	n = recv(a->ctl, &b, 1, MSG_DONTWAIT);
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		assoc_end(a, 0);
}
