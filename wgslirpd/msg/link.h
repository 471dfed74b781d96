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

#endif
