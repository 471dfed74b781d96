/* SPDX-License-Identifier: ISC */

#ifndef CHECK_H
#define CHECK_H

#include "config.h"

const struct conf_rule	*config_resolve_rules(struct config *);
int		 config_twice_listen(const struct config *);
const char	*config_check(struct config *, char *, size_t);
int		 uapi_name_valid(const char *);
int		 config_merge(struct config *, struct config *);

/* Log what is legal, and probably not meant. */
void		 config_warn(const struct config *);

#endif
