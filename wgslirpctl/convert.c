/* SPDX-License-Identifier: ISC */

/*
 * Turn a wg-quick(8) file into a wgslirpd.conf(5), on standard output, all of
 * it or nothing.  What has no meaning for a gateway without an interface
 * becomes a comment; what cannot be understood is an error, with its line.
 * A file of a client becomes a peer of which the gateway is a client.
 */

#include <sys/types.h>

#include <ctype.h>
#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "convert.h"
#include "key.h"

#define LINE_LEN	8192
#define NAME_LEN	64

enum section {
	SECTION_NONE,
	SECTION_INTERFACE,
	SECTION_PEER
};

/*
 * Names are in comments, of which nobody has said where they stand.  One that
 * is followed by [Peer] is of that peer, one that is followed by a key, or by
 * an empty line where it has no other peer to be of, of its own section.
 */
static struct {
	const char	*path;
	int		 line;
	FILE		*out;
	int		 npeers, begun;	/* begun: a [Peer] has no end yet */
	int		 interface, key, public;	/* what was there */
	char		 comment[NAME_LEN];	/* since the last key */
	int		 said;		/* it says that it is a name */
	int		 apart;		/* an empty line, since the last key */
	char		 name[NAME_LEN];	/* of the peer that has begun */
	int		 name_said;
	char		*body;			/* of that peer */
	size_t		 bodylen;
	FILE		*peer;
	char		**names;		/* of all peers until now */
	char		 addresses[LINE_LEN];
	char		 port[8];
	const char	*uplink;		/* what it is called, or NULL */
	char		 dns[LINE_LEN];		/* of that */
} cv;

static void	 bad(const char *, ...)
		    __attribute__((__noreturn__, __format__(printf, 1, 2)));

static void
bad(const char *fmt, ...)
{
	va_list	 ap;
	char	 msg[256];

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	errx(1, "%s:%d: %s", cv.path, cv.line, msg);
}

static char *
trim(char *s)
{
	char	*e;

	while (isspace((unsigned char)*s))
		s++;
	for (e = s + strlen(s); e > s && isspace((unsigned char)e[-1]); e--)
		continue;
	*e = '\0';
	return (s);
}

/* Is this a key that somebody has switched off? */
static int
is_key(const char *s)
{
	static const char *const	 keys[] = { "PublicKey",
	    "PresharedKey", "AllowedIPs", "Endpoint", "PersistentKeepalive",
	    "PrivateKey", "Address", "DNS", "ListenPort", "MTU", "PostUp",
	    "PostDown", "PreUp", "PreDown", "Table", "FwMark", "SaveConfig" };
	size_t				 i, n;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		n = strlen(keys[i]);
		if (strncasecmp(s, keys[i], n) == 0 &&
		    s[n + strspn(s + n, " \t")] == '=')
			return (1);
	}
	return (0);
}

/* Does a comment begin with this word?  What comes after it, or NULL. */
static char *
after_word(char *s, const char *word)
{
	size_t	 n = strlen(word);

	if (strncasecmp(s, word, n) != 0 ||
	    (!isspace((unsigned char)s[n]) && s[n] != '=' && s[n] != ':'))
		return (NULL);
	s += n;
	while (isspace((unsigned char)*s) || *s == '=' || *s == ':')
		s++;
	return (*s != '\0' ? s : NULL);
}

/*
 * Comments name peers: "# Name = phone", "# phone", "### Client phone",
 * "### begin phone ###".
 */
