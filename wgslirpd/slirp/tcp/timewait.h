/* SPDX-License-Identifier: ISC */

#ifndef TIMEWAIT_H
#define TIMEWAIT_H

#include "parse.h"
#include "tcpcb.h"

struct tcp_tw;

int		 tw_init(struct slirp *, const struct siphash_key *);
void		 tw_fini(struct slirp *);
struct tcp_tw	*tw_find(struct slirp *, const struct flow_key *);
void		 tw_add(struct slirp *, const struct tcpcb *);
void		 tw_bury(struct slirp *, const struct tcpcb *);
void		 tw_back(struct slirp *, struct slirp_peer *);
int		 tw_expire(struct slirp *);
void		 tw_drop_peer(struct slirp *, struct slirp_peer *);
int		 tw_input(struct slirp *, struct tcp_tw *,
		    const struct tcp_in *);

#endif
