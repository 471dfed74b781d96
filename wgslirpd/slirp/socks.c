/* SPDX-License-Identifier: ISC */

/*
 * SOCKS5 (RFC 1928, 1929) with CONNECT and UDP ASSOCIATE.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fds.h"
#include "net/bytes.h"
#include "proc.h"
#include "socks.h"
#include "socksudp.h"
#include "tcpopt.h"

#define MAX_ASSOCS	64	/* UDP associations */
#define CONTROL_IDLE	60	/* seconds; then: is the client there? */

#define SOCKS_CONNECT	1
#define SOCKS_ASSOCIATE	3

/* RFC 1928 6 */
#define REPLY_OK		0
#define REPLY_FAILURE		1
#define REPLY_UNREACHABLE	4
#define REPLY_REFUSED		5
#define REPLY_EXPIRED		6
#define REPLY_COMMAND		7
#define REPLY_ADDRESS		8

static struct slirp	*engine;
static int		 nassocs;

void
socks_init(struct slirp *s)
{
	engine = s;
}

static void
socks_reply(int fd, int code, const struct ipaddr *a, uint16_t port)
{
	uint8_t	 m[22] = { SOCKS_VERSION, (uint8_t)code, 0, SOCKS_IPV4 };
	size_t	 n = 10;

	if (a != NULL && a->af == 6) {
		m[3] = SOCKS_IPV6;
		memcpy(m + 4, a->a, 16);
		n = 22;
	} else if (a != NULL)
		memcpy(m + 4, a->a, 4);
	put16(m + n - 2, port);
	proxy_say(fd, m, n);
}

/* Tell a client what became of its request: 0, or an errno. */
void
socks_answer(int fd, int error)
{
	socks_reply(fd, error == 0 ? REPLY_OK :
	    error == ECONNREFUSED ? REPLY_REFUSED :
	    error == ETIMEDOUT ? REPLY_EXPIRED :
	    error == ENOBUFS ? REPLY_FAILURE : REPLY_UNREACHABLE, NULL, 0);
}

static void
refuse(struct proxy *x, int code)
{
	socks_reply(x->fd, code, NULL, 0);
	proxy_free(x, 1);
}

/* RFC 1928 3.  Returns as take(). */
static int
greeting(struct proxy *x)
{
	uint8_t	 m[2 + 255], method = x->l->nusers > 0 ? 2 : 0;
	ssize_t	 n;
	int	 i, r;

	if ((n = proxy_peek(x, m, 2)) < 2)
		return (n == -1 ? -1 : 0);
	if ((r = proxy_take(x, m, 2U + m[1])) != 1)
		return (r);
	for (i = 0; i < m[1]; i++)
		if (m[2 + i] == method)
			break;
	if (i == m[1]) {
		proxy_say(x->fd, "\5\xff", 2);
		return (-1);
	}
	m[1] = method;
	proxy_say(x->fd, m, 2);
	x->state = method == 2 ? PX_PASSWORD : PX_REQUEST;
	return (1);
}

/* RFC 1929 2 */
static int
password(struct proxy *x)
{
	uint8_t	 m[3 + 2 * 255];
	ssize_t	 n;
	size_t	 ulen, plen;
	int	 r, ok;

	if ((n = proxy_peek(x, m, sizeof(m))) < 2)
		return (n == -1 ? -1 : 0);
	ulen = m[1];
	if ((size_t)n < 3 + ulen)
		return (0);
	plen = m[2 + ulen];
	if ((r = proxy_take(x, m, 3 + ulen + plen)) != 1)
		return (r);
	ok = m[0] == 1 && proxy_may_use(x->l, (char *)m + 2, ulen,
	    (char *)m + 3 + ulen, plen);
	explicit_bzero(m, sizeof(m));
	proxy_say(x->fd, ok ? "\1\0" : "\1\1", 2);
	if (!ok) {
		engine->count.forward_refused++;
		return (-1);
	}
	x->state = PX_REQUEST;
	return (1);
}

/*
 * From now on only the end of the connection matters: no more than a look
 * at a time, and it is noticed if the client vanishes.
 */
