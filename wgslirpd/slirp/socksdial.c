/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net/bytes.h"
#include "socksdial.h"

#define VERSION		5
#define METHOD_NONE	0
#define METHOD_USER	2
#define USER_VERSION	1
#define CMD_CONNECT	1
#define CMD_ASSOCIATE	3
#define ATYP_IPV4	1
#define ATYP_NAME	3
#define ATYP_IPV6	4
#define REPLY_MAX	(4 + 1 + 255 + 2)

enum state {
	GREET,			/* nothing is sent yet */
	METHOD,			/* which one the proxy wants */
	USER,			/* whether it knows the user */
	REPLY,			/* whether it has connected, */
	REPLY_ADDR,		/* and from where, which nobody needs */
	DONE
};

struct socks_dial {
	enum state		 state;
	struct ipaddr		 dst;		/* af 0: it is to associate */
	uint16_t		 port;		/* of it, or of the relay */
	int			 has_user;
	struct service_user	 user;
	uint8_t			 buf[REPLY_MAX];
	size_t			 have;
	size_t			 want;
};

struct socks_dial *
socksdial_new(const struct way *w, const struct ipaddr *dst, uint16_t port)
{
	struct socks_dial	*d;

	if ((d = calloc(1, sizeof(*d))) == NULL)
		return (NULL);
	if (dst != NULL)
		d->dst = *dst;
	d->port = port;
	if ((d->has_user = w->user != NULL) != 0)
		d->user = *w->user;
	return (d);
}

void
socksdial_free(struct socks_dial *d)
{
	freezero(d, sizeof(*d));
}

int
socksdial_heard(const struct socks_dial *d)
{
	return (d->state > METHOD);
}

uint16_t
socksdial_port(const struct socks_dial *d)
{
	return (d->port);
}

int
socksdial_connect(const struct way *w)
{
	struct sockaddr_storage	 ss;
	socklen_t		 len;
	int			 fd, save_errno;

	len = sa_make(&ss, &w->c.proxy, w->c.port);
	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
	    0);
	if (fd == -1 || connect(fd, (struct sockaddr *)&ss, len) == 0 ||
	    errno == EINPROGRESS)
		return (fd);
	save_errno = errno;
	close(fd);
	errno = save_errno;
	return (-1);
}

/* What is sent is short, and the first on its way: all of it goes, or none. */
static int
say(struct socks_dial *d, int fd, const uint8_t *m, size_t len,
    enum state next, size_t want)
{
	ssize_t	 n;

	n = send(fd, m, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n != (ssize_t)len) {
		/* it may not be connected yet */
		if (n != -1 || errno != EAGAIN || d->state != GREET)
			errno = ECONNRESET;
		return (-1);
	}
	d->state = next;
	d->want = want;
	d->have = 0;
	return (0);
}

static int
ask(struct socks_dial *d, int fd)
{
	uint8_t	 m[4 + 16 + 2] = { VERSION, CMD_CONNECT };
	size_t	 n = d->dst.af == 6 ? 16 : 4;

	/* from where datagrams will come is not known yet: from 0.0.0.0:0 */
	if (d->dst.af == 0)
		m[1] = CMD_ASSOCIATE;
	m[3] = d->dst.af == 6 ? ATYP_IPV6 : ATYP_IPV4;
	memcpy(m + 4, d->dst.a, n);
	put16(m + 4 + n, d->port);
	return (say(d, fd, m, 4 + n + 2, REPLY, 5));
}

static int
say_user(struct socks_dial *d, int fd)
{
	uint8_t	 m[3 + 2 * 255] = { USER_VERSION };
	size_t	 n = strlen(d->user.name), k = strlen(d->user.password);
	int	 r;

	m[1] = (uint8_t)n;
	memcpy(m + 2, d->user.name, n);
	m[2 + n] = (uint8_t)k;
	memcpy(m + 3 + n, d->user.password, k);
	r = say(d, fd, m, 3 + n + k, USER, 2);
	explicit_bzero(m, sizeof(m));
	return (r);
}

/* What a reply means for who wanted the connection (RFC 1928 6). */
static int
refused(const struct socks_dial *d, uint8_t reply)
{
	switch (reply) {
	case 2:
		errno = EACCES;
		break;
	case 3:
		errno = ENETUNREACH;
		break;
	case 5:
		errno = ECONNREFUSED;
		break;
	case 6:
		errno = ETIMEDOUT;
		break;
	case 7:
		errno = d->dst.af == 0 ? EOPNOTSUPP : EHOSTUNREACH;
		break;
	default:
		errno = EHOSTUNREACH;
		break;
	}
	return (-1);
}

/* All that is waited for is there. */
static int
heard(struct socks_dial *d, int fd)
{
	const uint8_t	*b = d->buf;

	switch (d->state) {
	case METHOD:
		if (b[0] != VERSION)
			break;
		if (b[1] == METHOD_NONE)
			return (ask(d, fd));
		if (b[1] == METHOD_USER && d->has_user)
			return (say_user(d, fd));
		errno = EACCES;
		return (-1);
	case USER:
		if (b[1] == 0)
			return (ask(d, fd));
		errno = EACCES;
		return (-1);
	case REPLY:
		if (b[0] != VERSION)
			break;
		if (b[1] != 0)
			return (refused(d, b[1]));
		/* a byte of the address has come already */
		if (b[3] != ATYP_IPV4 && b[3] != ATYP_IPV6 &&
		    b[3] != ATYP_NAME)
			break;
		d->want = b[3] == ATYP_IPV4 ? 10 : b[3] == ATYP_IPV6 ? 22 :
		    (size_t)7 + b[4];
		d->state = REPLY_ADDR;
		return (0);
	case REPLY_ADDR:
		d->port = be16(b + d->want - 2);
		d->state = DONE;
		return (1);
	case GREET:
	case DONE:
		break;
	}
	errno = EPROTO;
	return (-1);
}

int
socksdial_step(struct socks_dial *d, int fd)
{
	static const uint8_t	 none[] = { VERSION, 1, METHOD_NONE };
	static const uint8_t	 user[] = { VERSION, 2, METHOD_NONE,
				    METHOD_USER };
	ssize_t			 n;
	int			 r;

	if (d->state == GREET && say(d, fd, d->has_user ? user : none,
	    d->has_user ? sizeof(user) : sizeof(none), METHOD, 2) == -1)
		return (errno == EAGAIN ? 0 : -1);
	while (d->state != DONE) {
		/* no byte more than is known to be the proxy's */
		n = recv(fd, d->buf + d->have, d->want - d->have,
		    MSG_DONTWAIT);
		if (n == -1 && (errno == EAGAIN || errno == EINTR))
			return (0);
		if (n <= 0) {
			errno = ECONNRESET;
			return (-1);
		}
		d->have += (size_t)n;
		if (d->have == d->want && (r = heard(d, fd)) != 0)
			return (r);
	}
	return (1);
}
