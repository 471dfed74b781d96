/* SPDX-License-Identifier: ISC */

/*
 * The way back: a wg-quick(8) file from a configuration of wgslirpd, the
 * server's, or that of one of its peers.  The daemon knows whether the file is
 * right; here statements are taken apart into words, and those that wg-quick
 * does not know become comments.
 */

#include <sys/types.h>

#include <ctype.h>
#include <err.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "convert.h"
#include "keypair.h"
#include "keys.h"

#define WORD_LEN	1024
#define MAX_WORDS	256		/* of a statement */
#define MAX_DEPTH	8		/* files that include files */
#define MAX_MACROS	256

struct text {
	char	*s;
	size_t	 len;
	FILE	*f;
};

/* A file that is being read. */
struct source {
	const char	*path;
	FILE		*f;
	int		 line;
	int		 depth;
};

static struct {
	char		*word[MAX_WORDS];	/* of a statement */
	int		 n;
	struct {
		char	*name, *value;
	}		 macro[MAX_MACROS];
	int		 nmacros;
	const char	*only;		/* the peer whose file is made, or NULL */
	struct text	 interface;	/* lines of [Interface] */
	struct text	 peers;
	struct text	 other;		/* what wg-quick does not know */
	int		 in_peer;
	int		 this_peer;	/* it is that one */
	int		 found;
	char		 aips[WORD_LEN * 4];	/* of that peer */
	char		 psk[KEY_B64LEN];
	char		 gateway[WORD_LEN * 2];	/* its addresses, for names */
	int		 dns, has_key, mtu;
	uint8_t		 key[KEY_LEN];
	char		 host[WORD_LEN];	/* public endpoint */
	char		 public_port[8];
	char		 port[8];
} rv;

static void	 bad(const struct source *, const char *, ...)
		    __attribute__((__noreturn__, __format__(printf, 2, 3)));

static void
bad(const struct source *s, const char *fmt, ...)
{
	va_list	 ap;
	char	 msg[256];

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	errx(1, "%s:%d: %s", s->path, s->line, msg);
}

/* The value of a macro, "name" without its dollar. */
static const char *
macro(const struct source *s, const char *name)
{
	int	 i;

	for (i = rv.nmacros - 1; i >= 0; i--)
		if (strcmp(rv.macro[i].name, name) == 0)
			return (rv.macro[i].value);
	bad(s, "macro \"%s\" not defined", name);
}

static void
add_word(const struct source *s, const char *w)
{
	if (rv.n == MAX_WORDS)
		bad(s, "statement too long");
	if ((rv.word[rv.n++] = strdup(w)) == NULL)
		err(1, NULL);
}

static void
drop_words(void)
{
	while (rv.n > 0) {
		rv.n--;
		freezero(rv.word[rv.n], strlen(rv.word[rv.n]));
	}
}

/* A word in quotes, of either kind, where a backslash keeps what follows. */
static void
quoted(struct source *s, int end, char *w)
{
	size_t	 n = 0;
	int	 c;

	while ((c = getc(s->f)) != end) {
		if (c == '\\')
			c = getc(s->f);
		if (c == EOF || c == '\n' || n == WORD_LEN - 1)
			bad(s, "a quote without its end");
		w[n++] = (char)c;
	}
	w[n] = '\0';
}

/*
 * The next word: "{", "}", "=" and "\n" are words of their own, commas are
 * nothing.  0 at the end of the file.
 */
static int
next_word(struct source *s, char w[WORD_LEN], int *plain)
{
	size_t	 n = 0;
	int	 c;

	*plain = 1;
	for (;;) {
		c = getc(s->f);
		if (c == '#')
			while ((c = getc(s->f)) != '\n' && c != EOF)
				continue;
		if (c == '\\' && (c = getc(s->f)) == '\n') {
			s->line++;
			continue;
		}
		if (c == EOF)
			return (0);
		if (c == ' ' || c == '\t' || c == '\r' || c == ',')
			continue;
		break;
	}
	if (c == '"' || c == '\'') {
		*plain = 0;
		quoted(s, c, w);
		return (1);
	}
	for (; c != EOF && strchr(" \t\r\n,#{}=\"'", c) == NULL;
	    c = getc(s->f)) {
		if (n == WORD_LEN - 1)
			bad(s, "word too long");
		w[n++] = (char)c;
	}
	if (n > 0)
		ungetc(c, s->f);
	else
		w[n++] = (char)c;
	w[n] = '\0';
	return (1);
}

static int
is(int i, const char *w)
{
	return (i < rv.n && strcmp(rv.word[i], w) == 0);
}

