/* SPDX-License-Identifier: ISC */

#ifndef FLOW_H
#define FLOW_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "addr.h"
#include "mono.h"
#include "wheel.h"

/*
 * A flow: what a guest, or a client of the host, does with one service.  The
 * table keeps flows, the turns give them their time, and neither knows the
 * protocols but through struct flow_ops.
 */
#define DNS_PORT	53

struct slirp;
struct slirp_peer;
struct flow;

enum flow_proto {
	FLOW_TCP,
	FLOW_UDP,
	FLOW_ICMP,
	FLOW_FORWARD,		/* UDP, of a client of the host */
	FLOW_MAX
};

/* What a guest's flow is connected to. */
enum flow_target {
	TARGET_HOST,		/* its destination */
	TARGET_LOOPBACK,	/* the host itself, by a rule */
	TARGET_DNS		/* the forwarder of this process */
};

/* Who began a flow. */
enum flow_via {
	VIA_GUEST,
	VIA_FORWARD,		/* a client of the host */
	VIA_SOCKS,
	VIA_HTTP,
	VIA_PORT,		/* who calls at a port that a guest has */
	VIA_ASK,		/* this process, of somebody behind an uplink */
	VIA_INSIDE		/* the uplink's half of a guest's connection */
};

/* Rows of flows that want a turn. */
enum turn {
	TURN_NONE,
	TURN_READY,
	TURN_WAITING,		/* for packet slots */
	TURN_MAX
};

/*
 * Whose packets stay in order, and how many of them have passed others in
 * this round; see out.c.
 */
struct lane {
	uint32_t	 bulk_mark;	/* of its last packet in bulk */
	uint32_t	 round;		/* in which it last sent something */
	uint8_t		 nround;	/* express packets in that round */
};

/* What every flow has; each protocol embeds it first in a struct of its own. */
struct flow {
	LIST_ENTRY(flow)	 hash;
	TAILQ_ENTRY(flow)	 ready_entry;
	TAILQ_ENTRY(flow)	 peer_entry;
	struct wheel_timer	 timer;
	struct slirp_peer	*peer;		/* whose it is */
	struct slirp_peer	*toward;	/* who gets its packets */
	mono_t			 created;
	mono_t			 active;	/* last packet either way */
	uint64_t		 rx_bytes;
	uint64_t		 tx_bytes;
	struct ipaddr		 src;		/* guest */
	struct ipaddr		 dst;
	uint16_t		 sport;
	uint16_t		 dport;
	uint32_t		 idx;
	uint32_t		 gen;
	uint32_t		 bucket;
	struct lane		 lane;
	uint8_t			 type;		/* enum flow_proto */
	uint8_t			 turn;		/* enum turn */
	uint8_t			 readable;	/* host socket may have data */
	uint8_t			 df;		/* of the host layer */
	uint8_t			 short_ttl;	/* of the host layer */
	uint8_t			 via64;		/* the same */
	uint8_t			 dscp;		/* for packets to the guest */
	uint8_t			 target;	/* enum flow_target */
	uint8_t			 via;		/* enum flow_via */
	uint8_t			 opening;	/* nobody may end it now */
	uint8_t			 kept;		/* its port was asked for */
	uint8_t			 inside;	/* its other side is here, too */
	int			 fd;
	/* what is seldom looked at */
	uint32_t		 way;		/* when it is opened */
	struct slirp_peer	*uplink;	/* by which it leaves, or NULL */
	uint64_t		 way_id;	/* of a mapping: see egress.h */
	void			*dial;		/* of the host layer, to a proxy, */
	int			 dial_error;	/* and what became of it */
};

TAILQ_HEAD(flow_queue, flow);

struct flow_key {
	uint32_t	 peer;
	uint8_t		 type;
	uint8_t		 af;
	uint16_t	 sport;
	uint16_t	 dport;
	uint16_t	 paired;	/* the destination counts, too */
	uint8_t		 src[16];
	uint8_t		 dst[16];
	uint8_t		 pad[4];
	uint64_t	 way;		/* of a mapping, by which it leaves */
};

/* What a guest, or a router behind it, says about a packet of ours. */
struct guest_error {
	uint32_t	 seq;		/* that was quoted, of TCP */
	uint32_t	 mtu;		/* 0: it is not about that */
	uint8_t		 af;
	uint8_t		 type;
	uint8_t		 code;
};

/*
 * A kind of flow, by f->type; flow_register() enters it.  event says what
 * happened on the host socket (HOST_READ and so on); ready is one turn, a
 * train and not a packet, and returns whether the flow wants another; timer
 * may come early; kill ends the flow at once, and frees it; worth is how
 * little it would be missed (enum flow_worth); told passes on an
 * error from the guest's side.  event, ready and told may be NULL.
 */
struct flow_ops {
	uint8_t		 ipproto[2];	/* over IPv4, over IPv6 */
	void		 (*event)(struct slirp *, struct flow *, int);
	int		 (*ready)(struct slirp *, struct flow *);
	void		 (*timer)(struct slirp *, struct flow *);
	void		 (*kill)(struct slirp *, struct flow *);
	int		 (*worth)(const struct slirp *, const struct flow *);
	const char	*(*state)(const struct flow *);
	void		 (*told)(struct slirp *, struct flow *,
			    const struct guest_error *);
	/* of a mapping: has the guest sent to this address and port? */
	int		 (*knows)(struct slirp *, struct flow *,
			    const struct ipaddr *, uint16_t);
};

/* What a flow is worth when room is needed: the lowest goes first. */
enum flow_worth {
	WORTH_NOTHING,		/* nobody has answered yet */
	WORTH_IDLE,		/* a datagram mapping that is not used */
	WORTH_HALF_OPEN,
	WORTH_QUIET,		/* a connection that is not used */
	WORTH_MUCH		/* in use */
};

/* A number by which others know the flow: never used again. */
static inline uint64_t
flow_id(const struct flow *f)
{
	return ((uint64_t)f->gen << 24 | f->idx);
}

#endif
