/* SPDX-License-Identifier: ISC */

#ifndef SOCKSDIAL_H
#define SOCKSDIAL_H

#include <stdint.h>

#include "addr.h"
#include "net/egress.h"

/*
 * This side as a client of a SOCKS5 proxy (RFC 1928, RFC 1929), until the proxy
 * has connected to somebody.
 */
struct socks_dial;

/*
 * Toward an address and port, or, with NULL, for datagrams (UDP ASSOCIATE).
 * NULL if there is no memory.
 */
struct socks_dial	*socksdial_new(const struct way *,
			    const struct ipaddr *, uint16_t);

/*
 * Go on, on a connected socket: 1 if it leads there now, 0 if there is more to
 * wait for, -1 with errno, which is what became of the connection.
 */
int	 socksdial_step(struct socks_dial *, int);

/* The port that the proxy has named in its answer. */
uint16_t	 socksdial_port(const struct socks_dial *);

/* Has the proxy said anything yet? */
int	 socksdial_heard(const struct socks_dial *);
void	 socksdial_free(struct socks_dial *);

/* A socket that connects to the proxy; -1 with errno. */
int	 socksdial_connect(const struct way *);

#endif
