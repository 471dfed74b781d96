/* SPDX-License-Identifier: ISC */

#ifndef UPLINK_H
#define UPLINK_H

#include "packet.h"
#include "peer.h"

/*
 * Mappings whose other side is not a socket of the host, but this side's own
 * address in the tunnel to an uplink: UDP by ports, pings by ids.
 */

/* Whose a port is: a mapping, or somebody in this process. */
typedef void	 uplink_fn(void *, const struct ipaddr *, uint16_t,
		    const uint8_t *, size_t);

/* What is in struct host_ops; the first argument is the engine. */
int	 uplink_udp_open(void *, struct flow *);
int	 uplink_icmp_open(void *, struct flow *);
void	 uplink_close(void *, struct flow *, int);
uint16_t uplink_local_port(void *, struct flow *);
int	 uplink_errqueue(void *, struct flow *, struct host_error *);
ssize_t	 uplink_sendto(void *, struct flow *, const struct ipaddr *, uint16_t,
	    const struct iovec *, int, const struct dgram_opts *);
ssize_t	 uplink_recvfrom(void *, struct flow *, const struct iovec *, int,
	    struct ipaddr *, uint16_t *, struct dgram_opts *);

/*
 * The mapping that a packet of the uplink is for: a datagram to a port, or with
 * echo the answer to a ping with that id.  NULL if there is none, or somebody
 * here has taken it: data of len bytes from port sport.
 */
struct flow	*uplink_find(struct slirp *, const struct ippkt *, int,
		    uint16_t, uint16_t, const uint8_t *, size_t);

/*
 * An error of the uplink, or of somebody behind it, about a packet from src to
 * dst, with these ports, or with echo this id, that began with so many bytes.
 */
void	 uplink_error(struct slirp *, const struct ippkt *, int,
	    const struct ipaddr *, const struct ipaddr *, uint16_t, uint16_t,
	    const uint8_t *, size_t);

/*
 * A port of ours at the uplink for somebody in this process, 0 if there is
 * none; af is 4 or 6.  uplink_say() sends len bytes from it, with room for a
 * UDP header before them; uplink_unbind() gives it back.
 */
uint16_t uplink_bind(struct slirp *, struct slirp_peer *, uint8_t, uplink_fn *,
	    void *);
void	 uplink_say(struct slirp *, struct slirp_peer *, uint16_t,
	    const struct ipaddr *, uint16_t, uint8_t *, size_t);
void	 uplink_unbind(struct slirp_peer *, uint8_t, uint16_t);

/* Its ports, when no mapping is left. */
void	 uplink_free(struct slirp_peer *);

/* The uplink goes, or is none any more: everything that is there ends. */
void	 uplink_drop(struct slirp *, struct slirp_peer *);

#endif
