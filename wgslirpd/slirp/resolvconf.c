/* SPDX-License-Identifier: ISC */

/*
 * The host's resolver configuration: resolv.conf(5) and hosts(5).
 */

#include <sys/types.h>
#include <sys/tree.h>
#include <net/if.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "log.h"
#include "resolvconf.h"

#define DNS_PORT	53
#define MAX_NDOTS	15	/* resolv.conf(5) */
#define BLANKS		" \t\r\n"
#define UNUSED_STATIC	static __attribute__((__unused__))

struct host {
	RB_ENTRY(host)	 entry;
	char		*name;
	uint32_t	 order;		/* of its line */
	struct ipaddr	 addr;
};

static int
host_cmp(const struct host *a, const struct host *b)
{
	int	 c;

	if ((c = strcasecmp(a->name, b->name)) != 0)
		return (c);
	return (a->order < b->order ? -1 : a->order > b->order);
}

static RB_HEAD(hosts, host)	 hosts = RB_INITIALIZER(&hosts);

RB_PROTOTYPE_INTERNAL(hosts, host, entry, host_cmp, UNUSED_STATIC)
RB_GENERATE_INTERNAL(hosts, host, entry, host_cmp, UNUSED_STATIC)

/* "address" or "address%interface". */
static void
add_server(struct resolvconf *r, char *s)
{
	struct upstream	*u = &r->servers[r->nservers];
	char		*scope;

	if (r->nservers == MAX_UPSTREAMS)
		return;
	memset(u, 0, sizeof(*u));
	if ((scope = strchr(s, '%')) != NULL)
		*scope++ = '\0';
	if (ipaddr_parse(&u->addr, s) == -1) {
		log_warnx("resolv.conf: \"%s\" is not an address", s);
		return;
	}
	if (scope != NULL && (u->scope = if_nametoindex(scope)) == 0) {
		log_warnx("resolv.conf: no interface \"%s\"", scope);
		return;
	}
	u->port = DNS_PORT;
	r->nservers++;
}

/* The last "search" or "domain" is the one that counts. */
static void
set_search(struct resolvconf *r, char *rest)
{
	char	*w;

	r->nsearch = 0;
	while ((w = strsep(&rest, BLANKS)) != NULL && r->nsearch < MAX_SEARCH)
		if (*w != '\0' && host_name_ok(w))
			strlcpy(r->search[r->nsearch++], w,
			    sizeof(r->search[0]));
}

static void
set_options(struct resolvconf *r, char *rest)
{
	char	*w;

	while ((w = strsep(&rest, BLANKS)) != NULL)
		if (strncmp(w, "ndots:", 6) == 0) {
			r->ndots = atoi(w + 6);
			if (r->ndots < 0 || r->ndots > MAX_NDOTS)
				r->ndots = MAX_NDOTS;
		}
}

void
resolvconf_read(struct resolvconf *r, const char *path)
{
	char	*line = NULL, *p, *word;
	size_t	 size = 0;
	FILE	*f;

	memset(r, 0, sizeof(*r));
	r->ndots = 1;
	if ((f = fopen(path, "re")) != NULL) {
		while (getline(&line, &size, f) != -1) {
			p = line + strspn(line, BLANKS);
			if (*p == '#' || *p == ';' ||
			    (word = strsep(&p, BLANKS)) == NULL || p == NULL)
				continue;
			p += strspn(p, BLANKS);
			if (strcmp(word, "nameserver") == 0)
				add_server(r, strsep(&p, BLANKS));
			else if (strcmp(word, "search") == 0 ||
			    strcmp(word, "domain") == 0)
				set_search(r, p);
			else if (strcmp(word, "options") == 0)
				set_options(r, p);
		}
		free(line);
		fclose(f);
	}
	if (r->nservers == 0) {
		(void)ipaddr_parse(&r->servers[0].addr, "127.0.0.1");
		r->servers[0].port = DNS_PORT;
		r->nservers = 1;
	}
}

int
resolvconf_name(const struct resolvconf *r, const char *host, int i,
    char *name, size_t size)
{
	const char	*p;
	int		 dots = 0, as_is;
	size_t		 n = strlen(host);

	for (p = host; *p != '\0'; p++)
		dots += *p == '.';
	if (n > 0 && host[n - 1] == '.')
		return (i == 0 && strlcpy(name, host, size) < size ? 0 : -1);
	/* as it is comes first if it has dots enough, else last */
	as_is = dots >= r->ndots ? 0 : r->nsearch;
	if (i > r->nsearch)
		return (-1);
	if (i == as_is)
		return (strlcpy(name, host, size) < size ? 0 : -1);
	p = r->search[i < as_is ? i : i - 1];
	n = (size_t)snprintf(name, size, "%s.%s", host, p);
	/* too long with this one: it is not in it */
	return (n < size && host_name_ok(name) ? 0 : 1);
}

static void
add_host(const struct ipaddr *a, const char *name, uint32_t order)
{
	struct host	*h;

	if ((h = calloc(1, sizeof(*h))) == NULL ||
	    (h->name = strdup(name)) == NULL)
		fatal(NULL);
	h->addr = *a;
	h->order = order;
	if (RB_INSERT(hosts, &hosts, h) != NULL) {
		free(h->name);		/* twice on one line */
		free(h);
	}
}

void
hosts_read(const char *path)
{
	struct ipaddr	 a;
	char		*line = NULL, *p, *word;
	size_t		 size = 0;
	uint32_t	 order = 0;
	FILE		*f;

	if ((f = fopen(path, "re")) == NULL)
		return;
	while (getline(&line, &size, f) != -1) {
		line[strcspn(line, "#")] = '\0';
		p = line + strspn(line, BLANKS);
		if ((word = strsep(&p, BLANKS)) == NULL ||
		    ipaddr_parse(&a, word) == -1)
			continue;
		order++;
		while ((word = strsep(&p, BLANKS)) != NULL)
			if (host_name_ok(word))
				add_host(&a, word, order);
	}
	free(line);
	fclose(f);
}

size_t
hosts_find(const char *name, struct ipaddr *a, size_t max)
{
	struct host	*h, key;
	char		 plain[HOST_NAME_LEN];
	size_t		 n = 0;

	if (strlcpy(plain, name, sizeof(plain)) >= sizeof(plain))
		return (0);
	if (plain[0] != '\0' && plain[strlen(plain) - 1] == '.')
		plain[strlen(plain) - 1] = '\0';
	memset(&key, 0, sizeof(key));
	key.name = plain;
	for (h = RB_NFIND(hosts, &hosts, &key); h != NULL && n < max &&
	    strcasecmp(h->name, plain) == 0; h = RB_NEXT(hosts, &hosts, h))
		a[n++] = h->addr;
	return (n);
}
