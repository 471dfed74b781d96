/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "derp.h"
#include "lex.h"
#include "log.h"

/* Where systems have the certificates that they trust. */
static const char *const	 ca_files[] = {
	"/etc/ssl/certs/ca-certificates.crt",	/* Debian, Alpine, Arch */
	"/etc/ssl/cert.pem",			/* OpenBSD, FreeBSD */
	"/etc/pki/tls/certs/ca-bundle.crt",	/* Fedora */
	"/etc/ssl/ca-bundle.pem"		/* SUSE */
};

static enum derp_keys	 keys = DERP_KEYS_THERE;

#define CA_MAX	(16 << 20)		/* bytes of a file of certificates */

/* A URL, taken apart; auth is what is before an "@", as it is meant. */
struct url {
	int	 tls;
	char	 auth[USER_LEN * 2];
	char	 host[HOST_NAME_LEN];
	uint16_t port;
	char	 path[RELAY_URL_LEN];
};

void
derp_keys(enum derp_keys what)
{
	keys = what;
}

/* A character that can be in a request line as it is. */
static int
plain(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s >= 0x7f)
			return (0);
	return (1);
}

/* "host", "host:port", "[address]:port" */
static int
parse_host(struct url *u, char *s)
{
	struct ipaddr	 a;
	char		*end, *port = NULL;

	if (*s == '[') {
		if ((end = strchr(s, ']')) == NULL)
			return (-1);
		*end++ = '\0';
		if (*end == ':')
			port = end + 1;
		else if (*end != '\0')
			return (-1);
		if (ipaddr_parse(&a, ++s) == -1 || a.af != 6)
			return (-1);
	} else {
		if ((port = strchr(s, ':')) != NULL)
			*port++ = '\0';
		if (ipaddr_parse(&a, s) == -1 && !host_name_ok(s))
			return (-1);
	}
	if (port != NULL && port_parse(port, &u->port) == -1)
		return (-1);
	return (*s != '\0' && strlcpy(u->host, s, sizeof(u->host)) <
	    sizeof(u->host) ? 0 : -1);
}

static int
hex(char c)
{
	return (c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ?
	    c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1);
}

/* Undo %XX (RFC 3986 2.1). */
static int
unescape(char *dst, size_t len, const char *s)
{
	size_t	 n;

	for (n = 0; *s != '\0' && n + 1 < len; n++) {
		if (*s != '%') {
			dst[n] = *s++;
			continue;
		}
		if (hex(s[1]) == -1 || hex(s[2]) == -1 ||
		    (dst[n] = (char)(hex(s[1]) << 4 | hex(s[2]))) == '\0')
			return (-1);
		s += 3;
	}
	dst[n] = '\0';
	return (*s == '\0' ? 0 : -1);
}

static int
parse_url(struct url *u, const char *text)
{
	char	 buf[RELAY_URL_LEN], *s = buf, *slash, *at;

	memset(u, 0, sizeof(*u));
	if (!plain(text) || strlcpy(buf, text, sizeof(buf)) >= sizeof(buf))
		return (-1);
	if (strncmp(s, "https://", 8) == 0) {
		u->tls = 1;
		s += 8;
	} else if (strncmp(s, "http://", 7) == 0)
		s += 7;
	else
		return (-1);
	u->port = u->tls ? 443 : 80;
	if (strpbrk(s, "?#") != NULL)
		return (-1);
	if ((slash = strchr(s, '/')) != NULL) {
		strlcpy(u->path, slash, sizeof(u->path));
		*slash = '\0';
	}
	if ((at = strrchr(s, '@')) != NULL) {
		*at = '\0';
		if (unescape(u->auth, sizeof(u->auth), s) == -1)
			return (-1);
		explicit_bzero(s, strlen(s));
		s = at + 1;
	}
	return (parse_host(u, s));
}

