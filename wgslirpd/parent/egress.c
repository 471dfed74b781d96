/* SPDX-License-Identifier: ISC */

/*
 * What wgslirpd.conf(5) says of where guests come out.
 */

#include <sys/types.h>
#include <sys/socket.h>
#include <net/if.h>

#include <stdlib.h>
#include <string.h>

#include "egress.h"
#include "files.h"
#include "lex.h"
#include "log.h"
#include "value.h"

static struct conf_out	 begun;		/* what is being collected */
static int		 nat64;		/* it was about that */

/* One that an error left unfinished goes. */
void
egress_begin(void)
{
	free(begun.user_file);
	explicit_bzero(&begun, sizeof(begun));
	nat64 = 0;
}

int
egress_name(char *s)
{
	if (begun.nrefs == MAX_ORDER) {
		yyerror("egress: no more than %d in order", MAX_ORDER);
		free(s);
		return (-1);
	}
	if (*s == '\0' || strlcpy(begun.ref[begun.nrefs++], s,
	    sizeof(begun.ref[0])) >= sizeof(begun.ref[0])) {
		yyerror("egress: not a name");
		free(s);
		return (-1);
	}
	free(s);
	return (0);
}

/* A translator's prefix, or that it is to be found. */
int
egress_nat64(struct config *c, char *s)
{
	struct ipprefix	*p = &c->g.nat64;
	int		 find = strcmp(s, "find") == 0;
	int		 ok = find || (ipprefix_parse(p, s) == 0 &&
			    p->addr.af == 6 && (p->len == 96 ||
			    (p->len % 8 == 0 && p->len >= 32 &&
			    p->len <= 64)));

	free(s);
	if (!ok) {
		yyerror("egress nat64: find, or a prefix of RFC 6052");
		return (-1);
	}
	if (find)
		memset(p, 0, sizeof(*p));
	else
		ipprefix_mask(p);
	c->g.nat64_find = (uint8_t)find;
	nat64 = 1;
	return (0);
}

int
egress_source(char *s)
{
	struct ipaddr	 a;
	int		 ok = ipaddr_parse(&a, s) == 0;

	free(s);
	if (!ok) {
		yyerror("egress source: not an address");
		return (-1);
	}
	if (begun.way.nsources == MAX_SOURCES) {
		yyerror("egress source: no more than %d", MAX_SOURCES);
		return (-1);
	}
	begun.way.source[begun.way.nsources++] = a;
	return (0);
}

/* How long one of the sources is used. */
int
egress_rotate(char *s)
{
	return (get_seconds(s, &begun.way.rotate));
}

int
egress_interface(char *s)
{
	int	 ok = strlcpy(begun.ifname, s, sizeof(begun.ifname)) <
		    IF_NAMESIZE && *s != '\0';

	free(s);
	if (ok)
		return (0);
	yyerror("egress interface: not a name");
	return (-1);
}

/* The peer by which guests leave. */
int
egress_uplink(char *s)
{
	int	 ok = *s != '\0' && strlcpy(begun.uplink, s,
		    sizeof(begun.uplink)) < sizeof(begun.uplink);

	free(s);
	begun.way.kind = WAY_UPLINK;
	if (ok)
		return (0);
	yyerror("egress via peer: not a peer's name");
	return (-1);
}

int
egress_proxy(char *s, int64_t port)
{
	begun.way.kind = WAY_SOCKS;
	if (get_addr(s, &begun.way.proxy, "egress socks5") == -1 ||
	    get_number(port, 1, UINT16_MAX, "port") == -1)
		return (-1);
	begun.way.port = (uint16_t)port;
	return (0);
}

int
egress_user(char *path)
{
	begun.user_file = path;
	begun.way.has_user = 1;
	return (read_user(path, &begun.user));
}

/* What was collected, in memory that the caller frees. */
static struct conf_out *
take(void)
{
	struct conf_out	*o;

	if ((o = calloc(1, sizeof(*o))) == NULL)
		fatal(NULL);
	*o = begun;
	o->line = lex_line();
	if ((o->file = strdup(lex_file())) == NULL)
		fatal(NULL);
	begun.user_file = NULL;
	egress_begin();
	return (o);
}

/* Statements about the same, one after the other: source and interface. */
static int
adds_to(const struct conf_out *old)
{
	return (old != NULL && old->nrefs == 0 && begun.nrefs == 0 &&
	    old->way.kind == WAY_HOST && begun.way.kind == WAY_HOST);
}

static void
add_to(struct conf_out *old)
{
	if (begun.way.nsources > 0) {
		memcpy(old->way.source, begun.way.source,
		    sizeof(old->way.source));
		old->way.nsources = begun.way.nsources;
		old->way.rotate = begun.way.rotate;
	}
	if (begun.ifname[0] != '\0')
		memcpy(old->ifname, begun.ifname, sizeof(old->ifname));
	egress_begin();
}

/* It is what a name means. */
int
egress_define(struct config *c, char *name)
{
	struct conf_out	*o;
	int		 n = 0;

	if (nat64 || *name == '\0' || strlen(name) >= sizeof(o->name) ||
	    strcmp(name, "host") == 0 || strcmp(name, "none") == 0) {
		yyerror("egress: not a name for one");
		free(name);
		return (-1);
	}
	TAILQ_FOREACH(o, &c->outs, entry) {
		n++;
		if (strcmp(o->name, name) == 0)
			break;
	}
	if (o != NULL && !adds_to(o)) {
		yyerror("egress \"%s\" is defined twice", name);
		free(name);
		return (-1);
	}
	if (o != NULL)
		add_to(o);
	else if (n == MAX_EGRESS) {
		yyerror("egress: no more than %d with names", MAX_EGRESS);
		free(name);
		return (-1);
	} else {
		o = take();
		strlcpy(o->name, name, sizeof(o->name));
		TAILQ_INSERT_TAIL(&c->outs, o, entry);
	}
	free(name);
	return (0);
}

/* It is for everybody, or for a peer; the last one counts. */
int
egress_use(struct conf_out **to)
{
	/* which has its place already */
	if (nat64) {
		egress_begin();
		return (0);
	}
	if (adds_to(*to)) {
		add_to(*to);
		return (0);
	}
	conf_out_free(*to);
	*to = take();
	return (0);
}