static int
begins(const char *a, const char *b)
{
	return (is(0, a) && (b == NULL || is(1, b)));
}

/* Words from the i-th on, with a text between. */
static void
join(char *out, size_t len, int i, const char *between)
{
	for (; i < rv.n; i++) {
		if (out[0] != '\0')
			strlcat(out, between, len);
		strlcat(out, rv.word[i], len);
	}
}

static void
remember(const struct source *s)
{
	char	 line[WORD_LEN * 4] = "";

	join(line, sizeof(line), 0, " ");
	fprintf(rv.other.f, "# %s:%d: %s\n", s->path, s->line, line);
}

/* The first word of a file, which is a key. */
static void
key_of(const struct source *s, const char *path, char out[KEY_B64LEN])
{
	uint8_t	 key[KEY_LEN];
	FILE	*f;

	if ((f = fopen(path, "r")) == NULL)
		err(1, "%s", path);
	if (fscanf(f, "%44s", out) != 1 || key_from_base64(key, out) == -1)
		bad(s, "%s does not hold a key", path);
	explicit_bzero(key, sizeof(key));
	fclose(f);
}

/* "key K" or "key file F", from the i-th word on. */
static void
take_key(const struct source *s, int i, char out[KEY_B64LEN])
{
	uint8_t	 key[KEY_LEN];

	if (is(i, "file") && i + 1 < rv.n)
		key_of(s, rv.word[i + 1], out);
	else if (i >= rv.n || key_from_base64(key, rv.word[i]) == -1 ||
	    strlcpy(out, rv.word[i], KEY_B64LEN) >= KEY_B64LEN)
		bad(s, "not a key");
}

/* "10.77.0.1/24": an address of the gateway in its network. */
static void
take_address(const struct source *s, const char *w)
{
	struct ipprefix	 p;
	char		 buf[ADDR_STRLEN];

	if (ipprefix_parse(&p, w) == -1)
		bad(s, "%s: not an address/length", w);
	fprintf(rv.interface.f, "Address = %s\n", w);
	if (rv.gateway[0] != '\0')
		strlcat(rv.gateway, ", ", sizeof(rv.gateway));
	strlcat(rv.gateway, ipaddr_str(&p.addr, buf, sizeof(buf)),
	    sizeof(rv.gateway));
}

static void	 read_file(const char *, int);

static void
include(const struct source *s)
{
	char	 path[WORD_LEN * 2];
	char	*slash = strrchr(s->path, '/');
	glob_t	 g;
	size_t	 i;

	if (s->depth == MAX_DEPTH)
		bad(s, "too many files that include files");
	if (rv.word[1][0] == '/' || slash == NULL)
		strlcpy(path, rv.word[1], sizeof(path));
	else
		snprintf(path, sizeof(path), "%.*s/%s",
		    (int)(slash - s->path), s->path, rv.word[1]);
	drop_words();
	if (glob(path, 0, NULL, &g) != 0) {
		if (strpbrk(path, "*?[") == NULL)
			bad(s, "%s: no such file", path);
		return;
	}
	for (i = 0; i < g.gl_pathc; i++)
		read_file(g.gl_pathv[i], s->depth + 1);
	globfree(&g);
}

/* Does the i-th word begin a statement that wg-quick knows? */
static int
known(int i)
{
	return ((is(i, "public") && is(i + 1, "key")) ||
	    (is(i, "preshared") && is(i + 1, "key")) ||
	    (is(i, "allowed") && is(i + 1, "ips")) ||
	    (is(i, "persistent") && is(i + 1, "keepalive")) ||
	    is(i, "endpoint"));
}

static void
peer_endpoint(const struct source *s, int i, int end)
{
	const char	*host = rv.word[i + 1], *colon = strrchr(host, ':');

	if (end - i == 2 && colon != NULL && (host[0] == '[' ?
	    colon[-1] == ']' : strchr(host, ':') == colon))
		fprintf(rv.peers.f, "Endpoint = %s\n", host);
	else if (end - i == 2 || (end - i == 4 && is(i + 2, "port")))
		fprintf(rv.peers.f, host[0] != '[' && colon != NULL ?
		    "Endpoint = [%s]:%s\n" : "Endpoint = %s:%s\n", host,
		    end - i == 4 ? rv.word[i + 3] : "51820");
	else
		bad(s, "endpoint: not a host and a port");
}