static int
watch_control(struct proxy *x)
{
	tcpopt_keepalive(x->fd, CONTROL_IDLE);
	event_del(x->ev);
	event_assign(x->ev, evbase, x->fd, EV_READ | EV_PERSIST,
	    event_get_callback(x->ev), x);
	return (event_add(x->ev, NULL));
}

/* A datagram socket for the client beside its connection. */
static void
associate(struct proxy *x, const struct ipaddr *from, uint16_t port)
{
	struct sockaddr_storage	 ss;
	struct ipaddr		 a;
	struct service		 s;
	socklen_t		 len = sizeof(ss);
	int			 fd = -1;

	if (nassocs >= MAX_ASSOCS || fds_take() == -1) {
		refuse(x, REPLY_FAILURE);
		return;
	}
	if (getsockname(x->fd, (struct sockaddr *)&ss, &len) == -1 ||
	    ipaddr_from_sa(&a, (struct sockaddr *)&ss) == -1)
		goto fail;
	len = sa_make(&ss, &a, 0);
	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd == -1 || bind(fd, (struct sockaddr *)&ss, len) == -1)
		goto fail;
	len = sizeof(ss);
	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		goto fail;
	memset(&s, 0, sizeof(s));
	s.kind = SERVICE_PROXY;
	s.proto = IPPROTO_UDP;
	if ((x->assoc = listener_new(&s, fd, &socksudp_ops)) == NULL)
		goto fail;
	fd = -1;		/* it is the listener's */
	x->assoc->only = x->client;
	/* it may know where it will send from */
	if (ipaddr_cmp(from, &x->client) == 0)
		x->assoc->onlyport = port;
	if (listener_watch(x->assoc) == -1 ||
	    watch_control(x) == -1)
		goto fail;
	(*x->counted)--;
	x->counted = &nassocs;
	nassocs++;
	x->state = PX_ASSOCIATED;
	event_del(x->timer);
	socks_reply(x->fd, REPLY_OK, &a, sa_port((struct sockaddr *)&ss));
	return;
 fail:
	if (fd != -1)
		close(fd);
	if (x->assoc == NULL)
		fds_give();
	refuse(x, REPLY_FAILURE);
}

/* RFC 1928 4.  Returns as take(), or 2 if it goes on elsewhere. */
static int
request(struct proxy *x)
{
	uint8_t		 m[4 + 256 + 2];
	char		 host[256 + ADDR_STRLEN];
	struct ipaddr	 a;
	ssize_t		 n;
	size_t		 len;
	uint16_t	 port;
	int		 r;

	if ((n = proxy_peek(x, m, 5)) < 5)
		return (n == -1 ? -1 : 0);
	if (m[0] != SOCKS_VERSION)
		return (-1);
	switch (m[3]) {
	case SOCKS_IPV4:
		len = 10;
		break;
	case SOCKS_IPV6:
		len = 22;
		break;
	case SOCKS_NAME:
		len = 7U + m[4];
		break;
	default:
		refuse(x, REPLY_ADDRESS);
		return (2);
	}
	if ((r = proxy_take(x, m, len)) != 1)
		return (r);
	port = be16(m + len - 2);
	memset(&a, 0, sizeof(a));
	if (m[3] == SOCKS_NAME) {
		memcpy(host, m + 5, m[4]);
		host[m[4]] = '\0';
		if (strlen(host) != m[4] || m[4] == 0) {
			refuse(x, REPLY_FAILURE);
			return (2);
		}
	} else {
		if (m[3] == SOCKS_IPV4)
			ipaddr_from4(&a, m + 4);
		else
			ipaddr_from6(&a, m + 4);
		ipaddr_str(&a, host, sizeof(host));
	}
	if (m[1] == SOCKS_ASSOCIATE)
		associate(x, &a, port);
	else if (m[1] != SOCKS_CONNECT)
		refuse(x, REPLY_COMMAND);
	else if (port == 0)
		refuse(x, REPLY_FAILURE);
	else
		proxy_go(x, host, port);
	return (2);
}

int
socks_step(struct proxy *x)
{
	switch (x->state) {
	case PX_GREETING:
		return (greeting(x));
	case PX_PASSWORD:
		return (password(x));
	default:
		return (request(x));
	}
}
