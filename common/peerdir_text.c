/* SPDX-License-Identifier: ISC */

/* What stands in a peer's file, and in its client's. */

#include <sys/types.h>
#include <sys/socket.h>

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keypair.h"
#include "peerdir_text.h"

void
pd_text_free(struct text *t)
{
	freezero(t->s, t->len);
	t->s = NULL;
	t->len = 0;
}

static int
text_add(struct text *t, const char *s)
{
	size_t	 n = strlen(s), old = t->len > 0 ? t->len : 1;
	char	*new;

	new = recallocarray(t->s, t->len, old + n, 1);
	if (new == NULL)
		return (-1);
	memcpy(new + old - 1, s, n + 1);
	t->s = new;
	t->len = old + n;
	return (0);
}

static void __attribute__((__format__(printf, 2, 3)))
add(struct text *t, const char *fmt, ...)
{
	char	*line;
	va_list	 ap;
	int	 n;

	if (t->len == SIZE_MAX)
		return;		/* a part of it is missing already */
	va_start(ap, fmt);
	n = vasprintf(&line, fmt, ap);
	va_end(ap);
	if (n == -1 || text_add(t, line) == -1) {
		pd_text_free(t);
		t->len = SIZE_MAX;
	}
	if (n != -1)
		freezero(line, (size_t)n);
}

/* Is all of it there? */
static int
text_ok(struct peerdir *p, struct text *t)
{
	if (t->len != SIZE_MAX && t->s != NULL)
		return (0);
	t->len = 0;
	return (pd_fail(p, "out of memory"));
}

/* The address by which this host would go out; where no one was told. */
static int
guess_host(char *buf, size_t len)
{
	static const char *const	 out[] = { "192.0.2.1",
					    "2001:db8::1" };
	struct sockaddr_storage		 ss;
	struct ipaddr			 a;
	socklen_t			 n;
	size_t				 i;
	int				 fd;

	for (i = 0; i < 2; i++) {
		ipaddr_parse(&a, out[i]);
		n = sa_make(&ss, &a, 9);
		if ((fd = socket(ss.ss_family, SOCK_DGRAM, 0)) == -1)
			continue;
		/* nothing is sent by that */
		if (connect(fd, (struct sockaddr *)&ss, n) == 0 &&
		    (n = sizeof(ss), getsockname(fd, (struct sockaddr *)&ss,
		    &n)) == 0 && ipaddr_from_sa(&a, (struct sockaddr *)&ss) ==
		    0) {
			ipaddr_str(&a, buf, len);
			close(fd);
			return (0);
		}
		close(fd);
	}
	return (-1);
}

/* Where clients come to, as their files have it. */
static int
endpoint(struct peerdir *p, const struct peer_wish *w, char *buf, size_t len)
{
	char		 host[CTL_TEXT_LEN], text[CTL_TEXT_LEN];
	struct ipaddr	 a;
	uint16_t	 port = p->setup.public_port != 0 ?
			    p->setup.public_port : p->setup.port;

	if (p->setup.public_host[0] != '\0')
		strlcpy(host, p->setup.public_host, sizeof(host));
	else if (w->host != NULL)
		strlcpy(host, w->host, sizeof(host));
	else if (p->given || guess_host(host, sizeof(host)) == -1)
		return (pd_fail(p, "say how clients reach this host, by "
		    "\"public endpoint\" in %.120s", p->setup.config));
	else {
		snprintf(text, sizeof(text), "clients are told to come to "
		    "%.100s; if they cannot, set \"public endpoint\" in "
		    "%.60s", host, p->setup.config);
		p->d.warn(p->d.arg, text);
	}
	if (ipaddr_parse(&a, host) == 0)
		ipport_str(&a, port, buf, len);
	else
		snprintf(buf, len, "%s:%u", host, port);
	return (0);
}

static void
put_prefixes(struct text *t, const struct peer_wish *w, const char *sep)
{
	char	 buf[ADDR_STRLEN];
	int	 i;

	for (i = 0; i < w->naips; i++)
		add(t, "%s%s", i > 0 ? sep : "", ipprefix_str(&w->aip[i], buf,
		    sizeof(buf)));
}

/* What a peer's file says of it, besides who it is. */
static const struct {
	const char	*word;		/* as the line begins */
	const char	*none;		/* takes it away */
	size_t		 off;		/* in the wish */
	int		 quoted;
}			 lines[] = {
	{ "expires", "never", offsetof(struct peer_wish, expires), 1 },
	{ "quota", "none", offsetof(struct peer_wish, quota), 0 },
	{ "rate in", "none", offsetof(struct peer_wish, rate_in), 0 },
	{ "rate out", "none", offsetof(struct peer_wish, rate_out), 0 }
};
#define NLINES	(sizeof(lines) / sizeof(lines[0]))

static const char *
wished(const struct peer_wish *w, size_t i)
{
	return (*(const char *const *)(const void *)((const char *)w +
	    lines[i].off));
}

static void
put_line(struct text *t, const struct peer_wish *w, size_t i)
{
	const char	*v = wished(w, i), *q = lines[i].quoted ? "\"" : "";

	if (v != NULL && strcmp(v, lines[i].none) != 0)
		add(t, "\t%s %s%s%s\n", lines[i].word, q, v, q);
}

