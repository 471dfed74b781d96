/* SPDX-License-Identifier: ISC */

/*
 * The proxy for programs of the host that want to reach the tunnel: SOCKS5
 * (RFC 1928, 1929) with CONNECT and UDP ASSOCIATE, and HTTP CONNECT (RFC
 * 9110 9.3.6) on the same port.
 *
 * A request is looked at in the socket, and exactly its bytes are taken
 * out; what follows is the connection's own, and stays there for the flow
 * that gets the socket.  A client has a short time for all of it.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <event2/dns.h>
#include <event2/util.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "proc.h"
#include "lookup.h"
#include "forward.h"
#include "names.h"

#define MAX_CLIENTS	128	/* whose request is under way */
#define MAX_ASSOCS	64	/* UDP associations */
#define REQUEST_TIME	20	/* seconds */
#define HTTP_MAX	8192	/* bytes of a request with its headers */
#define MAX_ADDRS	8

#define SOCKS_VERSION	5
#define SOCKS_CONNECT	1
#define SOCKS_ASSOCIATE	3
#define SOCKS_IPV4	1
#define SOCKS_NAME	3
#define SOCKS_IPV6	4

/* RFC 1928 6 */
#define REPLY_OK		0
#define REPLY_FAILURE		1
#define REPLY_UNREACHABLE	4
#define REPLY_REFUSED		5
#define REPLY_EXPIRED		6
#define REPLY_COMMAND		7
#define REPLY_ADDRESS		8

enum proxy_state {
	PX_GREETING,
	PX_PASSWORD,
	PX_REQUEST,
	PX_RESOLVING,
	PX_ROUTING,
	PX_ASSOCIATED
};

struct proxy {
	TAILQ_ENTRY(proxy)	 entry;
	struct fwd_listener	*l;		/* NULL: it is gone */
	enum proxy_state	 state;
	enum flow_via		 via;
	int			 fd;
	struct event		*ev;
	struct event		*timer;
	struct ipaddr		 client;
	struct ipaddr		 addrs[MAX_ADDRS];
	int			 naddrs;
	int			 next;		/* to be tried */
	uint16_t		 port;
	int			 busy;		/* a callback is to come */
	int			 dead;
	struct dns_request	*lookup;	/* it is this one's */
	struct fwd_listener	*assoc;
};

static struct slirp		*engine;
static TAILQ_HEAD(, proxy)	 clients = TAILQ_HEAD_INITIALIZER(clients);
static int			 nclients, nassocs;

static void	 try_next(struct proxy *);
static void	 client_event(evutil_socket_t, short, void *);

/*
 * Close a client's socket.  What it has sent is read first: otherwise it
 * would get a reset instead of the last answer.
 */
static void
hang_up(int fd)
{
	uint8_t	 b[4096];
	int	 i;

	for (i = 0; i < 16 && recv(fd, b, sizeof(b), MSG_DONTWAIT) > 0; i++)
		continue;
	close(fd);
}

/*
 * The client is done with: its socket is closed, or a flow's by now.  What
 * is to call back is counted until it has.
 */
static void
proxy_free(struct proxy *x, int close_fd)
{
	struct dns_request	*lookup = x->lookup;

	if (x->ev != NULL)
		event_free(x->ev);
	if (x->timer != NULL)
		event_free(x->timer);
	x->ev = x->timer = NULL;
	if (x->fd != -1) {
		if (close_fd)
			hang_up(x->fd);
		slirp_fd_give(engine);
	}
	x->fd = -1;
	if (x->assoc != NULL) {
		fwd_listener_free(x->assoc);
		slirp_fd_give(engine);
	}
	x->assoc = NULL;
	if (!x->dead)
		TAILQ_REMOVE(&clients, x, entry);
	x->dead = 1;
	if (lookup != NULL) {
		/* it calls back, maybe at once */
		x->lookup = NULL;
		dns_lookup_cancel(lookup);
		return;
	}
	if (x->busy)
		return;
	if (x->state == PX_ASSOCIATED)
		nassocs--;
	else
		nclients--;
	free(x);
}

/* A few bytes, into the empty buffer of a socket. */
static void
say(int fd, const void *data, size_t len)
{
	(void)send(fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);
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
	say(fd, m, n);
}

static void
http_reply(int fd, const char *status, const char *header)
{
	char	 buf[256];
	int	 n;

	n = snprintf(buf, sizeof(buf), "HTTP/1.1 %s\r\n%s%s\r\n", status,
	    header, strncmp(status, "200", 3) == 0 ? "" :
	    "Content-Length: 0\r\nConnection: close\r\n");
	say(fd, buf, (size_t)n);
}

