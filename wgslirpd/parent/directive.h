/* SPDX-License-Identifier: ISC */

#ifndef DIRECTIVE_H
#define DIRECTIVE_H

#include <stddef.h>
#include <stdint.h>

#include "config.h"

/*
 * The settings that are one value.  A row here is all that such a directive
 * takes: the grammar, the environment, -nv and the defaults read this table,
 * and a test holds the manual pages against it.  Lists, secrets, endpoints,
 * rules and services have grammar of their own.
 */
enum directive_block {
	BLOCK_GLOBAL,		/* of struct config */
	BLOCK_TCP,		/* the same, within "tcp { }" */
	BLOCK_UDP,		/* the same, within "udp { }" */
	BLOCK_PEER		/* of struct conf_peer */
};

enum directive_type {
	VALUE_NUMBER,		/* from lo to hi */
	VALUE_YESNO,
	VALUE_CHOICE		/* one of names, by index */
};

struct directive {
	enum directive_block	 block;
	const char		*words;		/* "ack delay" */
	const char		*env;		/* "TCP_ACK_DELAY_MS", or NULL */
	enum directive_type	 type;
	size_t			 off;		/* in its struct, */
	size_t			 size;		/* of so many bytes */
	int64_t			 lo;
	int64_t			 hi;
	int64_t			 dflt;
	const char *const	*names;		/* of a choice, NULL at its end */
	const char		*alias;		/* "rst=reset", of the variable */
	int			 zero;		/* 0 is good below lo, too */
	int			 quiet;		/* -nv leaves the default out */
};

extern const struct directive	 directives[];
extern const size_t		 ndirectives;

/* Longest message of directive_number() and directive_text(). */
#define DIRECTIVE_ERR	256

/* The directive of a block with these words, or NULL. */
const struct directive	*directive_find(enum directive_block, const char *);

/* Does one begin with these words, or is it? */
int	 directive_begins(enum directive_block, const char *);

/*
 * Set it in a struct config, or a struct conf_peer, to a number, or to what a
 * text says.  -1 with what is wrong in err, of DIRECTIVE_ERR bytes.
 */
int	 directive_number(const struct directive *, void *, int64_t, char *);
int	 directive_text(const struct directive *, void *, const char *, char *);

/* What it is set to. */
int64_t	 directive_value(const struct directive *, const void *);

/* A new configuration, every directive at its default. */
struct config	*directive_config(void);

#endif
