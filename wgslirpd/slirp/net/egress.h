/* SPDX-License-Identifier: ISC */

#ifndef EGRESS_H
#define EGRESS_H

#include "packet.h"
#include "peer.h"
#include "remotes.h"

/*
 * By which way a guest's flow leaves: the rule that lets it pass may say so,
 * then its peer's configuration, then everybody's.  Of several the first one
 * that is up is taken, and no other: what is not listed is never used.
 */
#define WAY_REST	MONO_SEC(10)	/* then one that failed is tried again */
#define WAY_ID_LOCAL	1		/* to the host itself */

struct way {
	struct conf_way		 c;
	struct service_user	*user;		/* of a proxy, or NULL */
	uint64_t		 id;		/* the same after a reload */
	mono_t			 down_until;	/* it has failed */
	mono_t			 no_udp_until;	/* a proxy that takes none */
	uint8_t			 no_udp;	/* so often in a row it took none */
};

/* One more way; -1 if there is no memory, or it is none. */
int	 egress_add(struct slirp_conf *, const struct conf_way *);

/* The user of the one that was added last; -1 as above. */
int	 egress_login(struct slirp_conf *, const struct service_user *);

/* Are all of these ways there are? */
int	 egress_ok(const struct slirp_conf *, const struct conf_egress *);

/* What rules have is gathered, when all of them are there. */
void	 egress_gather(struct slirp_conf *);
void	 egress_conf_free(struct slirp_conf *);

/* What decides for a peer, if the rule that passes, or NULL, does not. */
const struct conf_egress	*egress_of(const struct slirp *,
		    const struct slirp_peer *, const struct rule *);

/* The way for what begins now; NULL: none is up. */
struct way	*egress_way(const struct slirp *, const struct conf_egress *);

/*
 * A mapping of the guest through which it sends to this destination, as the
 * policy of today has let it: by its peer's way, or by one of those that rules
 * have.  NULL if the policy has to be asked; then k and w are what its peer's
 * way makes of them.  of() gives whom a mapping has sent to.
 */
struct flow	*egress_mapping(struct slirp *, const struct ippkt *, uint16_t,
		    struct remotes *(*)(struct flow *), struct flow_key *,
		    struct way **);

/* Does it take flows of this type?  What it does not, is refused at once. */
int	 egress_takes(const struct slirp *, const struct way *, uint8_t);

/* The way with an id, or NULL: it is not configured any more. */
struct way	*egress_by_id(const struct slirp *, uint64_t);

/* A flow that is about to be opened leaves by it, or not: -1 with errno. */
int	 egress_take(const struct slirp *, struct flow *, const struct way *);

/*
 * Does the policy let the guest talk to somebody, by this way and no other?
 * For who calls at a port of the host.
 */
int	 egress_leaves_by(const struct slirp *, const struct slirp_peer *,
	    const struct ipaddr *, const struct ipaddr *, uint8_t, uint16_t,
	    uint64_t);

/* The uplink whose resolvers are asked by this way, or NULL. */
struct slirp_peer	*way_uplink(const struct slirp *, const struct way *);

/* It has failed, in a way that is not about one destination. */
void	 egress_failed(struct slirp *, struct way *);

/* Its name, for who looks at a flow, or NULL. */
const char	*egress_called(const struct slirp *, const struct flow *);

#endif