const char *
derp_new(struct config *c, const char *text, struct conf_derp **dp)
{
	struct conf_derp	*d, *o;
	struct url		 u;
	int			 n = 0;

	if (parse_url(&u, text) == -1 || u.auth[0] != '\0')
		return ("derp: not a URL as https://host/derp");
	if (u.path[0] == '\0' || strcmp(u.path, "/") == 0)
		strlcpy(u.path, "/derp", sizeof(u.path));
	TAILQ_FOREACH(o, &c->derps, entry) {
		if (strcmp(o->r.host, u.host) == 0 && o->r.port == u.port &&
		    strcmp(o->r.path, u.path) == 0)
			return ("derp: the same relay twice");
		n++;
	}
	if (n == MAX_RELAYS)
		return ("derp: too many relays");
	if ((d = calloc(1, sizeof(*d))) == NULL)
		fatal(NULL);
	d->ca_fd = -1;
	strlcpy(d->r.url, text, sizeof(d->r.url));
	strlcpy(d->r.host, u.host, sizeof(d->r.host));
	strlcpy(d->r.path, u.path, sizeof(d->r.path));
	strlcpy(d->r.via, u.host, sizeof(d->r.via));
	d->r.port = d->r.via_port = u.port;
	d->r.tls = (uint8_t)u.tls;
	TAILQ_INSERT_TAIL(&c->derps, d, entry);
	*dp = d;
	return (NULL);
}

/* A new key in a new file. */
static const char *
make_key(const char *path)
{
	static char	 err[CTL_TEXT_LEN];
	char		 text[NODE_STRLEN + 1];
	uint8_t		 key[KEY_LEN];
	int		 fd, ok;

	arc4random_buf(key, sizeof(key));
	key[0] &= 248;
	key[31] = (key[31] & 127) | 64;
	key_to_node(text, NODE_PRIVATE, key);
	explicit_bzero(key, sizeof(key));
	strlcat(text, "\n", sizeof(text));
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	ok = fd != -1 && write(fd, text, strlen(text)) ==
	    (ssize_t)strlen(text) && fsync(fd) == 0;
	explicit_bzero(text, sizeof(text));
	if (!ok)
		snprintf(err, sizeof(err), "derp key file %s: %s", path,
		    strerror(errno));
	if (fd != -1)
		close(fd);
	return (ok ? NULL : err);
}

const char *
derp_key_file(struct conf_derp *d, const char *path)
{
	static char	 err[CTL_TEXT_LEN];
	const char	*reason;
	int		 fd, r;

	lex_note_path(path);
	if (d->key_file != NULL)
		return ("derp: one key file only");
	if ((d->key_file = strdup(path)) == NULL)
		fatal(NULL);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd == -1 && errno == ENOENT && keys == DERP_KEYS_LATER) {
		log_warnx("%s: does not exist, and is made at the start",
		    path);
		d->has_key = 1;
		return (NULL);
	}
	if (fd == -1 && errno == ENOENT && keys == DERP_KEYS_MAKE) {
		if ((reason = make_key(path)) != NULL)
			return (reason);
		log_info("%s: made a new key for DERP relays", path);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	}
	if (fd == -1) {
		snprintf(err, sizeof(err), "derp key file %s: %s%s", path,
		    strerror(errno), errno == ENOENT ? "; \"wgslirpctl derp "
		    "key FILE\" makes one" : "");
		return (err);
	}
	r = key_read_node(d->r.key, fd, &reason);
	close(fd);
	if (r == -1) {
		snprintf(err, sizeof(err), "derp key file %s %s", path,
		    reason);
		return (err);
	}
	d->has_key = 1;
	return (NULL);
}

const char *
derp_key_text(struct conf_derp *d, const char *text)
{
	if (key_from_node(d->r.key, NODE_PRIVATE, text) == -1)
		return ("not \"" NODE_PRIVATE "\" and 64 hexadecimal digits");
	d->has_key = 1;
	return (NULL);
}

/* Does a file have a certificate in it?  Not whether that is a good one. */
static int
has_certificate(int fd)
{
	static const char	 mark[] = "CERTIFICATE-----";
	char			 buf[65536];
	struct stat		 st;
	ssize_t			 n;
	off_t			 off = 0;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_size > CA_MAX)
		return (0);
	while ((n = pread(fd, buf, sizeof(buf), off)) >
	    (ssize_t)sizeof(mark)) {
		if (memmem(buf, (size_t)n, mark, sizeof(mark) - 1) != NULL)
			return (1);
		off += n - (ssize_t)sizeof(mark);
	}
	return (0);
}

