/* SPDX-License-Identifier: ISC */

/*
 * The flows' host sockets, as the engine wants them; what of it systems do
 * differently is below, in hostfd.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "hostflow.h"
#include "hostproxy.h"
#include "hostsock.h"
#include "memstream.h"
#include "nat64.h"
#include "net/egress.h"
#include "net/policy.h"

#define TTL_SHORT	32	/* a guest that traces, not one that talks */

#define DF_CLEAR	1	/* what the flow's socket has; 0: not known */
#define DF_SET		2

#define PORT_KEPT	1024	/* and above: nobody else's by right */

static struct slirp	*engine;
static hostfd_event_fn	*tell;
static int		 offload = 1;	/* it is wanted */
static int		 keep_ports;	/* mappings have guests' own */
static uint16_t		 not_low, not_high;	/* but not these */

int
hostsock_init(struct slirp *s, hostfd_event_fn *fn)
{
	engine = s;
	tell = fn;
	hostproxy_init(s);
	return (hostfd_init(s, fn));
}

/* Can this port of a guest be one of the host? */
static int
may_keep(uint16_t port)
{
	return (keep_ports && port >= PORT_KEPT &&
	    (port < not_low || port > not_high));
}

/*
 * Have the socket leave this host by the flow's way.  -1 with errno if it
 * cannot: then nothing leaves.
 */
static int
set_egress(int fd, const struct flow *f, uint8_t af)
{
	const struct conf_way		*e;
	const struct ipaddr		*mine[MAX_SOURCES];
	struct sockaddr_storage		 ss;
	socklen_t			 len;
	uint32_t			 n = 0;
	uint64_t			 turn;
	uint16_t			 port;
	int				 i;

	if (f->way >= engine->conf.nways)
		return (0);
	e = &engine->conf.ways[f->way].c;
	if (e->ifindex != 0 && hostfd_interface(fd, e->ifindex) == -1) {
		if (errno == ENODEV)
			egress_failed(engine, &engine->conf.ways[f->way]);
		errno = ENETUNREACH;
		return (-1);
	}
	if (e->nsources == 0)
		return (0);
	for (i = 0; i < e->nsources; i++)
		if (e->source[i].af == af)
			mine[n++] = &e->source[i];
	/* the port is found when it is known where to */
	if (af == 4)
		hostfd_port_late(fd);
	if (n == 0) {
		errno = ENETUNREACH;
		return (-1);
	}
	/* each peer has another one, and may change it from time to time */
	turn = e->rotate == 0 ? 0 :
	    MONO_TO_SEC(engine->now) / e->rotate;
	port = f->type == FLOW_UDP && may_keep(f->sport) ? f->sport : 0;
	len = sa_make(&ss, mine[(f->peer->id + turn) % n], port);
	if (port != 0 && bind(fd, (struct sockaddr *)&ss, len) == 0)
		return (0);
	len = sa_make(&ss, mine[(f->peer->id + turn) % n], 0);
	if (bind(fd, (struct sockaddr *)&ss, len) == -1) {
		/* that a guest has taken all ports is not the way's fault */
		if (errno == EADDRNOTAVAIL)
			egress_failed(engine, &engine->conf.ways[f->way]);
		errno = ENETUNREACH;
		return (-1);
	}
	return (0);
}

/* The same, and the socket is closed if it cannot be. */
static int
leave_by(int fd, const struct flow *f, uint8_t af)
{
	int	 save_errno;

	if (set_egress(fd, f, af) == 0)
		return (0);
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return (-1);
}

void
hostsock_options(const struct conf_tcp *c)
{
	hostflow_options(c);
}

/* May the kernel cut trains of datagrams, and join those that come? */
void
hostsock_offload(int on)
{
	offload = on;
	hostfd_set_trains(on);
}

/* Do mappings have the ports that guests send from? */
void
hostsock_keep_ports(int on, uint16_t low, uint16_t high)
{
	keep_ports = on;
	not_low = low;
	not_high = high;
}

/* Connect the flow to the forwarder of names in this process. */
static int
open_dns(struct flow *f)
{
	struct bufferevent	*other;
	int			 fd;

	fd = memstream_open(engine, tell, f, &other);
	if (fd == -1)
		return (-1);
	if (engine->names->stream(f->peer, other) == -1) {
		memstream_free_other(other);
		memstream_close(fd);
		errno = ECONNREFUSED;	/* too many of them */
		return (-1);
	}
	f->fd = fd;
	return (0);
}

/*
 * Which family a flow has at this host: that of its addresses, or IPv6 if a
 * translator is between.
 */
