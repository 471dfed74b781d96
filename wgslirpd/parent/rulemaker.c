/* SPDX-License-Identifier: ISC */

/*
 * Rules as wgslirpd.conf(5) has them: one statement may stand for many.
 */

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lex.h"
#include "log.h"
#include "rulemaker.h"

struct conf_rule	 rule_begun;
struct items		 rule_froms = STAILQ_HEAD_INITIALIZER(rule_froms);
struct items		 rule_tos = STAILQ_HEAD_INITIALIZER(rule_tos);
struct items		 rule_ports = STAILQ_HEAD_INITIALIZER(rule_ports);
static int		 parts;

static void
free_items(struct items *l)
{
	struct item	*i;

	while ((i = STAILQ_FIRST(l)) != NULL) {
		STAILQ_REMOVE_HEAD(l, entry);
		free(i);
	}
}

/* One that an error left unfinished goes. */
void
new_rule(int pass, int answer)
{
	free_items(&rule_froms);
	free_items(&rule_tos);
	free_items(&rule_ports);
	parts = 0;
	memset(&rule_begun, 0, sizeof(rule_begun));
	rule_begun.line = lex_token_line();
	rule_begun.rule.pass = (uint8_t)pass;
	rule_begun.rule.answer = (uint8_t)answer;
	rule_begun.rule.port_hi = UINT16_MAX;
	rule_begun.rule.from_table = rule_begun.rule.to_table = RULE_NO_TABLE;
}

int
rule_part(int part)
{
	if (parts & part) {
		yyerror("the same part of a rule twice");
		return (-1);
	}
	parts |= part;
	return (0);
}

struct item *
new_item(struct items *l)
{
	struct item	*i;

	if ((i = calloc(1, sizeof(*i))) == NULL)
		fatal(NULL);
	STAILQ_INSERT_TAIL(l, i, entry);
	return (i);
}

static void
add_rule(struct config *c, const struct item *from,
    const struct item *to, const struct item *port)
{
	struct conf_rule	*r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		fatal(NULL);
	*r = rule_begun;
	if ((r->file = strdup(lex_file())) == NULL)
		fatal(NULL);
	if (from != NULL) {
		r->rule.from = from->rule.from;
		strlcpy(from->is_table ? r->from_table : r->peer, from->name,
		    from->is_table ? sizeof(r->from_table) :
		    sizeof(r->peer));
	}
	if (to != NULL) {
		r->rule.to = to->rule.to;
		r->rule.private = to->rule.private;
		strlcpy(r->to_table, to->name, sizeof(r->to_table));
	}
	if (port != NULL) {
		r->rule.port_lo = port->rule.port_lo;
		r->rule.port_hi = port->rule.port_hi;
	}
	TAILQ_INSERT_TAIL(&c->rules, r, entry);
}

/* A rule for every combination of what its lists have. */
int
finish_rule(struct config *c)
{
	const struct item	*f, *t, *p;

	if (!STAILQ_EMPTY(&rule_ports) && rule_begun.rule.proto != 0 &&
	    rule_begun.rule.proto != IPPROTO_TCP &&
	    rule_begun.rule.proto != IPPROTO_UDP) {
		yyerror("port needs proto tcp or udp");
		return (-1);
	}
	f = STAILQ_FIRST(&rule_froms);
	do {
		t = STAILQ_FIRST(&rule_tos);
		do {
			p = STAILQ_FIRST(&rule_ports);
			do {
				add_rule(c, f, t, p);
			} while (p != NULL &&
			    (p = STAILQ_NEXT(p, entry)) != NULL);
		} while (t != NULL && (t = STAILQ_NEXT(t, entry)) != NULL);
	} while (f != NULL && (f = STAILQ_NEXT(f, entry)) != NULL);
	new_rule(0, 0);
	return (0);
}

/* A name that can be written without quotes. */
int
bad_table_name(const char *s)
{
	const char	*p;

	for (p = s; isalnum((unsigned char)*p) || *p == '_' || *p == '-'; p++)
		continue;
	if (*s != '\0' && *p == '\0' && p - s < TABLE_NAME_LEN)
		return (0);
	yyerror("table name: 1 to %d letters, digits, _ and -",
	    TABLE_NAME_LEN - 1);
	return (1);
}

int
get_table(char *s, struct item *i)
{
	i->is_table = 1;
	if (bad_table_name(s)) {
		free(s);
		return (-1);
	}
	strlcpy(i->name, s, sizeof(i->name));
	free(s);
	return (0);
}
