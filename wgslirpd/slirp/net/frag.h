/* SPDX-License-Identifier: ISC */

#ifndef FRAG_H
#define FRAG_H

#include <stddef.h>
#include <stdint.h>

#include "packet.h"
#include "peer.h"

int		 frag_init(struct slirp *);
void		 frag_free(struct slirp *);
int		 frag_expire(struct slirp *);
void		 frag_drop_peer(struct slirp *, struct slirp_peer *);
int		 frag_input(struct slirp *, const struct ippkt *, uint32_t,
		    size_t, int, size_t, size_t, struct ippkt *);
void		 frag_done(struct ippkt *);

#endif