static uint8_t
choose_family(struct flow *f, uint8_t af)
{
	f->via64 = af == 4 && f->target == TARGET_HOST && nat64_on();
	return (f->via64 ? 6 : af);
}

static uint8_t
family(const struct flow *f, uint8_t af)
{
	return (f->via64 ? 6 : af);
}

/* Where to send for a flow; 0, with errno: nowhere. */
static socklen_t
make_dst(const struct flow *f, struct sockaddr_storage *ss,
    const struct ipaddr *dst, uint16_t port)
{
	struct ipaddr	 a;

	if (!f->via64)
		return (sa_make(ss, dst, port));
	errno = ENETUNREACH;
	if (!nat64_on())
		return (0);
	nat64_to(&a, dst);
	if (nat64_closed(&a))
		return (0);
	return (sa_make(ss, &a, port));
}

/* Start to connect to the flow's destination, or what it stands for. */
static int
host_tcp_open(void *arg, struct flow *f, int ttl)
{
	struct sockaddr_storage	 ss;
	struct way		*w;
	socklen_t		 len;
	int			 fd, save_errno;
	uint8_t			 af;

	(void)arg;
	if (f->target == TARGET_DNS)
		return (open_dns(f));
	if ((w = hostproxy_of(f)) != NULL)
		return (hostproxy_tcp_open(f, w));
	af = choose_family(f, f->dst.af);
	if ((fd = hostfd_new(af, SOCK_STREAM, IPPROTO_TCP)) == -1)
		return (-1);
	hostflow_tcp_options(fd);
	if (f->target == TARGET_HOST && leave_by(fd, f, af) == -1)
		return (-1);
	hostfd_want_errors(fd, af, 1);
	f->short_ttl = ttl < TTL_SHORT;
	if (f->short_ttl) {
		if (af == 4)
			hostfd_set(fd, IPPROTO_IP, IP_TTL, ttl);
		else
			hostfd_set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, ttl);
	}
	len = make_dst(f, &ss, f->target == TARGET_LOOPBACK ?
	    policy_loopback(f->dst.af) : &f->dst, f->dport);
	if (len == 0 || (connect(fd, (struct sockaddr *)&ss, len) == -1 &&
	    errno != EINPROGRESS)) {
		save_errno = errno;
		close(fd);
		errno = save_errno;
		return (-1);
	}
	return (hostflow_attach_or_close(f, fd, HOST_READ | HOST_WRITE));
}

/*
 * Is the connection really up?  Then its packets live as long as any
 * other's, and ICMP errors about it are soft (RFC 5927).
 */
static int
host_connected(void *arg, struct flow *f)
{
	uint8_t	 af;

	(void)arg;
	if (f->target == TARGET_DNS)
		return (1);
	if (!hostfd_is_up(f->fd))
		return (0);
	if (f->dial != NULL)
		return (hostproxy_connected(f));
	af = family(f, f->dst.af);
	if (f->short_ttl && af == 4)
		hostfd_set(f->fd, IPPROTO_IP, IP_TTL, TTL_DEFAULT);
	else if (f->short_ttl)
		hostfd_set(f->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS,
		    TTL_DEFAULT);
	hostfd_want_errors(f->fd, af, 0);
	return (1);
}

/* What every socket of a mapping wants to know. */
static int
watch_udp(struct flow *f, int fd, uint8_t af)
{
	hostfd_want_errors(fd, af, 1);
	/* what came together is taken together */
	if (offload)
		hostfd_want_trains(fd);
	hostfd_want_tos(fd, af);
	if (af == 4)
		hostfd_fragments(fd, af, 1);
	else
		hostfd_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	return (hostflow_attach(f, fd, HOST_READ));
}

/*
 * A client's connected socket becomes the flow's; with -1 it is somebody's in
 * this process.
 */
static int
host_adopt(void *arg, struct flow *f, int fd)
{
	(void)arg;
	if (fd == -1) {
		fd = memstream_keep(engine, tell, f);
		f->fd = fd;
		return (fd == -1 ? -1 : 0);
	}
	if (f->type == FLOW_UDP)
		return (watch_udp(f, fd, f->src.af));
	return (hostflow_attach(f, fd, HOST_READ | HOST_WRITE));
}

/* The guest's own port, if nobody has it here (RFC 4787 4.2.1). */
static void
keep_port(int fd, uint8_t af, uint16_t port)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sizeof(ss);

	if (getsockname(fd, (struct sockaddr *)&ss,
	    &len) == -1 || sa_port((struct sockaddr *)&ss) != 0)
		return;
	if (af == 4)
		((struct sockaddr_in *)&ss)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)&ss)->sin6_port = htons(port);
	(void)bind(fd, (struct sockaddr *)&ss, len);
}

