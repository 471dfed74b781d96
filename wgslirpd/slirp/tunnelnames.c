/* SPDX-License-Identifier: ISC */

/*
 * The names of the tunnel: the peers' and the gateway's own, forth and back.
 */

#include <sys/types.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "net/slirp.h"
#include "tunnelnames.h"

#define LOCAL_TTL	60
#define MAX_ADDRS	16	/* of one name */
#define TEXT_LEN	1100	/* of a name, with its terminator */

struct name {
	char			 name[PEER_NAME_LEN];
	struct ipaddr		 addr;
};

struct names {
	struct name		*v;		/* by name */
	struct name		*byaddr;
	size_t			 n;
	size_t			 cap;
};

static struct slirp	*engine;
static int		 enabled;
static char		 domain[DOMAIN_LEN];
static struct names	 names, staged;

static int
name_cmp(const void *a, const void *b)
{
	const struct name	*na = a, *nb = b;

	return (strcmp(na->name, nb->name));
}

static int
addr_cmp(const void *a, const void *b)
{
	const struct name	*na = a, *nb = b;

	return (ipaddr_cmp(&na->addr, &nb->addr));
}

/* All names are there: put them in order, for lookups both ways. */
static void
sort_names(struct names *l)
{
	free(l->byaddr);
	l->byaddr = NULL;
	if (l->n == 0)
		return;
	if ((l->byaddr = calloc(l->n, sizeof(*l->byaddr))) == NULL)
		fatal(NULL);
	qsort(l->v, l->n, sizeof(*l->v), name_cmp);
	memcpy(l->byaddr, l->v, l->n * sizeof(*l->v));
	qsort(l->byaddr, l->n, sizeof(*l->byaddr), addr_cmp);
}

/* A peer's name as a label: what cannot be in one becomes a hyphen. */
static void
make_label(char *dst, const char *src, size_t len)
{
	size_t	 i;

	for (i = 0; i + 1 < len && src[i] != '\0'; i++)
		dst[i] = isalnum((unsigned char)src[i]) || src[i] == '_' ?
		    (char)tolower((unsigned char)src[i]) : '-';
	dst[i] = '\0';
}

static int
add_name(struct names *l, const char *name, const struct ipaddr *a)
{
	struct name	*v;

	if (l->n == l->cap) {
		v = recallocarray(l->v, l->cap, l->cap * 2 + 16, sizeof(*v));
		if (v == NULL)
			return (-1);
		l->v = v;
		l->cap = l->cap * 2 + 16;
	}
	v = &l->v[l->n++];
	make_label(v->name, name, sizeof(v->name));
	v->addr = *a;
	return (0);
}

/* One more name. */
int
names_stage(const struct name_msg *m)
{
	return (add_name(&staged, m->name, &m->addr));
}

/* Addresses of a peer's name, of a family or both (0). */
static size_t
find_names(const char *label, struct ipaddr *a, size_t max, uint8_t af)
{
	struct name	 key, *n;
	size_t		 i, k = 0;

	if (names.n == 0 || strlcpy(key.name, label, sizeof(key.name)) >=
	    sizeof(key.name))
		return (0);
	n = bsearch(&key, names.v, names.n, sizeof(*n), name_cmp);
	if (n == NULL)
		return (0);
	for (i = (size_t)(n - names.v); i > 0 &&
	    strcmp(names.v[i - 1].name, label) == 0; i--)
		continue;
	for (; i < names.n && k < max &&
	    strcmp(names.v[i].name, label) == 0; i++)
		if (af == 0 || names.v[i].addr.af == af)
			a[k++] = names.v[i].addr;
	return (k);
}

/*
 * The label before our domain in a name; NULL if the name is not in it,
 * "" if it is the domain itself.
 */
static const char *
in_domain(char *text)
{
	size_t	 n = strlen(text), d = strlen(domain);

	if (n < d || strcasecmp(text + n - d, domain) != 0)
		return (NULL);
	if (n == d)
		return ("");
	if (text[n - d - 1] != '.')
		return (NULL);
	text[n - d - 1] = '\0';
	return (text);
}

/*
 * For a client of the host: the addresses of a name of the tunnel, up to
 * max of them.  Returns how many; -1 if the name is not of the tunnel.
 */
int
names_local(const char *name, struct ipaddr *a, int max)
{
	char		 text[TEXT_LEN];
	const char	*label;
	size_t		 i;

	if (!enabled || strlcpy(text, name, sizeof(text)) >= sizeof(text))
		return (-1);
	for (i = 0; text[i] != '\0'; i++)
		text[i] = (char)tolower((unsigned char)text[i]);
	if (i > 0 && text[i - 1] == '.')
		text[i - 1] = '\0';
	if ((label = in_domain(text)) == NULL)
		return (-1);
	return ((int)find_names(label, a, (size_t)max, 0));
}