/* One statement of a peer, the words from i to before end. */
static void
peer_statement(const struct source *s, int i, int end)
{
	char	 text[WORD_LEN * 4] = "", key[KEY_B64LEN];
	int	 all = rv.n;

	rv.n = end;
	if (is(i, "public") && known(i)) {
		if (end - i != 3)
			bad(s, "public key: not one word");
		fprintf(rv.peers.f, "PublicKey = %s\n", rv.word[i + 2]);
	} else if (is(i, "preshared") && known(i)) {
		if (end - i > 4)
			bad(s, "preshared key: more than one word");
		take_key(s, i + 2, key);
		fprintf(rv.peers.f, "PresharedKey = %s\n", key);
		if (rv.this_peer)
			strlcpy(rv.psk, key, sizeof(rv.psk));
		explicit_bzero(key, sizeof(key));
	} else if (is(i, "allowed") && known(i)) {
		join(text, sizeof(text), i + 2, ", ");
		fprintf(rv.peers.f, "AllowedIPs = %s\n", text);
		if (rv.this_peer)
			strlcpy(rv.aips, text, sizeof(rv.aips));
	} else if (is(i, "endpoint"))
		peer_endpoint(s, i, end);
	else if (is(i, "persistent") && known(i)) {
		if (end - i != 3)
			bad(s, "persistent keepalive: not one number");
		fprintf(rv.peers.f, "PersistentKeepalive = %s\n",
		    rv.word[i + 2]);
	} else {
		join(text, sizeof(text), i, " ");
		fprintf(rv.peers.f, "# %s\n", text);
	}
	rv.n = all;
}

/*
 * Statements of a peer may stand in one line.  Those of addresses end where
 * something else than an address comes, the others where one begins that is
 * known.
 */
static void
of_peer(const struct source *s)
{
	int	 i = 0, end;

	while (i < rv.n) {
		end = i + (known(i) ? 2 : 1);
		if (is(i, "allowed") && known(i))
			while (end < rv.n &&
			    strpbrk(rv.word[end], "/:.") != NULL)
				end++;
		else if (is(i, "public") || is(i, "persistent"))
			end += end < rv.n;
		else if (is(i, "preshared"))
			end += is(end, "file") ? 2 : 1;
		else if (is(i, "endpoint"))
			end = is(i + 2, "port") ? i + 4 : i + 2;
		else
			while (end < rv.n && !known(end))
				end++;
		if (end > rv.n)
			bad(s, "%s: what?", rv.word[i]);
		peer_statement(s, i, end);
		i = end;
	}
}

static void
of_gateway(const struct source *s)
{
	char	 key[KEY_B64LEN];
	int	 i;

	if (begins("private", "key")) {
		take_key(s, 2, key);
		rv.has_key = key_from_base64(rv.key, key) == 0;
		fprintf(rv.interface.f, "PrivateKey = %s\n", key);
		explicit_bzero(key, sizeof(key));
	} else if (begins("address", NULL))
		for (i = 1; i < rv.n; i++)
			take_address(s, rv.word[i]);
	else if (begins("listen", "on") && rv.n >= 3) {
		if (rv.port[0] == '\0') {
			strlcpy(rv.port, rv.n > 4 ? rv.word[4] : "51820",
			    sizeof(rv.port));
			fprintf(rv.interface.f, "ListenPort = %s\n",
			    rv.port);
		} else
			remember(s);
	} else if (begins("mtu", NULL) && rv.n == 2) {
		rv.mtu = atoi(rv.word[1]);
		fprintf(rv.interface.f, "MTU = %s\n", rv.word[1]);
	} else {
		if (begins("dns", "listen"))
			rv.dns = 1;
		if (begins("public", "endpoint") && rv.n >= 3) {
			strlcpy(rv.host, rv.word[2], sizeof(rv.host));
			strlcpy(rv.public_port, rv.n > 4 ? rv.word[4] : "",
			    sizeof(rv.public_port));
		}
		remember(s);
	}
}

static void
statement(struct source *s)
{
	if (rv.n == 0)
		return;
	if (rv.in_peer)
		of_peer(s);
	else if (is(0, "include") && rv.n == 2) {
		include(s);
		return;
	} else
		of_gateway(s);
	drop_words();
}

static void
define(struct source *s, const char *value)
{
	if (rv.nmacros == MAX_MACROS)
		bad(s, "too many macros");
	rv.macro[rv.nmacros].name = strdup(rv.word[0]);
	rv.macro[rv.nmacros].value = strdup(value);
	if (rv.macro[rv.nmacros].name == NULL ||
	    rv.macro[rv.nmacros].value == NULL)
		err(1, NULL);
	rv.nmacros++;
	drop_words();
}