static int
host_udp_open(void *arg, struct flow *f)
{
	struct way	*w;
	int		 fd;
	uint8_t		 af;

	(void)arg;
	if ((w = hostproxy_of(f)) != NULL)
		return (hostproxy_udp_open(f, w));
	af = choose_family(f, f->src.af);
	if ((fd = hostfd_new(af, SOCK_DGRAM, IPPROTO_UDP)) == -1 ||
	    (f->target == TARGET_HOST && leave_by(fd, f, af) == -1))
		return (-1);
	/* before it is bound, or both families would come there */
	if (af == 6)
		hostfd_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (f->target == TARGET_HOST && may_keep(f->sport))
		keep_port(fd, af, f->sport);
	if (watch_udp(f, fd, af) == 0)
		return (0);
	close(fd);
	errno = ENOMEM;
	return (-1);
}

static int
host_icmp_open(void *arg, struct flow *f)
{
	int	 fd;

	(void)arg;
	/* a ping's own header is another one there, and a proxy has none */
	if ((f->src.af == 4 && nat64_on()) || hostproxy_of(f) != NULL) {
		errno = ENETUNREACH;
		return (-1);
	}
	fd = hostfd_ping(f->src.af);
	if (fd == -1 || leave_by(fd, f, f->src.af) == -1)
		return (-1);
	hostfd_want_errors(fd, f->src.af, 1);
	hostfd_want_tos(fd, f->src.af);
	return (hostflow_attach_or_close(f, fd, HOST_READ));
}

/* Can ping sockets of this family (4 or 6) be had? */
int
hostsock_probe_icmp(int af)
{
	int	 fd;

	if ((fd = hostfd_ping((uint8_t)af)) == -1)
		return (0);
	close(fd);
	return (1);
}

/* reset: the other side shall see a reset instead of an orderly end. */
static void
host_close(void *arg, struct flow *f, int reset)
{
	struct linger	 l = { 1, 0 };

	(void)arg;
	if (f->dial != NULL)
		hostproxy_free(f);
	if (f->fd == -1)
		return;
	if (f->target == TARGET_DNS) {
		memstream_close(f->fd);
		f->fd = -1;
		return;
	}
	if (reset)
		(void)setsockopt(f->fd, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
	/* which takes it out of the set, too */
	close(f->fd);
	f->fd = -1;
}

static ssize_t
host_readv(void *arg, struct flow *f, const struct iovec *iov, int n)
{
	struct msghdr	 m;

	(void)arg;
	if (f->target == TARGET_DNS)
		return (memstream_readv(f->fd, iov, n));
	if (f->via == VIA_GUEST)
		return (readv(f->fd, iov, n));
	/* others may have the same socket, and say whether it waits */
	memset(&m, 0, sizeof(m));
	m.msg_iov = (struct iovec *)(uintptr_t)iov;
	m.msg_iovlen = (size_t)n;
	return (recvmsg(f->fd, &m, MSG_DONTWAIT));
}

static ssize_t
host_writev(void *arg, struct flow *f, const struct iovec *iov, int n)
{
	struct msghdr	 m;

	(void)arg;
	if (f->target == TARGET_DNS)
		return (memstream_writev(f->fd, iov, n));
	memset(&m, 0, sizeof(m));
	m.msg_iov = (struct iovec *)(uintptr_t)iov;
	m.msg_iovlen = (size_t)n;
	return (sendmsg(f->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT));
}

static int
host_shutdown(void *arg, struct flow *f)
{
	(void)arg;
	if (f->target == TARGET_DNS)
		return (memstream_shutdown(f->fd));
	return (shutdown(f->fd, SHUT_WR));
}

static int
host_error(void *arg, struct flow *f)
{
	socklen_t	 len = sizeof(int);
	int		 e = 0;

	(void)arg;
	if (f->target == TARGET_DNS)
		return (0);
	if (getsockopt(f->fd, SOL_SOCKET, SO_ERROR, &e, &len) == -1)
		e = errno;
	return (f->dial != NULL ? hostproxy_error(f, e) : e);
}

/* Take one error from the socket's queue.  -1 if there is none. */
static int
host_errqueue(void *arg, struct flow *f, struct host_error *e)
{
	(void)arg;
	memset(e, 0, sizeof(*e));
	if (f->target == TARGET_DNS)
		return (-1);
	if (f->type == FLOW_UDP && f->dial != NULL)
		return (hostproxy_lost(f, e));
	if (hostfd_error(f->fd, e) == -1)
		return (-1);
	if (f->via64)
		nat64_error(e);
	return (0);
}

/* The port of a datagram socket, which gets one if it has none yet. */
static uint16_t
host_local_port(void *arg, struct flow *f)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len = sizeof(ss);
	int			 i;

	(void)arg;
	for (i = 0; i < 2; i++) {
		if (getsockname(f->fd, (struct sockaddr *)&ss, &len) == -1)
			return (0);
		if (sa_port((struct sockaddr *)&ss) != 0)
			return (sa_port((struct sockaddr *)&ss));
		/* any address, any port */
		if (bind(f->fd, (struct sockaddr *)&ss, len) == -1)
			return (0);
	}
	return (0);
}

