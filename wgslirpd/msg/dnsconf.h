/* SPDX-License-Identifier: ISC */

#ifndef DNSCONF_H
#define DNSCONF_H

#include <stdint.h>

#include "addr.h"
#include "msg.h"

/* Names for which there are upstreams of their own. */
#define MAX_ZONES	16
struct zone_msg {
	char		 name[HOST_NAME_LEN];	/* lower case */
};

/* A name that guests are not told, or are in spite of a list. */
struct block_msg {
	uint32_t	 allow;
	char		 name[HOST_NAME_LEN];	/* lower case */
};

struct block_file {
	uint64_t	 size;
	uint32_t	 allow;
	uint32_t	 pad;
};

/* Whom to ask. */
struct upstream {
	struct ipaddr	 addr;
	uint32_t	 scope;		/* of a link-local address */
	uint16_t	 port;
	uint16_t	 zone;		/* 0: for all names; else the n-th */
	uint16_t	 server;	/* by TLS: the n-th of these; else 0 */
	uint8_t		 pad[2];
	char		 name[HOST_NAME_LEN];	/* by TLS: who it is; else "" */
};

/*
 * A question that goes to a server by TLS, which the derp engine speaks, and
 * its answer, which comes in pieces.
 */
#define MAX_DOT		16
#define DOT_ASK_MAX	512
#define DOT_PART_MAX	1024
struct dot_ask {
	uint32_t	 cookie;	/* the asker's */
	uint16_t	 server;	/* the n-th */
	uint16_t	 len;
	uint8_t		 msg[DOT_ASK_MAX];
};
struct dot_part {
	uint32_t	 cookie;
	uint16_t	 len;		/* of this piece; with 0 there is none */
	uint8_t		 last;
	uint8_t		 pad;
	uint8_t		 data[DOT_PART_MAX];
};

#endif
