/* SPDX-License-Identifier: ISC */

#ifndef SOCKSASSOC_H
#define SOCKSASSOC_H

#include <sys/types.h>
#include <sys/uio.h>

#include <stdint.h>

#include "addr.h"
#include "net/egress.h"
#include "net/host.h"

/*
 * A mapping of a guest at a SOCKS5 proxy (RFC 1928 7): datagrams go to a port
 * of the proxy, each with a header that says where to, as long as the
 * connection stands on which that port was asked for.  What a guest sends
 * meanwhile is held, a few of them.
 */
struct socks_assoc;

#define ASSOC_HEADER	22	/* the longest before a datagram */
#define ASSOC_DIAL_TIME	MONO_SEC(5)	/* then the proxy is silent */

enum assoc_state {
	ASSOC_WAIT,
	ASSOC_UP,
	ASSOC_ENDED		/* or it has not begun */
};

/* So many may there be, of all peers. */
void	 assoc_init(uint32_t);

/* For a mapping of this peer; NULL if there is no memory. */
struct socks_assoc	*assoc_new(struct slirp_peer *);
void	 assoc_free(struct socks_assoc *);

/* Begin by a proxy: a descriptor of its own to be watched; -1 with errno. */
int	 assoc_dial(struct socks_assoc *, const struct way *, mono_t);

/* It is in use: it is not the first to give way to others. */
void	 assoc_used(struct socks_assoc *);

/* May it be begun again by now? */
int	 assoc_may_dial(const struct socks_assoc *, mono_t);

/*
 * Go on, with the mapping's UDP socket, which is connected when it is up.  What
 * an end means for the way, by its id, is noted there.
 */
enum assoc_state	 assoc_step(struct socks_assoc *, struct slirp *,
			    uint64_t, int);

/* Nothing comes on the UDP socket: does it stand still? */
void	 assoc_look(struct socks_assoc *);

/* It has ended; what is sent gets this error for a second, or none. */
void	 assoc_end(struct socks_assoc *, int);
int	 assoc_error(const struct socks_assoc *);

/* Is there something held that has got the error? */
int	 assoc_unsaid(const struct socks_assoc *);

/* Hold a datagram until it is up.  -1 if there is no room. */
int	 assoc_hold(struct socks_assoc *, const struct ipaddr *, uint16_t,
	    const struct iovec *);

/* One that was held when it ended, as an error about it; -1: none is left. */
int	 assoc_lost(struct socks_assoc *, struct host_error *);

/* What precedes a datagram; its length. */
size_t	 assoc_header(uint8_t [ASSOC_HEADER], const struct ipaddr *, uint16_t);

/* How long it is, of what answers a guest of this family, 4 or 6. */
size_t	 assoc_header_len(uint8_t);

/* Whom it is from; -1: it is to be dropped. */
int	 assoc_from(const uint8_t *, size_t, struct ipaddr *, uint16_t *);

#endif