/*
 * One datagram, or a train of them; df: the path must not fragment it.  A
 * kernel that cannot cut trains says so with an error, and is not asked
 * again.
 */
static ssize_t
host_sendto(void *arg, struct flow *f, const struct ipaddr *dst,
    uint16_t port, const struct iovec *iov, int n, const struct dgram_opts *o)
{
	_Alignas(struct cmsghdr) uint8_t	 control[CONTROL_LEN];
	struct sockaddr_storage			 ss;
	struct msghdr				 m;
	ssize_t					 r;
	uint8_t					 af;

	(void)arg;
	if (f->dial != NULL)
		return (hostproxy_sendto(f, dst, port, iov, n, o));
	if (n > 1 && o->segment != 0 && !hostfd_trains()) {
		errno = EOPNOTSUPP;
		return (-1);
	}
	memset(&m, 0, sizeof(m));
	memset(control, 0, sizeof(control));
	m.msg_name = &ss;
	if ((m.msg_namelen = make_dst(f, &ss, dst, port)) == 0)
		return (-1);
	m.msg_iov = (struct iovec *)(uintptr_t)iov;
	m.msg_iovlen = (size_t)n;
	m.msg_control = control;
	af = family(f, dst->af);
	if (f->df != (o->df ? DF_SET : DF_CLEAR)) {
		hostfd_fragments(f->fd, af, !o->df);
		f->df = o->df ? DF_SET : DF_CLEAR;
	}
	hostfd_put_header(f->fd, &m, af, o->ttl, o->tos);
	if (o->segment != 0)
		hostfd_segment(&m, (uint16_t)o->segment);
	r = sendmsg(f->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (r == -1 && o->segment != 0 && errno == EIO)
		hostfd_set_trains(0);
	return (r);
}

static ssize_t
host_recvfrom(void *arg, struct flow *f, const struct iovec *iov, int n,
    struct ipaddr *from, uint16_t *port, struct dgram_opts *o)
{
	_Alignas(struct cmsghdr) uint8_t	 control[CONTROL_LEN];
	struct sockaddr_storage			 ss;
	struct msghdr				 m;
	ssize_t					 r;

	(void)arg;
	memset(o, 0, sizeof(*o));
	if (f->dial != NULL)
		return (hostproxy_recvfrom(f, iov, n, from, port));
	memset(&m, 0, sizeof(m));
	memset(&ss, 0, sizeof(ss));
	m.msg_name = &ss;
	m.msg_namelen = sizeof(ss);
	m.msg_iov = (struct iovec *)(uintptr_t)iov;
	m.msg_iovlen = (size_t)n;
	m.msg_control = control;
	m.msg_controllen = sizeof(control);
	if ((r = recvmsg(f->fd, &m, MSG_DONTWAIT)) == -1)
		return (-1);
	(void)ipaddr_from_sa(from, (struct sockaddr *)&ss);
	/* who is no IPv4 host is a stranger, by his family */
	if (f->via64)
		(void)nat64_from(from, from);
	*port = sa_port((struct sockaddr *)&ss);
	hostfd_get_header(&m, o);
	return (r);
}

const struct host_ops	 hostsock_ops = {
	.tcp_open = host_tcp_open,
	.adopt = host_adopt,
	.udp_open = host_udp_open,
	.local_port = host_local_port,
	.icmp_open = host_icmp_open,
	.close = host_close,
	.readv = host_readv,
	.writev = host_writev,
	.shutdown = host_shutdown,
	.connected = host_connected,
	.error = host_error,
	.errqueue = host_errqueue,
	.sendto = host_sendto,
	.recvfrom = host_recvfrom
};
