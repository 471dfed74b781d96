/* SPDX-License-Identifier: ISC */

/*
 * Flows that leave through a SOCKS5 proxy: which sockets they have, and when.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hostflow.h"
#include "hostproxy.h"
#include "net/egress.h"
#include "net/table.h"
#include "socksassoc.h"
#include "socksdial.h"
#include "tcpopt.h"

#define ASSOC_IDLE	30	/* seconds; then: is the proxy there? */
#define ASSOC_TRAIN	66	/* datagrams at once, by a proxy, */
#define ASSOC_BYTES	65500	/* and bytes with their headers */

static struct slirp	*engine;

void
hostproxy_init(struct slirp *s)
{
	engine = s;
}

/* The way of a flow that is being opened, if it is through a proxy, or NULL. */
struct way *
hostproxy_of(const struct flow *f)
{
	struct way	*w;

	if (f->target != TARGET_HOST || f->way >= engine->conf.nways)
		return (NULL);
	w = &engine->conf.ways[f->way];
	return (w->c.kind == WAY_SOCKS ? w : NULL);
}

/* It has failed, whatever it was wanted for. */
static void
proxy_failed(uint64_t id)
{
	struct way	*w = egress_by_id(engine, id);

	if (w != NULL)
		egress_failed(engine, w);
}

/*
 * A connection to the proxy could not be begun.  That there is no descriptor,
 * or no port left for so many, is not the way's fault.
 */
static int
dial_failed(struct way *w)
{
	switch (errno) {
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case ENOBUFS:
	case EAGAIN:
	case EADDRNOTAVAIL:
		errno = EAGAIN;
		break;
	default:
		egress_failed(engine, w);
		errno = ENETUNREACH;
		break;
	}
	return (-1);
}

int
hostproxy_tcp_open(struct flow *f, struct way *w)
{
	int	 fd;

	if ((fd = socksdial_connect(w)) == -1)
		return (dial_failed(w));
	hostflow_tcp_options(fd);
	if ((f->dial = socksdial_new(w, &f->dst, f->dport)) == NULL) {
		close(fd);
		errno = ENOMEM;
		return (-1);
	}
	/* on failure the flow is closed, and what it had given back */
	return (hostflow_attach_or_close(f, fd, HOST_READ | HOST_WRITE));
}

/* It is up to the proxy: does it lead further by now? */
int
hostproxy_connected(struct flow *f)
{
	switch (socksdial_step(f->dial, f->fd)) {
	case 1:
		socksdial_free(f->dial);
		f->dial = NULL;
		/* what comes after its answer is told by nobody else */
		f->readable = 1;
		return (1);
	case -1:
		f->dial_error = errno;
		break;
	}
	return (0);
}

/* Ask a proxy for a port for the mapping's datagrams. */
static int
associate(struct flow *f, struct way *w)
{
	int	 fd;

	if ((fd = assoc_dial(f->dial, w, engine->now)) == -1)
		return (dial_failed(w));
	hostflow_tcp_options(fd);
	/* nothing is sent on it: one that is gone without a word is noticed */
	tcpopt_keepalive(fd, ASSOC_IDLE);
	tcpopt_timeout(fd, ASSOC_IDLE * 2000);
	if (hostfd_watch(f, fd, HOST_READ | HOST_WRITE) == 0) {
		/* or it would be looked at only when the guest sends */
		f->readable = 1;
		flow_schedule(engine, f, engine->now + ASSOC_DIAL_TIME + 1);
		return (0);
	}
	assoc_end(f->dial, 0);
	errno = ENOMEM;
	return (-1);
}

int
hostproxy_udp_open(struct flow *f, struct way *w)
{
	int	 fd, save_errno;

	if ((fd = hostfd_new(w->c.proxy.af, SOCK_DGRAM, IPPROTO_UDP)) == -1)
		return (-1);
	/* the headers make what fits the guest's path longer */
	hostfd_fragments(fd, w->c.proxy.af, 1);
	if ((f->dial = assoc_new(f->peer)) == NULL) {
		close(fd);
		errno = ENOMEM;
		return (-1);
	}
	if (hostflow_attach(f, fd, HOST_READ) == 0 && associate(f, w) == 0)
		return (0);
	save_errno = errno;
	assoc_free(f->dial);
	f->dial = NULL;
	f->fd = -1;
	close(fd);
	errno = save_errno;
	return (-1);
}

/* It was not there, or is no more: begin anew, but not at once. */
static int
associate_again(struct flow *f)
{
	struct way	*w;

	if (!assoc_may_dial(f->dial, engine->now)) {
		errno = assoc_error(f->dial) != 0 ? assoc_error(f->dial) :
		    EAGAIN;
		return (-1);
	}
	w = egress_by_id(engine, f->way_id);
	if (w == NULL || w->down_until > engine->now) {
		errno = ENETUNREACH;
		return (-1);
	}
	if (!egress_takes(engine, w, FLOW_UDP)) {
		errno = EACCES;
		return (-1);
	}
	return (associate(f, w));
}

