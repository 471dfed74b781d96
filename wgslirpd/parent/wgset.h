/* SPDX-License-Identifier: ISC */

#ifndef WGSET_H
#define WGSET_H

#include "config.h"
#include "proc.h"
#include "set.h"

/* A change by wg(8), as the parent sees it. */
struct conf_set;
struct conf_set	*set_new(const struct set_device *);
void		 set_free(struct conf_set *);
struct set_device	*set_device(struct conf_set *);
int		 set_add(struct conf_set *, const struct set_peer *);
int		 set_add_aip(struct conf_set *, const struct set_aip *);
int		 set_check(struct conf_set *, struct config *, uint32_t);
void		 set_commit(struct conf_set *, struct config *);

#endif
