/* SPDX-License-Identifier: ISC */

/*
 * Turn a wg-quick(8) file into a wgslirpd.conf(5), on standard output.
 * What has no meaning for a gateway without an interface becomes a
 * comment; what cannot be understood is an error, with its line.
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

static const char	*path;
static int		 lineno;
static int		 npeers;
static char		 name[NAME_LEN];	/* of the next peer */
static char		 addresses[LINE_LEN];
static char		 port[8];

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
	errx(1, "%s:%d: %s", path, lineno, msg);
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

/* Comments name peers: "# Name = phone", "# phone", "### Client phone". */
static void
note_name(char *s)
{
	static const char *const	 words[] = { "Name", "friendly_name",
					    "Client", "BEGIN_PEER" };
	size_t				 i, n = 0;
	const char			*p;

	while (*s == '#' || isspace((unsigned char)*s))
		s++;
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strncasecmp(s, words[i], strlen(words[i])) != 0)
			continue;
		p = s + strlen(words[i]);
		while (isspace((unsigned char)*p) || *p == '=' || *p == ':')
			p++;
		if (p > s + strlen(words[i]) && *p != '\0')
			s += p - s;
		break;
	}
	for (p = s; *p != '\0' && n < sizeof(name) - 1; p++)
		if (isprint((unsigned char)*p) && *p != '"' && *p != '\\')
			name[n++] = *p;
	name[n] = '\0';
}

static void
put_key(const char *what, const char *v)
{
	uint8_t	 key[KEY_LEN];

	if (key_from_base64(key, v) == -1)
		bad("%s: not a key", what);
	explicit_bzero(key, sizeof(key));
	printf("%s \"%s\"\n", what, v);
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
	printf("\tendpoint \"%s\" port %u\n", v, n);
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

static void
interface_key(const char *k, char *v)
{
	FILE	*f;

	if (strcasecmp(k, "PrivateKey") == 0)
		put_key("private key", v);
	else if (strcasecmp(k, "ListenPort") == 0)
		snprintf(port, sizeof(port), "%d", number(k, v, 1, 65535));
	else if (strcasecmp(k, "MTU") == 0)
		printf("mtu %d\n", number(k, v, 576, 1800));
	else if (strcasecmp(k, "Address") == 0) {
		if ((f = fmemopen(addresses + strlen(addresses),
		    sizeof(addresses) - strlen(addresses), "w")) == NULL)
			err(1, "memory");
		put_prefixes(f, k, v);
		fclose(f);
	} else
		printf("# not converted: %s\n", k);
}

static void
peer_key(const char *k, char *v)
{
	int	 n;

	if (strcasecmp(k, "PublicKey") == 0) {
		printf("\t");
		put_key("public key", v);
	} else if (strcasecmp(k, "PresharedKey") == 0) {
		printf("\t");
		put_key("preshared key", v);
	} else if (strcasecmp(k, "AllowedIPs") == 0) {
		printf("\tallowed ips {");
		put_prefixes(stdout, k, v);
		printf(" }\n");
	} else if (strcasecmp(k, "Endpoint") == 0)
		put_endpoint(v);
	else if (strcasecmp(k, "PersistentKeepalive") == 0) {
		n = strcasecmp(v, "off") == 0 ? 0 : number(k, v, 0, 65535);
		printf("\tpersistent keepalive %d\n", n);
	} else
		printf("\t# not converted: %s\n", k);
}

static enum section
open_section(enum section from, const char *s)
{
	if (from == SECTION_PEER)
		printf("}\n");
	if (strcasecmp(s, "[Interface]") == 0) {
		name[0] = '\0';
		return (SECTION_INTERFACE);
	}
	if (strcasecmp(s, "[Peer]") != 0)
		bad("unknown section");
	npeers++;
	if (name[0] == '\0')
		snprintf(name, sizeof(name), "peer%d", npeers);
	printf("\npeer \"%s\" {\n", name);
	name[0] = '\0';
	return (SECTION_PEER);
}

/* Convert the file to standard output, or exit with what is wrong. */
void
convert(const char *file)
{
	static char	 line[LINE_LEN];
	enum section	 section = SECTION_NONE;
	char		*s, *eq;
	FILE		*f;

	path = file;
	if ((f = fopen(file, "r")) == NULL)
		err(1, "%s", file);
	printf("# made from a wg-quick file; keep it private\n");
	while (fgets(line, sizeof(line), f) != NULL) {
		lineno++;
		if (strlen(line) == sizeof(line) - 1)
			bad("line too long");
		s = trim(line);
		if (*s == '#' || *s == ';') {
			if (section != SECTION_PEER || name[0] == '\0')
				note_name(s);
			continue;
		}
		if ((eq = strchr(s, '#')) != NULL) {
			*eq = '\0';
			s = trim(s);
		}
		if (*s == '\0')
			continue;
		if (*s == '[') {
			section = open_section(section, s);
			continue;
		}
		if ((eq = strchr(s, '=')) == NULL || section == SECTION_NONE)
			bad("not \"key = value\" in a section");
		*eq = '\0';
		if (section == SECTION_INTERFACE)
			interface_key(trim(s), trim(eq + 1));
		else
			peer_key(trim(s), trim(eq + 1));
	}
	if (ferror(f))
		err(1, "%s", file);
	fclose(f);
	explicit_bzero(line, sizeof(line));
	if (section == SECTION_PEER)
		printf("}\n");
	printf("\nlisten on * port %s\n", port[0] != '\0' ? port : "51820");
	if (addresses[0] != '\0')
		printf("address {%s }\n", addresses);
}