static void
note_comment(char *s)
{
	static const char *const	 words[] = { "Name", "friendly_name",
	    "friendly name", "Client", "begin", "BEGIN_PEER" };
	size_t				 i, n = 0;
	int				 said = 0;
	char				*p;

	while (*s == '#' || *s == ';' || isspace((unsigned char)*s))
		s++;
	for (p = s + strlen(s); p > s && (p[-1] == '#' ||
	    isspace((unsigned char)p[-1])); p--)
		continue;
	*p = '\0';
	if (is_key(s) || after_word(s, "end") != NULL ||
	    after_word(s, "END_PEER") != NULL || *s == '\0')
		return;
	for (i = 0; i < sizeof(words) / sizeof(words[0]) && !said; i++)
		if ((p = after_word(s, words[i])) != NULL) {
			s = p;
			said = 1;
		}
	/* what says that it is a name is one, whatever else is written */
	if (cv.said && !said)
		return;
	/* at the head of a section the first one, above it the last */
	if (cv.begun && !cv.public && !said && cv.comment[0] != '\0')
		return;
	cv.said = said;
	for (p = s; *p != '\0' && n < sizeof(cv.comment) - 1; p++)
		if (isprint((unsigned char)*p) && *p != '"' && *p != '\\')
			cv.comment[n++] = *p;
	cv.comment[n] = '\0';
}

/* The comment is of the section that it stands in, unless that has a name. */
static void
own_comment(void)
{
	if (cv.begun && (cv.name[0] == '\0' || (cv.said && !cv.name_said))) {
		strlcpy(cv.name, cv.comment, sizeof(cv.name));
		cv.name_said = cv.said;
	}
	cv.comment[0] = '\0';
	cv.said = 0;
}

static int
name_taken(const char *s)
{
	int	 i;

	for (i = 0; i < cv.npeers; i++)
		if (strcmp(cv.names[i], s) == 0)
			return (1);
	return (0);
}

/* The peer is complete: under a name that no other has. */
static void
end_peer(void)
{
	char	 name[NAME_LEN + 12];
	int	 i;

	if (!cv.begun)
		return;
	if (!cv.public)
		bad("a peer without a PublicKey before this line");
	if (cv.uplink != NULL) {
		if (cv.npeers++ > 0)
			bad("a second [Peer]: an uplink is one");
		if (fclose(cv.peer) == EOF)
			err(1, NULL);
		cv.begun = cv.public = 0;
		return;
	}
	if (cv.name[0] == '\0')
		snprintf(cv.name, sizeof(cv.name), "peer%d", cv.npeers + 1);
	strlcpy(name, cv.name, sizeof(name));
	for (i = 2; name_taken(name); i++)
		snprintf(name, sizeof(name), "%.*s %d", NAME_LEN - 12, cv.name,
		    i);
	if ((cv.names = reallocarray(cv.names, (size_t)cv.npeers + 1,
	    sizeof(*cv.names))) == NULL ||
	    (cv.names[cv.npeers++] = strdup(name)) == NULL ||
	    fclose(cv.peer) == EOF)
		err(1, NULL);
	fprintf(cv.out, "\npeer \"%s\" {\n%s}\n", name, cv.body);
	freezero(cv.body, cv.bodylen);
	cv.body = NULL;
	cv.begun = cv.public = 0;
}

static void
put_key(FILE *f, const char *what, const char *v)
{
	uint8_t	 key[KEY_LEN];

	if (key_from_base64(key, v) == -1)
		bad("%s: not a key", what);
	explicit_bzero(key, sizeof(key));
	fprintf(f, "%s \"%s\"\n", what, v);
}

/* Check a list of prefixes and print it with spaces between. */
static void
put_prefixes(FILE *f, const char *what, char *v)
{
	struct ipprefix	 p;
	char		*item;

	while ((item = strsep(&v, ",")) != NULL) {
		item = trim(item);
		if (*item == '\0')
			continue;
		if (ipprefix_parse(&p, item) == -1)
			bad("%s: \"%s\" is not an address/length", what,
			    item);
		fprintf(f, " %s", item);
	}
}

static void
put_endpoint(char *v)
{
	uint16_t	 n;
	char		*colon = strrchr(v, ':');

	if (colon == NULL || port_parse(colon + 1, &n) == -1)
		bad("Endpoint: not host:port");
	*colon = '\0';
	if (v[0] == '[' && colon > v + 1 && colon[-1] == ']') {
		colon[-1] = '\0';
		v++;
	}
	fprintf(cv.peer, "\tendpoint \"%s\" port %u\n", v, n);
}

