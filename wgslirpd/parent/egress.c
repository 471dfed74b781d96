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
#include "lex.h"
#include "value.h"

static struct conf_egress	*egress;	/* that is told of */
static char			*egress_name;	/* its interface */

/* The statements about egress that follow are about this. */
void
egress_begin(struct conf_egress *e, char *ifname)
{
	egress = e;
	egress_name = ifname;
	e->set = 1;
}

/* Takes the string. */
int
egress_word(char *s)
{
	int	 none = strcmp(s, "none") == 0, host = strcmp(s, "host") == 0;

	free(s);
	if (!none && !host) {
		yyerror("egress: host, none, source, interface or nat64");
		return (-1);
	}
	egress->none = (uint8_t)none;
	if (host) {
		egress->nsources = 0;
		egress_name[0] = '\0';
	}
	return (0);
}

/* A translator's prefix, or that it is to be found.  Takes the string. */
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
	if (egress != &c->g.egress) {
		yyerror("egress nat64: it is for all peers");
		return (-1);
	}
	if (!ok) {
		yyerror("egress nat64: find, or a prefix of RFC 6052");
		return (-1);
	}
	if (find)
		memset(p, 0, sizeof(*p));
	else
		ipprefix_mask(p);
	c->g.nat64_find = (uint8_t)find;
	return (0);
}

/* The word itself, or an address; takes the string. */
int
egress_source(char *s, int word)
{
	struct ipaddr	 a;
	int		 ok;

	ok = word ? strcmp(s, "source") == 0 : ipaddr_parse(&a, s) == 0;
	free(s);
	if (!ok) {
		yyerror(word ? "egress: host, none, source, interface or "
		    "nat64" :
		    "egress source: not an address");
		return (-1);
	}
	if (word) {
		egress->nsources = 0;
		egress->rotate = 0;
		return (0);
	}
	if (egress->nsources == MAX_SOURCES) {
		yyerror("egress source: no more than %d", MAX_SOURCES);
		return (-1);
	}
	egress->source[egress->nsources++] = a;
	return (0);
}

/* How long one of the sources is used.  Takes the string. */
int
egress_rotate(char *s)
{
	return (get_seconds(s, &egress->rotate));
}

/* Takes the string. */
int
egress_interface(char *s)
{
	int	 ok = strlcpy(egress_name, s, IF_NAMESIZE) < IF_NAMESIZE &&
		    *s != '\0';

	free(s);
	if (ok)
		return (0);
	yyerror("egress interface: not a name");
	return (-1);
}
