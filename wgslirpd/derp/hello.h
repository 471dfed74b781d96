/* SPDX-License-Identifier: ISC */

#ifndef HELLO_H
#define HELLO_H

#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "key.h"

/*
 * What is said before the first datagram: HTTP to a proxy and to the relay,
 * and the two boxes in which client and server prove who they are.
 */
#define HELLO_MAX	4096		/* bytes of a request */
#define HEAD_MAX	16384		/* of an answer's head */
#define INFO_MAX	256		/* of a ClientInfo frame's content */

/* What a server says of itself. */
struct server_info {
	uint64_t	 rate;		/* bytes a second it takes, 0: any */
	uint64_t	 burst;		/* bytes at once */
};

/*
 * hello_public:	the public key of a private one; -1 if it has none
 * hello_connect:	the request to a proxy; its length
 * hello_upgrade:	the request to the relay; its length
 * hello_head:		the length of an answer's head in so many bytes, with
 *			its status in *status; 0: it is not complete, -1: it
 *			cannot become one
 * hello_has:		does the head have a header with this word in it?
 * hello_client:	the content of a ClientInfo frame; its length, or 0
 * hello_server:	open a ServerInfo frame's content; -1 if the server did
 *			not make it for us
 */
int	 hello_public(uint8_t [KEY_LEN], const uint8_t [KEY_LEN]);
size_t	 hello_connect(const struct conf_relay *, char [HELLO_MAX]);
size_t	 hello_upgrade(const struct conf_relay *, char [HELLO_MAX]);
int	 hello_head(const uint8_t *, size_t, int *);
int	 hello_has(const uint8_t *, size_t, const char *, const char *);
size_t	 hello_client(const uint8_t [KEY_LEN], const uint8_t [KEY_LEN],
	    uint8_t [INFO_MAX]);
int	 hello_server(const uint8_t [KEY_LEN], const uint8_t [KEY_LEN],
	    const uint8_t *, size_t, struct server_info *);

#endif
