/* SPDX-License-Identifier: ISC */

#ifndef TABLE_H
#define TABLE_H

#include <stdint.h>

#include "siphash.h"
#include "peer.h"

int		 table_init(struct slirp *, uint32_t,
		    const struct siphash_key *);
void		 table_limit(struct slirp *);
struct flow	*table_next(const struct slirp *, uint64_t *);
uint32_t	 table_count(const struct slirp *);
void		 table_free(struct slirp *);
void		 table_forget_peer(struct slirp *, const struct slirp_peer *);
void		 flow_key(struct flow_key *, const struct slirp_peer *,
		    enum flow_proto, const struct ipaddr *, uint16_t,
		    const struct ipaddr *, uint16_t);
struct flow	*flow_find(struct slirp *, const struct flow_key *);
int		 flow_add(struct slirp *, struct flow *,
		    const struct flow_key *);
void		 flow_remove(struct slirp *, struct flow *);
void		 flow_schedule(struct slirp *, struct flow *, mono_t);
struct flow	*flow_by_id(struct slirp *, uint64_t);
void		 flow_kill(struct slirp *, struct flow *);
const char	*flow_state(const struct slirp *, const struct flow *);

#endif