static void
server_text(struct text *t, const struct peer_wish *w, const char *public,
    const char *psk)
{
	size_t	 i;

	add(t, "# made by wgslirpctl peer new\npeer \"%s\" {\n"
	    "\tpublic key \"%s\"\n\tpreshared key \"%s\"\n"
	    "\tallowed ips { ", w->name, public, psk);
	put_prefixes(t, w, " ");
	add(t, " }\n");
	for (i = 0; i < NLINES; i++)
		put_line(t, w, i);
	add(t, "}\n");
}

static void
client_text(struct peerdir *p, struct text *t, const struct peer_wish *w,
    const char *end, const char *private, const char *psk)
{
	char	 key[KEY_B64LEN], buf[ADDR_STRLEN];
	int	 i, have[2] = { 0, 0 }, n = 0;

	key_to_base64(key, p->summary.public_key);
	add(t, "[Interface]\nPrivateKey = %s\nAddress = ", private);
	put_prefixes(t, w, ", ");
	for (i = 0; p->setup.dns && i < p->setup.naddrs; i++)
		if (!have[p->setup.addr[i].addr.af == 6]++)
			add(t, "%s%s", n++ == 0 ? "\nDNS = " : ", ",
			    ipaddr_str(&p->setup.addr[i].addr, buf,
			    sizeof(buf)));
	add(t, "\nMTU = %u\n\n[Peer]\nPublicKey = %s\nPresharedKey = %s\n"
	    "AllowedIPs = 0.0.0.0/0, ::/0\nEndpoint = %s\n"
	    "PersistentKeepalive = 25\n", p->setup.mtu, key, psk, end);
}

/* Both texts, with new keys. */
int
pd_make_texts(struct peerdir *p, const struct peer_wish *w, struct text *server,
    struct text *client)
{
	uint8_t	 private[KEY_LEN], public[KEY_LEN], psk[KEY_LEN];
	char	 b64[3][KEY_B64LEN], end[CTL_TEXT_LEN + 16];
	int	 r;

	if (endpoint(p, w, end, sizeof(end)) == -1)
		return (-1);
	key_make(private, 0);
	key_make(psk, 1);
	if (key_derive(public, private) == -1)
		return (pd_fail(p, "X25519 is not available"));
	key_to_base64(b64[0], private);
	key_to_base64(b64[1], public);
	key_to_base64(b64[2], psk);
	server_text(server, w, b64[1], b64[2]);
	client_text(p, client, w, end, b64[0], b64[2]);
	r = text_ok(p, server) == -1 || text_ok(p, client) == -1 ? -1 : 0;
	explicit_bzero(private, sizeof(private));
	explicit_bzero(psk, sizeof(psk));
	explicit_bzero(b64, sizeof(b64));
	return (r);
}

/* Where a line begins with this, or NULL. */
static const char *
find_line(const char *text, const char *head)
{
	size_t	 n = strlen(head);

	for (; *text != '\0'; text += *text == '\n') {
		if (strncmp(text + strspn(text, " \t"), head, n) == 0)
			return (text + strspn(text, " \t"));
		text += strcspn(text, "\n");
	}
	return (NULL);
}

/* Does a line begin with these words, whatever stands between them? */
static int
begins(const char *line, const char *words)
{
	line += strspn(line, " \t");
	for (; *words != '\0'; words++) {
		if (*words == ' ') {
			if (*line != ' ' && *line != '\t')
				return (0);
			line += strspn(line, " \t");
		} else if (*words != *line++)
			return (0);
	}
	return (*line == ' ' || *line == '\t');
}

/*
 * The same file with other values: a line that is wished is left out, and
 * stands anew before the brace that ends the peer.  Only a file with one peer
 * and a brace in a line of its own is understood.
 */
int
pd_other_values(struct peerdir *p, const struct peer_wish *w, const char *text,
    struct text *t)
{
	const char	*s, *end;
	size_t		 i;
	int		 peers = 0, done = 0;

	for (s = text; *s != '\0'; s = end) {
		end = s + strcspn(s, "\n");
		end += *end == '\n';
		peers += begins(s, "peer");
		for (i = 0; i < NLINES; i++)
			if (wished(w, i) != NULL && begins(s, lines[i].word))
				break;
		if (i < NLINES)
			continue;
		if (*s == '}' && !done++)
			for (i = 0; i < NLINES; i++)
				put_line(t, w, i);
		add(t, "%.*s", (int)(end - s), s);
	}
	if (peers != 1 || done != 1)
		return (pd_fail(p, "the file of \"%s\" is not as \"peer new\" "
		    "makes it: change it by hand", w->name));
	return (text_ok(p, t));
}

int
pd_other_name(struct peerdir *p, const char *file, const char *text,
    const char *old, const char *new, struct text *t)
{
	const char	*at;
	char		 head[CTL_NAME_LEN + 16];

	snprintf(head, sizeof(head), "peer \"%s\"", old);
	if ((at = find_line(text, head)) == NULL)
		return (pd_fail(p, "%s: it does not say %s", file, head));
	add(t, "%.*speer \"%s\"%s", (int)(at - text), text, new,
	    at + strlen(head));
	return (text_ok(p, t));
}