static void
begin_peer(struct source *s)
{
	if (rv.in_peer)
		bad(s, "a peer within a peer");
	rv.in_peer = 1;
	rv.this_peer = rv.only != NULL && strcmp(rv.only, rv.word[1]) == 0;
	rv.found |= rv.this_peer;
	fprintf(rv.peers.f, "\n[Peer]\n# Name = %s\n", rv.word[1]);
	drop_words();
}

static void
read_file(const char *path, int depth)
{
	struct source	 s = { path, NULL, 1, depth };
	char		 w[WORD_LEN];
	int		 plain, braces = 0, defining = 0;

	if ((s.f = fopen(path, "r")) == NULL)
		err(1, "%s", path);
	while (next_word(&s, w, &plain)) {
		if (plain && strcmp(w, "\n") == 0) {
			if (defining)
				bad(&s, "a macro without its value");
			if (braces == 0)
				statement(&s);
			s.line++;
		} else if (plain && strcmp(w, "{") == 0) {
			if (is(0, "peer") && rv.n == 2)
				begin_peer(&s);
			else if (is(0, "peer") && braces == 0)
				bad(&s, "a peer without one name");
			else
				braces++;
		} else if (plain && strcmp(w, "}") == 0) {
			if (braces > 0)
				braces--;
			else if (rv.in_peer) {
				statement(&s);
				rv.in_peer = rv.this_peer = 0;
			} else
				bad(&s, "a brace that closes nothing");
		} else if (plain && strcmp(w, "=") == 0 && rv.n == 1)
			defining = 1;
		else if (defining) {
			define(&s, w);
			defining = 0;
		} else
			add_word(&s, plain && w[0] == '$' ?
			    macro(&s, w + 1) : w);
	}
	statement(&s);
	if (ferror(s.f))
		err(1, "%s", path);
	fclose(s.f);
	explicit_bzero(w, sizeof(w));
}

static void
open_text(struct text *t)
{
	if ((t->f = open_memstream(&t->s, &t->len)) == NULL)
		err(1, NULL);
}

static void
close_text(struct text *t)
{
	if (fclose(t->f) == EOF)
		err(1, NULL);
}

/* What the peer itself needs. */
static void
print_client(void)
{
	uint8_t	 public[KEY_LEN];
	char	 key[KEY_B64LEN];

	key_derive(public, rv.key);
	key_to_base64(key, public);
	printf("[Interface]\n# PrivateKey = (the peer's own)\nAddress = %s\n",
	    rv.aips);
	if (rv.dns)
		printf("DNS = %s\n", rv.gateway);
	if (rv.mtu != 0)
		printf("MTU = %d\n", rv.mtu);
	printf("\n[Peer]\nPublicKey = %s\n", key);
	if (rv.psk[0] != '\0')
		printf("PresharedKey = %s\n", rv.psk);
	printf("AllowedIPs = 0.0.0.0/0, ::/0\n");
	if (rv.host[0] == '\0')
		printf("# Endpoint = (this host):%s\n", rv.port);
	else
		printf(strchr(rv.host, ':') != NULL ?
		    "Endpoint = [%s]:%s\n" : "Endpoint = %s:%s\n", rv.host,
		    rv.public_port[0] != '\0' ? rv.public_port : rv.port);
	printf("PersistentKeepalive = 25\n");
}

void
convert_back(const char *file, const char *name)
{
	rv.only = name;
	open_text(&rv.interface);
	open_text(&rv.peers);
	open_text(&rv.other);
	read_file(file, 0);
	if (rv.in_peer)
		errx(1, "%s: a peer without its end", file);
	if (!rv.has_key)
		errx(1, "%s: no private key", file);
	close_text(&rv.interface);
	close_text(&rv.peers);
	close_text(&rv.other);
	if (rv.port[0] == '\0')
		strlcpy(rv.port, "51820", sizeof(rv.port));
	if (name != NULL && !rv.found)
		errx(1, "%s: no peer \"%s\"", file, name);
	if (name != NULL)
		print_client();
	else {
		if (rv.other.len > 0)
			printf("# not known to wg-quick:\n%s", rv.other.s);
		printf("[Interface]\n%s%s", rv.interface.s, rv.peers.s);
	}
	if (fflush(stdout) == EOF)
		err(1, "standard output");
	explicit_bzero(rv.key, sizeof(rv.key));
	freezero(rv.interface.s, rv.interface.len);
	freezero(rv.peers.s, rv.peers.len);
	free(rv.other.s);
}
