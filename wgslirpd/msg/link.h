/* SPDX-License-Identifier: ISC */

#ifndef LINK_H
#define LINK_H

#include <stdint.h>

#include "key.h"

/*
 * The link between the crypto and the derp engine: a socket that keeps messages
 * apart.  Each is this header and, behind it, datagrams of WireGuard, of one
 * size but for the last, from or to one key at the relays.  The socket's buffer
 * is the bound: what does not fit is dropped and counted.
 */
#define LINK_DATA_MAX	65536	/* bytes behind the header */
#define LINK_BUFFER	425984	/* bytes that the socket is asked to hold */

#define LINK_ANY	UINT16_MAX	/* whichever relay */

struct link_hdr {
	uint8_t		 key[KEY_LEN];
	uint16_t	 segment;	/* bytes of each */
	uint16_t	 via;		/* number of the relay */
};

/*
 * What goes between engines of one kind that are different workers': a socket
 * that keeps messages apart, each of which is a header and what follows it.
 * The socket's buffer is the bound: what does not fit is dropped and counted.
 */
#define ACROSS_DATA_MAX	65536	/* bytes behind the header */

/* Between the crypto engines. */
enum across_kind {
	ACROSS_DATAGRAM,	/* it came here, and is for a peer there */
	ACROSS_PACKETS		/* from a peer here to peers there */
};

/* Behind ACROSS_PACKETS are these, each before its packet. */
struct across_packet {
	uint16_t	 len;
	uint16_t	 pad;
};

#endif
