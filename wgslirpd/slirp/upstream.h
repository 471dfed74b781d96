/* SPDX-License-Identifier: ISC */

#ifndef UPSTREAM_H
#define UPSTREAM_H

#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "dnsmsg.h"
#include "net/egress.h"

/*
 * Where answers are put together, with room for a UDP header, or a length by
 * TCP, before the message.
 */
#define UPSTREAM_ROOM	8
#define UPSTREAM_OUT	(upstream_buf + UPSTREAM_ROOM)
extern uint8_t	 upstream_buf[UPSTREAM_ROOM + DNS_MSG_MAX];

/* Who wants an answer; it gets NULL if there will be none. */
typedef void	 upstream_fn(void *, uint8_t *, size_t);

/* Whose question it is, and so who is asked, and how many may be under way. */
enum upstream_set {
	UPSTREAM_GUESTS,	/* what the configuration has, or the host's */
	UPSTREAM_PROXY,		/* the host's resolvers */
	UPSTREAM_OWN,
	UPSTREAM_SETS		/* and behind these, those of domains */
};

void		 upstream_init(struct slirp *, const struct upstream *, int);
/* How to ask by TLS, and a piece of an answer that has come by it. */
void		 upstream_by_tls(int (*)(const struct dot_ask *));
void		 upstream_part(const struct dot_part *);
int		 upstream_stage(const struct upstream *);
int		 upstream_ask(enum upstream_set, struct way *,
		    const struct dns_question *, int, upstream_fn *, void *);
int		 upstream_room(void);
/* A domain whose upstreams, told by its number from 1, follow. */
int		 upstream_stage_zone(const char *);
/* Whom guests ask for a name, which is lower case. */
enum upstream_set	 upstream_set(const char *);
void		 upstream_commit(int);

#endif
