/* SPDX-License-Identifier: ISC */

#ifndef GRAMMAR_H
#define GRAMMAR_H

#include "config.h"

/* parse.y: the grammar of wgslirpd.conf(5) */
struct config	*parse_config(const char *, int);
int		 parse_text(struct config *, const char *, const char *);
int		 cmdline_symset(const char *);
const char	*parse_error(void);
void		 parse_paths(void (*)(const char *, void *), void *);

#endif
