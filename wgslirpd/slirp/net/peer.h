/* SPDX-License-Identifier: ISC */

#ifndef PEER_H
#define PEER_H

#include <sys/types.h>
#include <sys/queue.h>

#include <stdint.h>

#include "bucket.h"
#include "flow.h"
#include "msg.h"
#include "slirp.h"

#define PATH_AGE	MONO_SEC(600)	/* what is known of a path is forgotten */

/* A peer's flows that want a turn, in a row of their own. */
struct turns {
	TAILQ_ENTRY(slirp_peer)	 entry;	/* if the row is not empty */
	struct flow_queue	 flows;
};
TAILQ_HEAD(peer_queue, slirp_peer);

/*
 * A path, as the connections that take it found it (RFC 9040): to a guest one,
 * whatever it talks to; behind an uplink each has its own.
 */
struct path {
	mono_t		 at;
	mono_t		 srtt;
	mono_t		 rttvar;
	mono_t		 min;	/* round trip without a queue, 0: not known */
	mono_t		 min_at;
	mono_t		 probed;	/* the least since probed_at */
	mono_t		 probed_at;
	uint64_t	 bw;		/* its flows' shares, bytes a second */
	uint32_t	 flows;		/* that have one */
};

/* A guest, that is a WireGuard peer, as this engine knows it. */
struct slirp_peer {
	uint32_t	 id;
	char		 name[PEER_NAME_LEN];
	uint8_t		 mark;
	uint8_t		 down;		/* an uplink that does not answer */
	struct ipaddr	 own[2];	/* ours there: IPv4, IPv6; or af 0 */
	struct ipaddr	 dns[MAX_UPLINK_DNS];	/* resolvers there */
	uint8_t		 ndns_there;
	uint8_t		 pcp;		/* it may have ports of the host */
	struct uplink_ports	*ports;	/* of its addresses, or NULL */
	uint32_t	 max_flows;	/* 0: no limit of its own */
	uint32_t	 max_new;	/* a second, 0: every peer's limit */
	uint64_t	 rate_in;	/* bytes a second, 0: any */
	uint64_t	 rate_out;
	struct conf_egress	 egress;	/* if it is set */
	struct bucket	 in;
	struct bucket	 in_dgrams;	/* a quarter that TCP does not get */
	mono_t		 in_wait;	/* when TCP last had to wait for it */
	struct bucket	 out;
	struct bucket	 new;
	struct bucket	 errors;	/* ICMP */
	struct bucket	 ports_asked;	/* requests for ports */
	struct flow_queue	 flows;	/* idle ones drift to the front */
	struct turns		 turns[TURN_MAX];
	struct lane	 lane;
	uint16_t	 ip_id;		/* of the next packet to it */
	uint32_t	 frag_id;
	uint32_t	 ndns;		/* questions under way */
	uint32_t	 ndnsconns;
	uint64_t	 dns_asked;	/* questions, ever */
	uint64_t	 dns_blocked;	/* and what a list was for */
	uint8_t		 dns_any;	/* none is for this one */
	uint8_t		 dns_log;
	uint32_t	 nstreams;	/* their flows, which may live on */
	uint32_t	 nflows;
	uint32_t	 nconnecting;
	uint32_t	 nvia;		/* flows that the host began */
	uint32_t	 ndialing;	/* of them, not connected yet */
	uint32_t	 nuplinked;	/* ports at uplinks */
	uint32_t	 nslots;	/* held in send queues */
	mono_t		 back_at;	/* when it was heard of after silence */
	TAILQ_HEAD(, tcp_tw)	 ended[2];	/* connections that are told of */
	uint32_t	 nended[2];
	uint64_t	 rcvbuf;	/* bytes in receive buffers */
	TAILQ_HEAD(, dgram)	 frags;	/* incomplete, oldest first */
	uint32_t	 nremotes;	/* noted by its mappings */
	uint32_t	 nassocs;	/* of the host layer, at proxies, */
	uint32_t	 nheld;		/* and datagrams that wait for them */
	uint32_t	 nfrags;
	uint64_t	 fragbytes;
	struct path	 path;		/* to it; not of an uplink */
	uint16_t	 pmtu;		/* smaller than configured, 0: no */
	mono_t		 pmtu_at;
	mono_t		 sack_ms;	/* work of this millisecond */
	uint32_t	 sack_work;
};

/* Is it an uplink, where this side is a client, and no guest? */
static inline int
is_uplink(const struct slirp_peer *p)
{
	return ((p->own[0].af | p->own[1].af) != 0);
}

/* The peer with this id, or NULL. */
struct slirp_peer	*peer_get(const struct slirp *, uint32_t);

/* Find or make it, and name it; NULL if there is no memory. */
struct slirp_peer	*peer_set(struct slirp *, uint32_t, const char *);

/* Forget it: nothing of it is left in the engine. */
void		 peer_free(struct slirp *, struct slirp_peer *);

#endif