/* Tell a client what became of its connection. */
void
proxy_answered(int fd, enum flow_via via, int error)
{
	uint8_t	 b[4096];
	int	 i;

	/* what it has sent already would turn the answer into a reset */
	for (i = 0; error != 0 && i < 16 && recv(fd, b, sizeof(b),
	    MSG_DONTWAIT) > 0; i++)
		continue;
	if (via == VIA_HTTP)
		http_reply(fd, error == 0 ? "200 Connection established" :
		    error == ETIMEDOUT ? "504 Gateway Timeout" :
		    "502 Bad Gateway", "");
	else
		socks_reply(fd, error == 0 ? REPLY_OK :
		    error == ECONNREFUSED ? REPLY_REFUSED :
		    error == ETIMEDOUT ? REPLY_EXPIRED : REPLY_UNREACHABLE,
		    NULL, 0);
}

static void
fail(struct proxy *x, int code, const char *status)
{
	if (x->via == VIA_HTTP)
		http_reply(x->fd, status, "");
	else
		socks_reply(x->fd, code, NULL, 0);
	proxy_free(x, 1);
}

/* A destination has a peer, or not. */
static void
routed(void *arg, struct slirp_peer *p)
{
	struct proxy	*x = arg;

	x->busy = 0;
	if (x->dead) {
		proxy_free(x, 1);
		return;
	}
	engine->now = mono_now();
	if (p == NULL) {
		try_next(x);
		return;
	}
	if (tcp_dial(engine, p, &x->addrs[x->next - 1], x->port, x->via,
	    x->fd) == -1)
		try_next(x);
	else
		proxy_free(x, 0);
}

/* Ask whether the next address of the destination is in the tunnel. */
static void
try_next(struct proxy *x)
{
	if (x->next >= x->naddrs) {
		fail(x, REPLY_UNREACHABLE, "502 Bad Gateway");
		return;
	}
	x->state = PX_ROUTING;
	if (fwd_route(&x->addrs[x->next++], routed, x) == -1)
		fail(x, REPLY_FAILURE, "503 Service Unavailable");
	else
		x->busy = 1;
}

static void
resolved(int error, struct evutil_addrinfo *ai, void *arg)
{
	struct proxy		*x = arg;
	struct evutil_addrinfo	*a;

	x->busy = 0;
	x->lookup = NULL;
	for (a = ai; a != NULL && error == 0 && x->naddrs < MAX_ADDRS;
	    a = a->ai_next)
		if (ipaddr_from_sa(&x->addrs[x->naddrs], a->ai_addr) == 0)
			x->naddrs++;
	if (ai != NULL)
		evutil_freeaddrinfo(ai);
	if (x->dead)
		proxy_free(x, 1);
	else
		try_next(x);
}

/* The destination is known by address or name. */
static void
go_to(struct proxy *x, const char *host, uint16_t port)
{
	uint8_t	 b;

	x->port = port;
	/* its end came with the request, and no other event will */
	if (recv(x->fd, &b, 1, MSG_PEEK | MSG_DONTWAIT) == 0) {
		proxy_free(x, 1);
		return;
	}
	if (ipaddr_parse(&x->addrs[0], host) == 0) {
		x->naddrs = 1;
		try_next(x);
		return;
	}
	if ((x->naddrs = resolver_local(host, x->addrs, MAX_ADDRS)) != -1) {
		try_next(x);
		return;
	}
	x->naddrs = 0;
	x->state = PX_RESOLVING;
	x->busy = 1;
	dns_lookup(host, resolved, x, &x->lookup);
}

/*
 * Take len bytes out of the socket, if they are there.  Returns 0 if they
 * have to be waited for, -1 if the client is gone.
 */