/*
 * One datagram of a mapping, or a train: each has a header in front, and all
 * of a train the same.  TTL and what else a header of IP says ends at the
 * proxy.
 */
ssize_t
hostproxy_sendto(struct flow *f, const struct ipaddr *dst, uint16_t port,
    const struct iovec *iov, int n, const struct dgram_opts *o)
{
	_Alignas(struct cmsghdr) uint8_t	 control[CONTROL_LEN];
	uint8_t					 header[ASSOC_HEADER];
	struct iovec				 v[2 * ASSOC_TRAIN];
	struct msghdr				 m;
	enum assoc_state			 state;
	size_t					 len, total = 0;
	ssize_t					 r;
	int					 i;

	state = assoc_step(f->dial, engine, f->way_id, f->fd);
	if (state == ASSOC_ENDED) {
		/* what was held is told about first */
		if (assoc_unsaid(f->dial)) {
			errno = assoc_error(f->dial);
			return (-1);
		}
		if (associate_again(f) == -1)
			return (-1);
		state = ASSOC_WAIT;
	}
	if (n > ASSOC_TRAIN || (n > 1 && (state == ASSOC_WAIT ||
	    !hostfd_trains()))) {
		errno = EOPNOTSUPP;
		return (-1);
	}
	if (state == ASSOC_WAIT) {
		if (assoc_hold(f->dial, dst, port, iov) == 0)
			return ((ssize_t)iov->iov_len);
		errno = ENOBUFS;
		return (-1);
	}
	assoc_used(f->dial);
	len = assoc_header(header, dst, port);
	for (i = 0; i < n; i++) {
		v[2 * i].iov_base = header;
		v[2 * i].iov_len = len;
		v[2 * i + 1] = iov[i];
		total += len + iov[i].iov_len;
	}
	if (n > 1 && total > ASSOC_BYTES) {
		errno = EOPNOTSUPP;
		return (-1);
	}
	memset(&m, 0, sizeof(m));
	memset(control, 0, sizeof(control));
	m.msg_iov = v;
	m.msg_iovlen = (size_t)n * 2;
	m.msg_control = control;
	if (n > 1)
		hostfd_segment(&m, (uint16_t)(o->segment + len));
	if (m.msg_controllen == 0)
		m.msg_control = NULL;
	r = sendmsg(f->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (r == -1 && errno == EIO && n > 1)
		hostfd_set_trains(0);
	if (r == -1 && errno == ECONNREFUSED) {
		/* nobody is at the relay's port any more */
		assoc_end(f->dial, 0);
		errno = EAGAIN;
	}
	return (r);
}

/* One datagram for a mapping, without the header that was in front. */
ssize_t
hostproxy_recvfrom(struct flow *f, const struct iovec *iov, int n,
    struct ipaddr *from, uint16_t *port)
{
	struct iovec	 v[ASSOC_TRAIN + 2];
	uint8_t		 header[ASSOC_HEADER];
	struct msghdr	 m;
	size_t		 len = assoc_header_len(f->src.af);
	ssize_t		 r;

	memset(from, 0, sizeof(*from));
	if (assoc_step(f->dial, engine, f->way_id, f->fd) != ASSOC_UP) {
		/* what was held then is told about */
		errno = assoc_unsaid(f->dial) ? assoc_error(f->dial) : EAGAIN;
		return (-1);
	}
	memset(&m, 0, sizeof(m));
	v[0].iov_base = header;
	v[0].iov_len = len;
	memcpy(v + 1, iov, (size_t)n * sizeof(*iov));
	m.msg_iov = v;
	m.msg_iovlen = (size_t)n + 1;
	r = recvmsg(f->fd, &m, MSG_DONTWAIT);
	/* what was wrong with something sent: what came waits behind it */
	if (r == -1 && errno != EAGAIN && errno != ECONNREFUSED)
		r = recvmsg(f->fd, &m, MSG_DONTWAIT);
	if (r == -1) {
		if (errno == ECONNREFUSED)
			assoc_end(f->dial, 0);
		else
			assoc_look(f->dial);
		errno = EAGAIN;
		return (-1);
	}
	/* what makes no sense is from nobody */
	if ((size_t)r < len || assoc_from(header, len, from, port) == -1) {
		memset(from, 0, sizeof(*from));
		return (0);
	}
	return (r - (ssize_t)len);
}

int
hostproxy_error(struct flow *f, int error)
{
	if (f->dial_error != 0)
		return (f->dial_error);
	if (error == 0 || socksdial_heard(f->dial))
		return (error);
	/* the proxy is not there: that is not the destination's */
	proxy_failed(f->way_id);
	return (ENETUNREACH);
}

int
hostproxy_lost(struct flow *f, struct host_error *e)
{
	return (assoc_lost(f->dial, e));
}

void
hostproxy_free(struct flow *f)
{
	if (f->type == FLOW_UDP)
		assoc_free(f->dial);
	else
		socksdial_free(f->dial);
	f->dial = NULL;
}
