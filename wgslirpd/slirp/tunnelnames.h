/* SPDX-License-Identifier: ISC */

#ifndef TUNNELNAMES_H
#define TUNNELNAMES_H

#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "dnsmsg.h"
#include "net/peer.h"

int		 names_stage(const struct name_msg *);
int		 names_local(const char *, struct ipaddr *, int);
size_t		 names_answer(const struct dns_question *, int, uint8_t *);
/* The i-th name, with the domain, and its address; -1: there are no more. */
int		 tunnelnames_at(size_t, char *, size_t, struct ipaddr *);
void		 tunnelnames_commit(struct slirp *, int, const char *);

#endif
