/* SPDX-License-Identifier: ISC */

#ifndef RULEMAKER_H
#define RULEMAKER_H

#include "config.h"

/* A rule with lists stands for several rules; these are its lists. */
struct item {
	STAILQ_ENTRY(item)	 entry;
	struct rule		 rule;
	char			 name[PEER_NAME_LEN];
	int			 is_table;
};
STAILQ_HEAD(items, item);

/* Parts of a rule, each of which can be there once. */
#define PART_QUICK	0x01
#define PART_LOG	0x02
#define PART_OUT	0x04
#define PART_FROM	0x08
#define PART_PROTO	0x10
#define PART_TO		0x20
#define PART_EGRESS	0x40

/* The rule that is being read, and its lists. */
extern struct conf_rule	 rule_begun;
extern struct items	 rule_froms, rule_tos, rule_ports;

/*
 * new_rule:	begin one; what an error left unfinished goes
 * rule_part:	there is this part; -1: twice, which is told
 * new_item:	one more in a list
 * finish_rule:	a rule for every combination; -1: it makes no sense
 * bad_table_name:	is it none?  That is told.
 * get_table:	a table in a list, by its name, which is taken; -1: it is none
 */
void		 new_rule(int, int);
int		 rule_part(int);
struct item	*new_item(struct items *);
int		 finish_rule(struct config *);
int		 bad_table_name(const char *);
int		 get_table(char *, struct item *);

#endif
