/* SPDX-License-Identifier: ISC */

#ifndef OUT_H
#define OUT_H

#include <stddef.h>
#include <stdint.h>

#include "peer.h"

#define TRAIN_SEGS	45	/* what one GSO send takes at MTU 1420 */
#define SLOTS_RESERVED	1024	/* for everything that is not bulk */
#define EXPRESS_ROUND	MONO_US(200)	/* at least */
#define EXPRESS_FLOW	4	/* packets of a flow a round that pass others */
#define EXPRESS_PEER	16	/* and of a peer */

/* Bulk in the packet queue: eight trains, then others have to wait. */
#define BULK_MOST	360

int		 out_init(struct slirp *);
void		 out_free(struct slirp *);
void		 out_round(struct slirp *);
void		 out_ttl(struct slirp *, uint8_t);
uint16_t	 out_mtu(const struct slirp *, const struct slirp_peer *);
void		 out_learn_mtu(struct slirp *, struct slirp_peer *, uint8_t,
		    uint32_t);
void		 out_quote_id(uint8_t *, uint16_t);
uint32_t	 out_slot(struct slirp *, int);
void		 out_header(struct slirp *, struct slirp_peer *, uint8_t *,
		    const struct ipaddr *,
		    const struct ipaddr *, uint8_t, size_t, uint8_t, int);
void		 out_bulk(struct slirp *, struct lane *);
void		 out_publish(struct slirp *, uint32_t, size_t, size_t,
		    struct slirp_peer *, struct lane *);
void		 out_send(struct slirp *, struct slirp_peer *, struct lane *,
		    const struct ipaddr *, const struct ipaddr *, uint8_t,
		    uint8_t *, size_t, uint8_t);

#endif