const char *
derp_ca(struct conf_derp *d, const char *path)
{
	static char	 err[CTL_TEXT_LEN];

	lex_note_path(path);
	if (d->ca_file != NULL)
		return ("one ca file only");
	if ((d->ca_file = strdup(path)) == NULL)
		fatal(NULL);
	if ((d->ca_fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1) {
		snprintf(err, sizeof(err), "ca %s: %s", path,
		    strerror(errno));
		return (err);
	}
	if (!has_certificate(d->ca_fd)) {
		snprintf(err, sizeof(err), "ca %s: holds no certificate",
		    path);
		return (err);
	}
	return (NULL);
}

const char *
derp_pin(struct conf_derp *d, const char *text)
{
	const char	*s = text;

	if (strncmp(s, "sha256/", 7) != 0)
		return ("derp pin: not \"sha256/\" and base64");
	s += 7;
	/* curl(1) has another slash, and base64 may begin with one */
	if (key_from_base64(d->r.pin, s) == -1 &&
	    (*s != '/' || key_from_base64(d->r.pin, s + 1) == -1))
		return ("derp pin: not \"sha256/\" and base64 of 32 bytes");
	d->r.pinned = 1;
	return (NULL);
}

const char *
derp_proxy(struct conf_derp *d, const char *text)
{
	struct url	 u;
	uint8_t		 b64[4 * USER_LEN];
	size_t		 n;

	_Static_assert(sizeof(b64) <= sizeof(d->r.proxy_auth) &&
	    sizeof(u.auth) / 3 * 4 + 4 < sizeof(b64), "no room for base64");
	if (parse_url(&u, text) == -1 || u.tls ||
	    (u.path[0] != '\0' && strcmp(u.path, "/") != 0)) {
		explicit_bzero(&u, sizeof(u));
		return ("derp proxy: not a URL as http://host:port");
	}
	n = strlen(u.auth);
	if (n > 0) {
		EVP_EncodeBlock(b64, (uint8_t *)u.auth, (int)n);
		strlcpy(d->r.proxy_auth, (char *)b64,
		    sizeof(d->r.proxy_auth));
	}
	explicit_bzero(b64, sizeof(b64));
	d->r.proxy = 1;
	strlcpy(d->r.via, u.host, sizeof(d->r.via));
	d->r.via_port = u.port;
	explicit_bzero(&u, sizeof(u));
	return (NULL);
}

/* Whom the system trusts, if nothing else was said. */
static const char *
default_ca(struct conf_derp *d)
{
	const char	*path = getenv("SSL_CERT_FILE");
	size_t		 i;

	if (path != NULL)
		return (derp_ca(d, path));
	for (i = 0; i < sizeof(ca_files) / sizeof(ca_files[0]); i++) {
		d->ca_fd = open(ca_files[i], O_RDONLY | O_CLOEXEC |
		    O_NONBLOCK);
		if (d->ca_fd != -1 && has_certificate(d->ca_fd))
			return (NULL);
		if (d->ca_fd != -1)
			close(d->ca_fd);
		d->ca_fd = -1;
	}
	return ("this system has no file of trusted certificates; \"ca\", "
	    "or \"pin\" of a relay, says whom to trust");
}

const char *
derp_check(struct config *c)
{
	struct conf_derp	*d, *first = NULL;
	const char		*why, *path = getenv("SSL_CERT_FILE");
	size_t			 i;

	/* a reload may be the first to need one of them */
	if (derp_needed(c)) {
		if (path != NULL)
			lex_note_path(path);
		for (i = 0; i < sizeof(ca_files) / sizeof(ca_files[0]); i++)
			lex_note_path(ca_files[i]);
	}
	TAILQ_FOREACH(d, &c->derps, entry) {
		if (d->has_key && first == NULL)
			first = d;
		if (!d->has_key) {
			if (first == NULL)
				return ("derp: \"key file\" is missing");
			memcpy(d->r.key, first->r.key, KEY_LEN);
		}
		if (!d->r.tls && (d->r.pinned || d->ca_file != NULL))
			return ("derp: http:// has no certificate to check");
		if (d->r.tls && d->ca_fd == -1 && !d->r.pinned &&
		    (why = default_ca(d)) != NULL)
			return (why);
	}
	if (c->dot != NULL && c->ndot == 0)
		return ("dns ca: no upstream has a name, and so TLS");
	if (c->ndot > 0 && (d = derp_dot(c))->ca_fd == -1)
		return (default_ca(d));
	return (NULL);
}

/* Is the engine needed that speaks TLS? */
int
derp_needed(const struct config *c)
{
	return (!TAILQ_EMPTY(&c->derps) || c->ndot > 0);
}

/* Whom TLS of names trusts. */
struct conf_derp *
derp_dot(struct config *c)
{
	if (c->dot == NULL) {
		if ((c->dot = calloc(1, sizeof(*c->dot))) == NULL)
			fatal(NULL);
		c->dot->ca_fd = -1;
	}
	return (c->dot);
}
