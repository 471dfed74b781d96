/* SPDX-License-Identifier: ISC */

#ifndef WG_PLACE_H
#define WG_PLACE_H

#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <stdint.h>

#include "addr.h"

/*
 * Where a peer is, and from which of our addresses it was reached.  Who is at a
 * DERP relay has no such address of ours, nor a socket, and instead of an
 * interface the number of the relay and one.
 */
struct wg_endpoint {
	union {
		struct sockaddr		 sa;
		struct sockaddr_in	 sin;
		struct sockaddr_in6	 sin6;
		struct sockaddr_relay	 relay;
	} remote;		/* family AF_UNSPEC: unknown */
	struct ipaddr	 local;	/* af 0: let the system choose */
	uint32_t	 ifindex;
	uint32_t	 sock;	/* which of our sockets; WG_ANY_SOCK */
};
#define WG_ANY_SOCK	UINT32_MAX

/* The last time of a place: nanoseconds of Unix time, until 2262. */
#define WG_LAST_TIME	((uint64_t)INT64_MAX - 1)

#endif
