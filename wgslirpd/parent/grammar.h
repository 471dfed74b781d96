/* SPDX-License-Identifier: ISC */

#ifndef GRAMMAR_H
#define GRAMMAR_H

#include "config.h"

/*
 * parse.y: the grammar of wgslirpd.conf(5).  What is wrong is told at once,
 * and lex_error() has the first of it.
 */
struct config	*parse_config(const char *, int);
int		 parse_text(struct config *, const char *, const char *);

#endif
