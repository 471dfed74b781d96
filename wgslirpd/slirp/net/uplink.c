/* SPDX-License-Identifier: ISC */

/*
 * Mappings behind an uplink (RFC 4787, 5508): what a guest sends by UDP, and
 * its pings, go into the tunnel to another peer, from this side's own address
 * there, and the answers come back to a port, or an id, of it.  The guest
 * keeps its own port there if nobody else has it.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "cksum.h"
#include "error.h"
#include "out.h"
#include "rate.h"
#include "table.h"
#include "udpout.h"
#include "uplink.h"

#define PORT_FIRST	1024
#define PORT_LAST	63999	/* of guests; the rest is for this process */
#define PORT_TRIES	64

struct port {
	struct flow	*f;		/* a mapping's, or */
	uplink_fn	*fn;		/* somebody's here */
	void		*arg;
};

/* By port or, of pings, id; IPv4 and IPv6. */
struct uplink_ports {
	struct port	**v[2][2];
	uint32_t	 mtu;		/* of what was too long, to be told */
	uint32_t	 used;		/* of all of these */
};

static struct port **
table(struct slirp_peer *up, int echo, uint8_t af)
{
	struct port	***v;

	if (up->ports == NULL &&
	    (up->ports = calloc(1, sizeof(*up->ports))) == NULL)
		return (NULL);
	v = &up->ports->v[echo][af == 6];
	if (*v == NULL)
		*v = calloc(UINT16_MAX + 1, sizeof(**v));
	return (*v);
}

/* Take a port from low on, that one if it is free; 0 if there is none. */
static uint16_t
take(struct slirp_peer *up, int echo, uint8_t af, uint16_t want, uint16_t low,
    uint16_t high, struct port *p)
{
	struct port	**v = table(up, echo, af);
	uint16_t	 n = want;
	int		 i;

	if (v == NULL)
		return (0);
	for (i = 0; i < PORT_TRIES && (n == 0 || n > high || v[n] != NULL);
	    i++)
		n = (uint16_t)(low + arc4random_uniform(high - low + 1U));
	if (n == 0 || n > high || v[n] != NULL)
		return (0);
	v[n] = p;
	up->ports->used++;
	return (n);
}

static struct port *
give(struct slirp_peer *up, int echo, uint8_t af, uint16_t n)
{
	struct port	*p, **v;

	if (up->ports == NULL || (v = up->ports->v[echo][af == 6]) == NULL)
		return (NULL);
	p = v[n];
	v[n] = NULL;
	if (p != NULL)
		up->ports->used--;
	return (p);
}

static struct port *
look(const struct slirp_peer *up, int echo, uint8_t af, uint16_t n)
{
	if (up->ports == NULL || up->ports->v[echo][af == 6] == NULL)
		return (NULL);
	return (up->ports->v[echo][af == 6][n]);
}

/* A mapping's descriptor is its port. */
static int
map(struct flow *f, int echo)
{
	struct port	*p;
	uint16_t	 n;

	/* a guest gets no more than is left for the others */
	if (f->uplink->ports != NULL && f->peer->nuplinked >=
	    PORT_LAST - f->uplink->ports->used) {
		errno = EADDRINUSE;
		return (-1);
	}
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return (-1);
	p->f = f;
	if ((n = take(f->uplink, echo, f->src.af, f->sport, PORT_FIRST,
	    PORT_LAST, p)) == 0) {
		free(p);
		errno = EADDRINUSE;
		return (-1);
	}
	f->fd = n;
	f->peer->nuplinked++;
	return (0);
}

int
uplink_udp_open(void *arg, struct flow *f)
{
	(void)arg;
	return (map(f, 0));
}

int
uplink_icmp_open(void *arg, struct flow *f)
{
	(void)arg;
	return (map(f, 1));
}