static int
number(const char *what, const char *v, int lo, int hi)
{
	const char	*errstr;
	int		 n;

	n = (int)strtonum(v, lo, hi, &errstr);
	if (errstr != NULL)
		bad("%s: must be from %d to %d", what, lo, hi);
	return (n);
}

/* Resolvers, without the domains that may stand among them. */
static void
put_resolvers(char *v)
{
	struct ipaddr	 a;
	char		*item;

	while ((item = strsep(&v, ",")) != NULL) {
		item = trim(item);
		if (ipaddr_parse(&a, item) == -1) {
			fprintf(cv.out, "\t# not converted: DNS = %s\n", item);
			continue;
		}
		strlcat(cv.dns, " ", sizeof(cv.dns));
		strlcat(cv.dns, item, sizeof(cv.dns));
	}
}

static void
interface_key(const char *k, char *v)
{
	FILE	*f;

	if (cv.uplink != NULL && strcasecmp(k, "DNS") == 0)
		put_resolvers(v);
	else if (cv.uplink != NULL && (strcasecmp(k, "MTU") == 0 ||
	    strcasecmp(k, "ListenPort") == 0))
		fprintf(cv.out, "\t# the gateway's is taken: %s = %s\n", k,
		    v);
	else if (strcasecmp(k, "PrivateKey") == 0) {
		put_key(cv.out, cv.uplink != NULL ? "\tprivate key" :
		    "private key", v);
		cv.key = 1;
	} else if (strcasecmp(k, "ListenPort") == 0)
		snprintf(cv.port, sizeof(cv.port), "%d", number(k, v, 1,
		    65535));
	else if (strcasecmp(k, "MTU") == 0)
		fprintf(cv.out, "mtu %d\n", number(k, v, 576, 1800));
	else if (strcasecmp(k, "Address") == 0) {
		if ((f = fmemopen(cv.addresses + strlen(cv.addresses),
		    sizeof(cv.addresses) - strlen(cv.addresses), "w")) == NULL)
			err(1, "memory");
		put_prefixes(f, k, v);
		fclose(f);
	} else
		fprintf(cv.out, "%s# not converted: %s = %s\n",
		    cv.uplink != NULL ? "\t" : "", k, v);
}

static void
peer_key(const char *k, char *v)
{
	if (strcasecmp(k, "PublicKey") == 0) {
		if (cv.public)
			bad("a second PublicKey in a section");
		put_key(cv.peer, "\tpublic key", v);
		cv.public = 1;
	} else if (strcasecmp(k, "PresharedKey") == 0)
		put_key(cv.peer, "\tpreshared key", v);
	else if (strcasecmp(k, "AllowedIPs") == 0) {
		fprintf(cv.peer, "\tallowed ips {");
		put_prefixes(cv.peer, k, v);
		fprintf(cv.peer, " }\n");
	} else if (strcasecmp(k, "Endpoint") == 0)
		put_endpoint(v);
	else if (strcasecmp(k, "PersistentKeepalive") == 0)
		fprintf(cv.peer, "\tpersistent keepalive %d\n",
		    strcasecmp(v, "off") == 0 ? 0 : number(k, v, 0, 65535));
	else
		fprintf(cv.peer, "\t# not converted: %s = %s\n", k, v);
}

static enum section
open_section(const char *s)
{
	end_peer();
	if (strcasecmp(s, "[Interface]") == 0) {
		if (cv.interface++)
			bad("a second [Interface]");
		cv.comment[0] = '\0';
		cv.said = 0;
		return (SECTION_INTERFACE);
	}
	if (strcasecmp(s, "[Peer]") != 0)
		bad("unknown section");
	if ((cv.peer = open_memstream(&cv.body, &cv.bodylen)) == NULL)
		err(1, NULL);
	cv.begun = 1;
	cv.apart = 0;
	strlcpy(cv.name, cv.comment, sizeof(cv.name));
	cv.name_said = cv.said;
	cv.comment[0] = '\0';
	cv.said = 0;
	return (SECTION_PEER);
}

