/* SPDX-License-Identifier: ISC */

#ifndef ENGINE_H
#define ENGINE_H

#include <stdint.h>

#include "siphash.h"
#include "peer.h"

int		 slirp_init(struct slirp *, const struct host_ops *, void *,
		    mono_t, uint32_t, const struct siphash_key *);
void		 slirp_free(struct slirp *);
void		 slirp_peer_clear(struct slirp *, struct slirp_peer *);
void		 slirp_peer_back(struct slirp *, struct slirp_peer *);
void		 slirp_peer_drop(struct slirp *, struct slirp_peer *);
void		 slirp_host_event(struct slirp *, uint64_t, int);
int		 slirp_input(struct slirp *, int);
int		 slirp_run(struct slirp *, int);
int		 slirp_idle(struct slirp *);

#endif