/* The address that a name under in-addr.arpa or ip6.arpa stands for. */
static int
parse_reverse(const char *text, struct ipaddr *a)
{
	unsigned int	 b[4];
	uint8_t		 v4[4], v6[16];
	const char	*hex = "0123456789abcdef", *p;
	int		 i, end = 0;

	if (sscanf(text, "%3u.%3u.%3u.%3u.in-addr.arpa%n", &b[3], &b[2],
	    &b[1], &b[0], &end) == 4 && end > 0 && text[end] == '\0') {
		for (i = 0; i < 4; i++) {
			if (b[i] > 255)
				return (-1);
			v4[i] = (uint8_t)b[i];
		}
		ipaddr_from4(a, v4);
		return (0);
	}
	if (strlen(text) != 72 || strcmp(text + 63, ".ip6.arpa") != 0)
		return (-1);
	memset(v6, 0, sizeof(v6));
	for (i = 0; i < 32; i++) {
		if (text[2 * i] == '\0' || text[2 * i + 1] != '.' ||
		    (p = strchr(hex, text[2 * i])) == NULL)
			return (-1);
		v6[15 - i / 2] |= (uint8_t)((p - hex) << (i % 2 * 4));
	}
	ipaddr_from6(a, v6);
	return (0);
}

/* An answer about the tunnel itself; 0 if the question is not about it. */
size_t
names_answer(const struct dns_question *q, int udp, uint8_t *out)
{
	char		 text[TEXT_LEN], full[TEXT_LEN];
	const char	*label;
	struct name	 key, *found;
	struct ipaddr	 a[MAX_ADDRS], ip;
	size_t		 i, n;

	if (q->class != DNS_CLASS_IN ||
	    dnsmsg_text(q, text, sizeof(text)) == -1)
		return (0);
	if (parse_reverse(text, &ip) == 0) {
		for (i = 0; i < engine->conf.naddrs; i++)
			if (ipprefix_match(&engine->conf.addrs[i], &ip))
				break;
		memset(&key, 0, sizeof(key));
		key.addr = ip;
		found = names.n == 0 ? NULL : bsearch(&key, names.byaddr,
		    names.n, sizeof(key), addr_cmp);
		if (found == NULL)
			return (i == engine->conf.naddrs ? 0 :
			    dnsmsg_error(q, DNS_NXDOMAIN, out, DNS_MSG_MAX));
		snprintf(full, sizeof(full), "%s.%s.", found->name, domain);
		if (q->type != DNS_TYPE_PTR)
			return (dnsmsg_address(q, NULL, 0, LOCAL_TTL, udp,
			    out, DNS_MSG_MAX - 16));
		return (dnsmsg_pointer(q, full, LOCAL_TTL, out, DNS_MSG_MAX));
	}
	if ((label = in_domain(text)) == NULL)
		return (0);
	n = find_names(label, a, MAX_ADDRS, 0);
	if (n == 0 && *label != '\0')
		return (dnsmsg_error(q, DNS_NXDOMAIN, out, DNS_MSG_MAX));
	return (dnsmsg_address(q, a, n, LOCAL_TTL, udp, out,
	    DNS_MSG_MAX - 16));
}

/* The gateway has a name, too, unless a peer is called that. */
static void
add_gateway(void)
{
	struct ipaddr	 a;
	size_t		 i;

	if (find_names("gateway", &a, 1, 0) > 0)
		return;
	for (i = 0; i < engine->conf.naddrs; i++)
		if (add_name(&names, "gateway",
		    &engine->conf.addrs[i].addr) == -1)
			fatal(NULL);
	sort_names(&names);
}

int
tunnelnames_at(size_t i, char *name, size_t len, struct ipaddr *addr)
{
	if (!enabled || i >= names.n)
		return (-1);
	if ((size_t)snprintf(name, len, "%s.%s", names.v[i].name, domain) >=
	    len)
		name[len - 1] = '\0';
	*addr = names.v[i].addr;
	return (0);
}

/* What was staged takes effect; enabled: names are answered at all. */
void
tunnelnames_commit(struct slirp *s, int on, const char *name)
{
	engine = s;
	free(names.v);
	free(names.byaddr);
	names = staged;
	memset(&staged, 0, sizeof(staged));
	enabled = on;
	strlcpy(domain, name, sizeof(domain));
	if (!on)
		return;
	sort_names(&names);
	add_gateway();
}
