/* SPDX-License-Identifier: ISC */

/*
 * HTTP CONNECT (RFC 9110 9.3.6).
 */

#include <sys/types.h>

#include <openssl/evp.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "httpconnect.h"

#define HTTP_MAX	8192	/* bytes of a request with its headers */

static struct slirp	*engine;

void
httpconnect_init(struct slirp *s)
{
	engine = s;
}

static void
http_reply(int fd, const char *status, const char *header)
{
	char	 buf[256];
	int	 n;

	n = snprintf(buf, sizeof(buf), "HTTP/1.1 %s\r\n%s%s\r\n", status,
	    header, strncmp(status, "200", 3) == 0 ? "" :
	    "Content-Length: 0\r\nConnection: close\r\n");
	proxy_say(fd, buf, (size_t)n);
}

/* Tell a client what became of its request: 0, or an errno. */
void
httpconnect_answer(int fd, int error)
{
	http_reply(fd, error == 0 ? "200 Connection established" :
	    error == EINVAL ? "400 Bad Request" :
	    error == ETIMEDOUT ? "504 Gateway Timeout" :
	    error == ENOBUFS ? "503 Service Unavailable" : "502 Bad Gateway",
	    "");
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
	ok = (colon = memchr(buf, ':', (size_t)len)) != NULL && proxy_may_use(l,
	    buf, (size_t)(colon - buf), colon + 1,
	    (size_t)(len - (colon + 1 - buf)));
	explicit_bzero(buf, sizeof(buf));
	return (ok);
}

/* A request, if it is there, for which m has room. */
static int
request(struct proxy *x, char *m)
{
	char		*end, *target, *host;
	uint16_t	 port;
	ssize_t		 n;
	size_t		 len;

	x->via = VIA_HTTP;
	x->answer = httpconnect_answer;
	if ((n = proxy_peek(x, (uint8_t *)m, HTTP_MAX)) <= 0)
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
	if (proxy_take(x, (uint8_t *)m, len) != 1)
		return (-1);
	m[len] = '\0';
	if (strncmp(m, "CONNECT ", 8) != 0) {
		http_reply(x->fd, "405 Method Not Allowed",
		    "Allow: CONNECT\r\n");
		return (-1);
	}
	if (!http_password(x->l, m)) {
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
	proxy_go(x, host, port);
	return (2);
}

int
httpconnect_step(struct proxy *x)
{
	static char	 m[HTTP_MAX + 1];
	int		 r;

	r = request(x, m);
	/* there may be a password in it */
	explicit_bzero(m, sizeof(m));
	return (r);
}
