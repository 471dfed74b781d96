/* SPDX-License-Identifier: ISC */

#ifndef IP_H
#define IP_H

#include <stddef.h>
#include <stdint.h>

#include "packet.h"
#include "peer.h"

/*
 * A protocol over IP.  input takes a datagram that was checked as far as IP
 * goes; batch_end comes after every batch of them, before their slots go back;
 * expire comes once a second, and returns whether it has to come again;
 * drop_peer forgets everything of a peer but flows, which are killed before;
 * peer_back says that a peer is heard again after a silence;
 * free is the end of the engine.  Each but input may be NULL.
 */
struct proto_ops {
	void	 (*input)(struct slirp *, struct ippkt *);
	void	 (*batch_end)(struct slirp *);
	int	 (*expire)(struct slirp *);
	void	 (*drop_peer)(struct slirp *, struct slirp_peer *);
	void	 (*peer_back)(struct slirp *, struct slirp_peer *);
	void	 (*free)(struct slirp *);
};

int		 ip_init(struct slirp *);
void		 ip_free(struct slirp *);
void		 ip_register(struct slirp *, int, uint8_t,
		    const struct proto_ops *);
const struct proto_ops	*ip_next(const struct slirp *, int *);
void		 ip_input(struct slirp *, struct slirp_peer *, const uint8_t *,
		    size_t, mono_t);

#endif
