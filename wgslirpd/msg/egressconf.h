/* SPDX-License-Identifier: ISC */

#ifndef EGRESSCONF_H
#define EGRESSCONF_H

#include <stdint.h>

#include "addr.h"
#include "msg.h"

/* How guests' connections leave. */
enum way_kind {
	WAY_HOST,		/* by the host's sockets */
	WAY_NONE,		/* not at all */
	WAY_UPLINK,		/* into the tunnel to a peer */
	WAY_SOCKS		/* through a SOCKS5 proxy */
};

/*
 * One such way.  By the host: from these addresses and by this interface; 0 of
 * each: as the system has it.
 */
#define MAX_SOURCES	8
struct conf_way {
	struct ipaddr	 source[MAX_SOURCES];
	struct ipaddr	 proxy;
	uint32_t	 ifindex;
	uint32_t	 rotate;	/* seconds with one source, 0: always */
	uint32_t	 peer;		/* id, of an uplink */
	uint16_t	 port;		/* of the proxy */
	uint8_t		 kind;		/* enum way_kind */
	uint8_t		 nsources;
	uint8_t		 has_user;	/* one follows */
	uint8_t		 pad[7];
	char		 name[PEER_NAME_LEN];	/* "": it has none */
};

/*
 * Ways in order, by their index in all that there are: the first that is up is
 * taken, and nothing else.
 */
#define MAX_ORDER	4
#define MAX_EGRESS	16	/* that have names */
#define WAY_INDEX_HOST	0	/* which there always is */
#define WAY_INDEX_FIRST	2	/* uplinks, and then the others */
struct conf_egress {
	uint32_t	 way[MAX_ORDER];
	uint8_t		 n;		/* 0: as it is for everybody */
	uint8_t		 pad[3];
};

/* A port of the host for a guest, who is asked for or has got it. */
struct port_msg {
	uint32_t	 cookie;	/* the asker's */
	uint32_t	 peer;		/* id */
	uint16_t	 port;		/* suggested, 0: any; or what it is */
	uint8_t		 proto;		/* IPPROTO_TCP, IPPROTO_UDP */
	uint8_t		 af;		/* 4, 6 */
	uint8_t		 exact;		/* that one, or none */
	uint8_t		 quota;		/* the peer has too many */
	uint8_t		 pad[2];
};

/* Can guests come out at this peer? */
struct uplink_msg {
	uint32_t	 id;
	uint32_t	 up;
};

#endif