static int
take(struct proxy *x, uint8_t *buf, size_t len)
{
	ssize_t	 n;

	n = recv(x->fd, buf, len, MSG_PEEK | MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	if (n <= 0)
		return (-1);
	if ((size_t)n < len)
		return (0);
	return (recv(x->fd, buf, len, MSG_DONTWAIT) == (ssize_t)len ? 1 : -1);
}

/* The same without taking them. */
static ssize_t
peek(struct proxy *x, uint8_t *buf, size_t len)
{
	ssize_t	 n;

	n = recv(x->fd, buf, len, MSG_PEEK | MSG_DONTWAIT);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return (0);
	return (n > 0 ? n : -1);
}

/* Compare all of both, whatever they are. */
static int
same_secret(const char *a, size_t alen, const char *b)
{
	char	 x[USER_LEN], y[USER_LEN];
	int	 same;

	memset(x, 0, sizeof(x));
	memset(y, 0, sizeof(y));
	if (alen >= sizeof(x))
		return (0);
	memcpy(x, a, alen);
	strlcpy(y, b, sizeof(y));
	same = CRYPTO_memcmp(x, y, sizeof(x)) == 0;
	explicit_bzero(x, sizeof(x));
	explicit_bzero(y, sizeof(y));
	return (same);
}

static int
may_use(const struct fwd_listener *l, const char *name, size_t nlen,
    const char *pass, size_t plen)
{
	size_t	 i;
	int	 ok = 0;

	for (i = 0; i < l->nusers; i++)
		ok |= same_secret(name, nlen, l->users[i].name) &
		    same_secret(pass, plen, l->users[i].password);
	return (ok);
}

/* RFC 1928 3.  Returns as take(). */
static int
greeting(struct proxy *x)
{
	uint8_t	 m[2 + 255], method = x->l->nusers > 0 ? 2 : 0;
	ssize_t	 n;
	int	 i, r;

	if ((n = peek(x, m, 2)) < 2)
		return (n == -1 ? -1 : 0);
	if ((r = take(x, m, 2U + m[1])) != 1)
		return (r);
	for (i = 0; i < m[1]; i++)
		if (m[2 + i] == method)
			break;
	if (i == m[1]) {
		say(x->fd, "\5\xff", 2);
		return (-1);
	}
	m[1] = method;
	say(x->fd, m, 2);
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

	if ((n = peek(x, m, sizeof(m))) < 2)
		return (n == -1 ? -1 : 0);
	ulen = m[1];
	if ((size_t)n < 3 + ulen)
		return (0);
	plen = m[2 + ulen];
	if ((r = take(x, m, 3 + ulen + plen)) != 1)
		return (r);
	ok = m[0] == 1 && may_use(x->l, (char *)m + 2, ulen,
	    (char *)m + 3 + ulen, plen);
	explicit_bzero(m, sizeof(m));
	say(x->fd, ok ? "\1\0" : "\1\1", 2);
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
	int	 on = 1, idle = 60;

	(void)setsockopt(x->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	(void)setsockopt(x->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle,
	    sizeof(idle));
	event_del(x->ev);
	event_assign(x->ev, evbase, x->fd, EV_READ | EV_PERSIST,
	    client_event, x);
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

	if (nassocs >= MAX_ASSOCS || slirp_fd_take(engine) == -1) {
		fail(x, REPLY_FAILURE, "");
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
	if ((x->assoc = fwd_listener_new(&s, fd)) == NULL)
		goto fail;
	fd = -1;		/* it is the listener's */
	x->assoc->only = x->client;
	/* it may know where it will send from */
	if (ipaddr_cmp(from, &x->client) == 0)
		x->assoc->onlyport = port;
	if (fwd_listener_watch(x->assoc) == -1 ||
	    watch_control(x) == -1)
		goto fail;
	nclients--;
	nassocs++;
	x->state = PX_ASSOCIATED;
	event_del(x->timer);
	socks_reply(x->fd, REPLY_OK, &a, sa_port((struct sockaddr *)&ss));
	return;
 fail:
	if (fd != -1)
		close(fd);
	if (x->assoc == NULL)
		slirp_fd_give(engine);
	fail(x, REPLY_FAILURE, "");
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

	if ((n = peek(x, m, 5)) < 5)
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
		fail(x, REPLY_ADDRESS, "");
		return (2);
	}
	if ((r = take(x, m, len)) != 1)
		return (r);
	port = be16(m + len - 2);
	memset(&a, 0, sizeof(a));
	if (m[3] == SOCKS_NAME) {
		memcpy(host, m + 5, m[4]);
		host[m[4]] = '\0';
		if (strlen(host) != m[4] || m[4] == 0) {
			fail(x, REPLY_FAILURE, "");
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
		fail(x, REPLY_COMMAND, "");
	else if (port == 0)
		fail(x, REPLY_FAILURE, "");
	else
		go_to(x, host, port);
	return (2);
}

/* "host:port" or "[address]:port", which is cut up. */
static int
split_target(char *s, char **host, uint16_t *port)
{
	char	*colon, *end;

	if ((colon = strrchr(s, ':')) == NULL ||
	    port_parse(colon + 1, port) == -1)
		return (-1);
	*colon = '\0';
	*host = s;
	if (*s == '[') {
		if ((end = strchr(s, ']')) == NULL || end[1] != '\0')
			return (-1);
		*end = '\0';
		*host = s + 1;
	}
	return (**host != '\0' && strlen(*host) < 256 ? 0 : -1);
}

/* Does a Proxy-Authorization header let the client through? */
static int
http_password(const struct fwd_listener *l, const char *headers)
{
	char		 buf[4 * USER_LEN], *colon;
	const char	*p, *name = "\r\nproxy-authorization:";
	size_t		 n;
	int		 len, pad = 0, ok;

	if (l->nusers == 0)
		return (1);
	if ((p = strcasestr(headers, name)) == NULL)
		return (0);
	p += strlen(name);
	p += strspn(p, " \t");
	if (strncasecmp(p, "basic ", 6) != 0)
		return (0);
	p += 6;
	p += strspn(p, " ");
	n = strcspn(p, " \t\r\n");
	if (n == 0 || n % 4 != 0 || n / 4 * 3 >= sizeof(buf))
		return (0);
	len = EVP_DecodeBlock((unsigned char *)buf, (const unsigned char *)p,
	    (int)n);
	while (pad < 2 && p[n - 1 - (size_t)pad] == '=')
		pad++;
	if ((len -= pad) <= 0)
		return (0);
	buf[len] = '\0';
	ok = (colon = memchr(buf, ':', (size_t)len)) != NULL && may_use(l,
	    buf, (size_t)(colon - buf), colon + 1,
	    (size_t)(len - (colon + 1 - buf)));
	explicit_bzero(buf, sizeof(buf));
	return (ok);
}

/* RFC 9110 9.3.6.  Returns as request(). */
static int
http_request(struct proxy *x)
{
	static char	 m[HTTP_MAX + 1];
	char		*end, *target, *host;
	uint16_t	 port;
	ssize_t		 n;
	size_t		 len;

	x->via = VIA_HTTP;
	if ((n = peek(x, (uint8_t *)m, HTTP_MAX)) <= 0)
		return ((int)n);
	m[n] = '\0';
	if ((end = strstr(m, "\r\n\r\n")) == NULL) {
		/* a NUL is as good as too long */
		if (n < HTTP_MAX && strlen(m) == (size_t)n)
			return (0);
		http_reply(x->fd, "431 Request Header Fields Too Large", "");
		return (-1);
	}
	len = (size_t)(end + 4 - m);
	if (take(x, (uint8_t *)m, len) != 1)
		return (-1);
	m[len] = '\0';
	if (strncmp(m, "CONNECT ", 8) != 0) {
		http_reply(x->fd, "405 Method Not Allowed",
		    "Allow: CONNECT\r\n");
		return (-1);
	}
	if (!http_password(x->l, m)) {
		explicit_bzero(m, sizeof(m));
		engine->count.forward_refused++;
		http_reply(x->fd, "407 Proxy Authentication Required",
		    "Proxy-Authenticate: Basic realm=\"wgslirpd\"\r\n");
		return (-1);
	}
	target = m + 8;
	end = target + strcspn(target, " \r\n");
	if (strncmp(end, " HTTP/1.", 8) != 0) {
		http_reply(x->fd, "400 Bad Request", "");
		return (-1);
	}
	*end = '\0';
	if (split_target(target, &host, &port) == -1) {
		http_reply(x->fd, "400 Bad Request", "");
		return (-1);
	}
	go_to(x, host, port);
	return (2);
}

/* Which of the two protocols it is shows in the first byte. */
static int
step(struct proxy *x)
{
	uint8_t	 b;
	ssize_t	 n;

	switch (x->state) {
	case PX_GREETING:
		if ((n = peek(x, &b, 1)) < 1)
			return ((int)n);
		return (b == SOCKS_VERSION ? greeting(x) : http_request(x));
	case PX_PASSWORD:
		return (password(x));
	case PX_REQUEST:
		return (request(x));
	default:
		break;
	}
	/* it may send before it is answered, but it has to be there */
	return (peek(x, &b, 1) == -1 ? -1 : 0);
}

static void
client_event(evutil_socket_t fd, short what, void *arg)
{
	struct proxy	*x = arg;
	uint8_t		 b[64];
	int		 r;

	(void)fd;
	(void)what;
	engine->now = mono_now();
	if (x->state == PX_ASSOCIATED) {
		/* the association lives as long as the connection */
		r = (int)recv(x->fd, b, sizeof(b), MSG_DONTWAIT);
		if (r == 0 || (r == -1 && errno != EAGAIN && errno != EINTR))
			proxy_free(x, 1);
		return;
	}
	do {
		r = step(x);
	} while (r == 1);
	if (r == -1)
		proxy_free(x, 1);
}

static void
client_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	proxy_free(arg, 1);
}

/* A client has connected; the socket is ours. */
void
proxy_accept(struct slirp *s, struct fwd_listener *l, int fd,
    const struct ipaddr *client)
{
	struct timeval	 tv = { REQUEST_TIME, 0 };
	struct proxy	*x;

	engine = s;
	if (nclients >= MAX_CLIENTS || slirp_fd_take(s) == -1) {
		s->count.forward_refused++;
		close(fd);
		return;
	}
	if ((x = calloc(1, sizeof(*x))) == NULL) {
		slirp_fd_give(s);
		close(fd);
		return;
	}
	x->l = l;
	x->fd = fd;
	x->via = VIA_SOCKS;
	x->client = *client;
	TAILQ_INSERT_TAIL(&clients, x, entry);
	nclients++;
	/* part of a request may wait for the rest: only news counts */
	x->ev = event_new(evbase, fd, EV_READ | EV_PERSIST | EV_ET,
	    client_event, x);
	x->timer = evtimer_new(evbase, client_timeout, x);
	if (x->ev == NULL || x->timer == NULL ||
	    event_add(x->ev, NULL) == -1 || event_add(x->timer, &tv) == -1)
		proxy_free(x, 1);
}

static int
same_users(const struct fwd_listener *a, const struct fwd_listener *b)
{
	return (a->nusers == b->nusers && (a->nusers == 0 ||
	    CRYPTO_memcmp(a->users, b->users, a->nusers *
	    sizeof(*a->users)) == 0));
}

/* The listener has a new form: its clients go on if they still may. */
void
proxy_take_over(struct fwd_listener *l, const struct fwd_listener *old)
{
	struct proxy	*x;

	TAILQ_FOREACH(x, &clients, entry)
		if (x->l == old && fwd_allowed(l, &x->client) &&
		    same_users(l, old))
			x->l = l;
}

/* It listens no more: what came through it ends, save connections. */
void
proxy_listener_gone(const struct fwd_listener *l)
{
	struct proxy	*x, *next;

	TAILQ_FOREACH_SAFE(x, &clients, entry, next) {
		if (x->l != l)
			continue;
		x->l = NULL;
		proxy_free(x, 1);
	}
}

/* What precedes a datagram to the client (RFC 1928 7); its length. */
size_t
proxy_udp_header(const struct forward_flow *w, uint8_t h[22])
{
	size_t	 n = w->f.src.af == 4 ? 4 : 16;

	memset(h, 0, 3);
	h[3] = n == 4 ? SOCKS_IPV4 : SOCKS_IPV6;
	memcpy(h + 4, w->f.src.a, n);
	put16(h + 4 + n, w->f.sport);
	return (n + 6);
}

/*
 * The same from the client: where the datagram goes, and where its payload
 * starts.  Names are those of the tunnel.  -1 if it is to be dropped.
 */
int
proxy_udp_parse(const uint8_t *m, size_t len, struct ipaddr *dst,
    uint16_t *port, size_t *off)
{
	char	 name[256];

	if (len < 5 || m[2] != 0)
		return (-1);	/* fragments of SOCKS are optional */
	switch (m[3]) {
	case SOCKS_IPV4:
		*off = 10;
		break;
	case SOCKS_IPV6:
		*off = 22;
		break;
	case SOCKS_NAME:
		*off = 7U + m[4];
		break;
	default:
		return (-1);
	}
	if (len < *off || (*port = be16(m + *off - 2)) == 0)
		return (-1);
	if (m[3] == SOCKS_IPV4)
		ipaddr_from4(dst, m + 4);
	else if (m[3] == SOCKS_IPV6)
		ipaddr_from6(dst, m + 4);
	else {
		memcpy(name, m + 5, m[4]);
		name[m[4]] = '\0';
		if (ipaddr_parse(dst, name) == -1 &&
		    resolver_local(name, dst, 1) <= 0)
			return (-1);
	}
	return (0);
}