void
uplink_close(void *arg, struct flow *f, int reset)
{
	(void)arg;
	(void)reset;
	if (f->fd == -1)
		return;
	free(give(f->uplink, f->type == FLOW_ICMP, f->src.af,
	    (uint16_t)f->fd));
	f->fd = -1;
	f->peer->nuplinked--;
}

/* It is of no use to other guests, who are not behind the uplink. */
uint16_t
uplink_local_port(void *arg, struct flow *f)
{
	(void)arg;
	(void)f;
	return (0);
}

/* The only error that is kept is that something was too long. */
int
uplink_errqueue(void *arg, struct flow *f, struct host_error *e)
{
	struct uplink_ports	*u = f->uplink != NULL ? f->uplink->ports :
				    NULL;

	(void)arg;
	if (u == NULL || u->mtu == 0)
		return (-1);
	memset(e, 0, sizeof(*e));
	e->error = EMSGSIZE;
	e->info = u->mtu;
	u->mtu = 0;
	return (0);
}

/* One datagram, or ping, of len bytes in a few pieces; -1 with errno. */
static int
send_one(struct slirp *s, struct flow *f, const struct ipaddr *dst,
    uint16_t port, const struct iovec *iov, int n,
    const struct dgram_opts *o)
{
	struct slirp_peer	*up = f->uplink;
	const struct ipaddr	*own = &up->own[f->src.af == 6];
	uint8_t			*m = s->dgram + UDP_HDR_LEN, proto;
	size_t			 len = 0, hlen;
	int			 i;

	for (i = 0; i < n; i++) {
		if (len + iov[i].iov_len > DGRAM_MAX - UDP_HDR_LEN) {
			errno = EMSGSIZE;
			return (-1);
		}
		memcpy(m + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	hlen = f->type == FLOW_ICMP ? 0 : UDP_HDR_LEN;
	if (o->df && ip_hdr_len(own) + hlen + len > out_mtu(s, up)) {
		up->ports->mtu = out_mtu(s, up);
		errno = EMSGSIZE;
		return (-1);
	}
	if (!rate_open(&up->out, s->now, up->rate_out)) {
		errno = EAGAIN;
		return (-1);
	}
	if (f->type == FLOW_ICMP) {
		proto = f->src.af == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
		put16(m + 4, (uint32_t)f->fd);
		cksum_icmp(m, len, own, dst);
	} else {
		proto = IPPROTO_UDP;
		udp_header(m - UDP_HDR_LEN, own, (uint16_t)f->fd, dst, port,
		    len);
	}
	out_ttl(s, (uint8_t)o->ttl);
	out_send(s, up, NULL, own, dst, proto, m - hlen, len + hlen,
	    (uint8_t)o->tos);
	out_ttl(s, 0);
	return (0);
}

/* One, or with a segment as many as there are pieces. */
ssize_t
uplink_sendto(void *arg, struct flow *f, const struct ipaddr *dst,
    uint16_t port, const struct iovec *iov, int n, const struct dgram_opts *o)
{
	int	 i;

	if (o->segment == 0)
		return (send_one(arg, f, dst, port, iov, n, o));
	/* each is told about by itself, if it does not go */
	for (i = 0; i < n; i++)
		if (send_one(arg, f, dst, port, &iov[i], 1, o) == -1 && i == 0)
			return (-1);
	return (0);
}

/* What comes is taken as it comes, and does not wait. */
ssize_t
uplink_recvfrom(void *arg, struct flow *f, const struct iovec *iov, int n,
    struct ipaddr *from, uint16_t *port, struct dgram_opts *o)
{
	(void)arg;
	(void)f;
	(void)iov;
	(void)n;
	(void)from;
	(void)port;
	(void)o;
	errno = EAGAIN;
	return (-1);
}

struct flow *
uplink_find(struct slirp *s, const struct ippkt *p, int echo, uint16_t n,
    uint16_t sport, const uint8_t *data, size_t len)
{
	struct port	*x;

	(void)s;
	if (ipaddr_cmp(&p->dst, &p->peer->own[p->dst.af == 6]) != 0 ||
	    (x = look(p->peer, echo, p->dst.af, n)) == NULL)
		return (NULL);
	if (x->fn == NULL)
		return (x->f);
	/* who may give the port back */
	x->fn(x->arg, &p->src, sport, data, len);
	return (NULL);
}

void
uplink_error(struct slirp *s, const struct ippkt *p, int echo,
    const struct ipaddr *src, const struct ipaddr *dst, uint16_t dport,
    uint16_t n, const uint8_t *quote, size_t len)
{
	const uint8_t		*h = pkt_get(p, p->l4, ICMP_HDR_LEN);
	const struct ipaddr	*own = &p->peer->own[p->dst.af == 6];
	struct host_error	 e;
	struct port		*x;

	/* about what was sent by us, to whom the guest has sent */
	if (h == NULL || ipaddr_cmp(src, own) != 0 ||
	    (x = look(p->peer, echo, p->dst.af, n)) == NULL ||
	    x->f == NULL || s->flow_ops[x->f->type]->knows == NULL ||
	    !s->flow_ops[x->f->type]->knows(s, x->f, dst, dport))
		return;
	memset(&e, 0, sizeof(e));
	e.icmp = 1;
	e.af = p->src.af;
	e.type = h[0];
	e.code = h[1];
	e.offender = p->src;
	e.dst = *dst;
	e.dport = dport;
	if (e.af == 4 && e.type == ICMP4_UNREACH && e.code == 4)
		e.info = be16(h + 6);
	else if (e.af == 6 && e.type == ICMP6_TOOBIG)
		e.info = be32(h + 4);
	if (echo) {
		e.datalen = len < sizeof(e.data) ? len : sizeof(e.data);
		memcpy(e.data, quote, e.datalen);
	}
	error_relay(s, x->f, p->src.af == 4 ? (echo ? IPPROTO_ICMP :
	    IPPROTO_UDP) : (echo ? IPPROTO_ICMPV6 : IPPROTO_UDP), 0, &e);
}

uint16_t
uplink_bind(struct slirp *s, struct slirp_peer *up, uint8_t af, uplink_fn *fn,
    void *arg)
{
	struct port	*p;
	uint16_t	 n;

	(void)s;
	if (up->own[af == 6].af == 0 || (p = calloc(1, sizeof(*p))) == NULL)
		return (0);
	p->fn = fn;
	p->arg = arg;
	if ((n = take(up, 0, af, 0, PORT_LAST + 1, UINT16_MAX, p)) == 0)
		free(p);
	return (n);
}

void
uplink_say(struct slirp *s, struct slirp_peer *up, uint16_t n,
    const struct ipaddr *to, uint16_t port, uint8_t *data, size_t len)
{
	udp_answer(s, up, NULL, &up->own[to->af == 6], n, to, port, data, len);
}

void
uplink_unbind(struct slirp_peer *up, uint8_t af, uint16_t n)
{
	free(give(up, 0, af, n));
}

void
uplink_free(struct slirp_peer *up)
{
	uint32_t	 i;
	int		 k;

	if (up->ports == NULL)
		return;
	for (k = 0; k < 4; k++) {
		if (up->ports->v[k / 2][k % 2] == NULL)
			continue;
		/* who is here has a time for the answer, and it passes */
		for (i = 0; i <= UINT16_MAX; i++)
			free(up->ports->v[k / 2][k % 2][i]);
		free(up->ports->v[k / 2][k % 2]);
	}
	free(up->ports);
	up->ports = NULL;
}

void
uplink_drop(struct slirp *s, struct slirp_peer *up)
{
	struct flow	*f;
	uint64_t	 at = 0;

	while ((f = table_next(s, &at)) != NULL)
		if (f->uplink == up || (f->toward == up && f->peer != up))
			flow_kill(s, f);
	uplink_free(up);
}
