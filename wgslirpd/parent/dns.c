/* SPDX-License-Identifier: ISC */

/*
 * What wgslirpd.conf(5) says of names: whom to ask, and what guests are not
 * told.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dns.h"
#include "lex.h"
#include "log.h"
#include "value.h"

#define MAX_LISTS	64	/* files of names */

/* Guests are not told this domain, or are in any case.  Takes the string. */
int
dns_name(struct config *c, char *s, int allow)
{
	struct conf_block	*b;

	if (get_domain(s, allow ? "dns allow" : "dns block") == -1) {
		free(s);
		return (-1);
	}
	if ((b = calloc(1, sizeof(*b))) == NULL)
		fatal(NULL);
	b->allow = allow;
	b->fd = -1;
	b->what = s;
	TAILQ_INSERT_TAIL(&c->blocks, b, entry);
	return (0);
}

/* The same of a list, which the slirp engine reads.  Takes the string. */
int
dns_file(struct config *c, char *path, int allow)
{
	struct conf_block	*b;
	struct stat		 st;
	int			 fd, n = 0;

	lex_note_path(path);
	TAILQ_FOREACH(b, &c->blocks, entry)
		n += b->fd != -1;
	if (n == MAX_LISTS) {
		yyerror("dns block, dns allow: more than %d files",
		    MAX_LISTS);
		free(path);
		return (-1);
	}
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1 ||
	    fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		yyerror("%s: %s", path, fd == -1 ? strerror(errno) :
		    "not a regular file");
		if (fd != -1)
			close(fd);
		free(path);
		return (-1);
	}
	if ((b = calloc(1, sizeof(*b))) == NULL)
		fatal(NULL);
	b->allow = allow;
	b->fd = fd;
	b->size = (uint64_t)st.st_size;
	b->what = path;
	TAILQ_INSERT_TAIL(&c->blocks, b, entry);
	return (0);
}

/* A domain with upstreams of its own, and its number.  Takes the string. */
int
dns_zone(struct config *c, char *s, uint16_t *zone)
{
	struct conf_zone	*z;
	uint16_t		 n = 0;

	if (get_domain(s, "dns forward") == -1) {
		free(s);
		return (-1);
	}
	TAILQ_FOREACH(z, &c->zones, entry) {
		n++;
		if (strcmp(z->name, s) != 0)
			continue;
		yyerror("dns forward: the same domain twice");
		free(s);
		return (-1);
	}
	if (n == MAX_ZONES) {
		yyerror("dns forward: more than %d domains", MAX_ZONES);
		free(s);
		return (-1);
	}
	if ((z = calloc(1, sizeof(*z))) == NULL)
		fatal(NULL);
	strlcpy(z->name, s, sizeof(z->name));
	TAILQ_INSERT_TAIL(&c->zones, z, entry);
	*zone = n + 1;
	free(s);
	return (0);
}

/* "address", "address@port", and with "#name" by TLS. */
int
dns_upstream(struct config *c, uint16_t zone, char *s)
{
	struct conf_upstream	*u, *x;
	char			*at, *name;
	int			 n = 0, bad = 0;

	if ((u = calloc(1, sizeof(*u))) == NULL)
		fatal(NULL);
	u->u.port = 53;
	if ((name = strchr(s, '#')) != NULL) {
		*name++ = '\0';
		u->u.port = 853;
		bad = !host_name_ok(name) || strlcpy(u->u.name, name,
		    sizeof(u->u.name)) >= sizeof(u->u.name);
	}
	bad |= (at = strchr(s, '@')) != NULL &&
	    port_parse(at + 1, &u->u.port) == -1;
	if (at != NULL)
		*at = '\0';
	if (bad || ipaddr_parse(&u->u.addr, s) == -1) {
		yyerror("upstream: not an address or address@port, and for "
		    "TLS #name");
		free(u);
		free(s);
		return (-1);
	}
	free(s);
	u->u.zone = zone;
	TAILQ_FOREACH(x, &c->upstreams, entry)
		n += x->u.zone == zone;
	if (n >= MAX_UPSTREAMS) {
		yyerror("upstream: no more than %d", MAX_UPSTREAMS);
		free(u);
		return (-1);
	}
	if (u->u.name[0] != '\0') {
		if (c->ndot == MAX_DOT) {
			yyerror("upstream: no more than %d by TLS", MAX_DOT);
			free(u);
			return (-1);
		}
		u->u.server = (uint16_t)++c->ndot;
	}
	TAILQ_INSERT_TAIL(&c->upstreams, u, entry);
	return (0);
}
