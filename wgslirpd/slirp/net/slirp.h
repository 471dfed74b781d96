/* SPDX-License-Identifier: ISC */

#ifndef SLIRP_H
#define SLIRP_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "conf.h"
#include "counters.h"
#include "flow.h"
#include "host.h"
#include "log.h"
#include "mono.h"
#include "pktq.h"
#include "siphash.h"
#include "wheel.h"

/*
 * The slirp engine: what comes out of the tunnel goes to host sockets and
 * back.  All of its state hangs off struct slirp; it reaches the world only
 * through struct host_ops, two packet queues and the time that it is told, so
 * that tests and simulators drive the same code.
 *
 * This is what the modules share; what is one's own is behind its handle.
 */
struct forward_flow;
struct slirp_peer;
struct addr_table;
struct bufferevent;
struct flow_table;
struct frag_table;
struct ip_protos;
struct out_state;
struct tcp_engine;
struct turns_state;
struct udp_state;
struct uplink_ports;
struct way;

/* What show rules tells. */
struct rule_info {
	uint64_t	 matches;
	char		 text[RULE_TEXT_LEN];
};

/* The part of the configuration that can be replaced as a whole. */
struct slirp_conf {
	struct ipprefix	*addrs;		/* tunnel addresses */
	size_t		 naddrs;
	struct ipprefix	 nat64[MAX_NAT64];	/* RFC 6052 */
	size_t		 nnat64;
	struct ipprefix	 translator;	/* of egress nat64; len 0: none */
	struct rule	*rules;
	struct rule_info	*rule_info;	/* as many; NULL in tests */
	size_t		 nrules;
	struct addr_table	*tables;
	size_t		 ntables;
	uint16_t	 mtu;
	struct conf_tcp	 tcp;
	mono_t		 udp_timeout;
	mono_t		 dns_timeout;
	enum udp_filtering	 filtering;
	uint32_t	 max_flows;
	uint32_t	 max_new;	/* a second and peer, 0: any */
	uint8_t		 copy_tos;	/* DSCP of guests, on answers */
	uint8_t		 ttl;		/* of what is made here */
	struct conf_egress	 egress;
	struct way		*ways;		/* of which these are chosen */
	size_t			 nways;
	struct conf_egress	*named;		/* that rules have */
	size_t			 nnamed;
};

/*
 * Clients of the host on their way into the tunnel: answered says that the
 * guest has taken a connection, or an errno; reply is a datagram for one;
 * forget that its flow ends.
 */
struct client_ops {
	void	 (*answered)(struct flow *, int);
	void	 (*reply)(struct forward_flow *, const uint8_t *, size_t);
	void	 (*forget)(struct forward_flow *);
};

/*
 * Questions to the gateway's own address.  datagram gets the peer, its address
 * and port, the address that it asked, and the message; the answer, if any,
 * comes later, by udp_answer().  stream takes the other end of a guest's
 * connection; -1 if there are too many.
 */
typedef void	 datagram_fn(struct slirp *, struct slirp_peer *,
		    const struct ipaddr *, uint16_t, const struct ipaddr *,
		    const uint8_t *, size_t);
struct name_ops {
	datagram_fn	*datagram;
	int	 (*stream)(struct slirp_peer *, struct bufferevent *);
};

/*
 * For who watches: a flow began (1), or ended (0), or was not let begin, to
 * this address and port.
 */
struct watch_ops {
	void	 (*flow)(struct slirp *, const struct flow *, int);
	void	 (*blocked)(struct slirp *, const struct slirp_peer *, uint8_t,
		    const struct ipaddr *, uint16_t);
};

struct slirp {
	const struct host_ops	*host;
	void			*harg;		/* its first argument */
	const struct host_ops	*inside;	/* the same behind an uplink */
	struct pktq		*in;		/* from the guests */
	struct pktq		*out;		/* to them */
	mono_t			 now;
	struct out_state	*tx;
	struct flow_table	*table;
	struct turns_state	*turns;
	struct ip_protos	*ip;
	struct tcp_engine	*tcp;
	struct udp_state	*udp;
	struct frag_table	*frags;
	const struct flow_ops	*flow_ops[FLOW_MAX];
	struct slirp_peer	**peers;	/* by id */
	uint32_t		 npeers;
	uint32_t		 policy;	/* generation, never 0 */
	uint8_t			 draining;	/* no new flows */
	uint8_t			*dgram;		/* DGRAM_MAX + headers */
	const struct client_ops	*clients;	/* NULL: there are none */
	const struct name_ops	*names;		/* NULL: no forwarder */
	datagram_fn		*pcp;		/* NULL: no ports for guests */
	const struct watch_ops	*watch;		/* NULL: nobody does */
	/* every packet from (0) and to (1) guests; NULL: nobody looks */
	void			 (*tap)(const struct slirp_peer *,
				    const uint8_t *, size_t, int);
	struct wheel		 wheel;
	struct wheel_timer	 house;		/* once a second, if needed */
	struct slirp_conf	 conf;
	struct addr_table	*hostaddrs;	/* the host's, or NULL */
	struct log_limit	 loglimit;
	struct log_limit	 rulelimit;
	struct slirp_counters	 count;
};

/* Enter a kind of flow. */
void		 flow_register(struct slirp *, enum flow_proto,
		    const struct flow_ops *);

/* Have what is old looked at, once a second. */
void		 slirp_house(struct slirp *);

/* What a flow's other side is reached by: a host's socket, or an uplink. */
static inline const struct host_ops *
host_of(const struct slirp *s, const struct flow *f)
{
	return (f->inside ? s->inside : s->host);
}

/* And the first argument of that. */
static inline void *
host_arg(struct slirp *s, const struct flow *f)
{
	return (f->inside ? s : s->harg);
}

/* Is it one of the gateway's own tunnel addresses? */
int		 own_address(const struct slirp *, const struct ipaddr *);

/* The gateway's address of a family (4 or 6), or NULL if it has none. */
const struct ipaddr	*own_of(const struct slirp *, uint8_t);

#endif