static enum section
convert_line(enum section section, char *s)
{
	char	*eq;

	if (*s == '#' || *s == ';') {
		note_comment(s);
		return (section);
	}
	if (*s == '\0') {
		if (cv.begun && !cv.apart && cv.name[0] == '\0')
			own_comment();
		cv.apart = 1;
		return (section);
	}
	if ((eq = strchr(s, '#')) != NULL) {
		*eq = '\0';
		s = trim(s);
	}
	if (*s == '[')
		return (open_section(s));
	if ((eq = strchr(s, '=')) == NULL || section == SECTION_NONE)
		bad("not \"key = value\" in a section");
	*eq = '\0';
	own_comment();
	cv.apart = 0;
	if (section == SECTION_INTERFACE)
		interface_key(trim(s), trim(eq + 1));
	else
		peer_key(trim(s), trim(eq + 1));
	return (section);
}

/* The peer that this side is a client of. */
static void
put_uplink(void)
{
	if (cv.npeers == 0 || cv.addresses[0] == '\0')
		bad(cv.npeers == 0 ? "no [Peer] until here" :
		    "no Address in an [Interface] until here");
	fprintf(cv.out, "\taddress {%s }\n", cv.addresses);
	if (cv.dns[0] != '\0')
		fprintf(cv.out, "\tdns {%s }\n", cv.dns);
	fprintf(cv.out, "%s}\n", cv.body);
	freezero(cv.body, cv.bodylen);
}

/* Convert the file, or "-", to standard output, or exit with what is wrong. */
void
convert(const char *file, const char *uplink)
{
	static char	 line[LINE_LEN];
	enum section	 section = SECTION_NONE;
	char		*text = NULL, *s;
	size_t		 len;
	FILE		*f = stdin;

	cv.path = strcmp(file, "-") == 0 ? "standard input" : file;
	if (strcmp(file, "-") != 0 && (f = fopen(file, "r")) == NULL)
		err(1, "%s", file);
	if ((cv.out = open_memstream(&text, &len)) == NULL)
		err(1, NULL);
	fprintf(cv.out, "# made from a wg-quick file; keep it private\n");
	if ((cv.uplink = uplink) != NULL) {
		if (*uplink == '\0' || strlen(uplink) >= NAME_LEN ||
		    strpbrk(uplink, "\"\\\n") != NULL)
			errx(1, "not a name for a peer");
		fprintf(cv.out, "peer \"%s\" {\n", uplink);
	}
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strlen(line) == sizeof(line) - 1)
			bad("line too long");
		s = line;
		/* what some editors begin a file with */
		if (cv.line++ == 0 && strncmp(s, "\xef\xbb\xbf", 3) == 0)
			s += 3;
		section = convert_line(section, trim(s));
	}
	if (ferror(f))
		err(1, "%s", cv.path);
	if (f != stdin)
		fclose(f);
	explicit_bzero(line, sizeof(line));
	if (!cv.apart)
		own_comment();
	end_peer();
	if (!cv.key)
		bad("no PrivateKey in an [Interface] until here");
	if (uplink != NULL)
		put_uplink();
	else {
		fprintf(cv.out, "\nlisten on * port %s\n",
		    cv.port[0] != '\0' ? cv.port : "51820");
		if (cv.addresses[0] != '\0')
			fprintf(cv.out, "address {%s }\n", cv.addresses);
	}
	if (fclose(cv.out) == EOF)
		err(1, NULL);
	if (fwrite(text, 1, len, stdout) != len || fflush(stdout) == EOF)
		err(1, "standard output");
	freezero(text, len);
}
