/* SPDX-License-Identifier: ISC */

#ifndef TLS_H
#define TLS_H

#include <stddef.h>
#include <stdint.h>

#include "conf.h"

/*
 * TLS (1.2 or 1.3) of a client, between bytes that come from a socket and bytes
 * that go there: libssl never sees the socket.
 */
struct tls_config;
struct tls;

/*
 * tls_config_new:	for one relay: whom to trust is in so many bytes of PEM,
 *			or in the relay's pin, or both.  NULL, and why.
 * tls_config_free:	no connection may be left
 * tls_new:		one connection; NULL out of memory
 * tls_input:		bytes from the socket; -1 out of memory
 * tls_handshake:	1: it is complete and the server is who it should be,
 *			0: it needs more bytes, -1: it failed, see tls_error()
 * tls_read:		plain bytes; 0: there are none now, -1: it is over
 * tls_write:		plain bytes, all of them; -1: it is over
 * tls_output:		bytes for the socket; 0: there are none
 * tls_error:		why it failed, for who reads the log
 */
struct tls_config	*tls_config_new(const struct conf_relay *,
			    const char *, size_t, const char **);
void			 tls_config_free(struct tls_config *);
struct tls		*tls_new(struct tls_config *);
void			 tls_free(struct tls *);
int			 tls_input(struct tls *, const uint8_t *, size_t);
int			 tls_handshake(struct tls *);
int			 tls_read(struct tls *, uint8_t *, size_t);
int			 tls_write(struct tls *, const uint8_t *, size_t);
size_t			 tls_output(struct tls *, uint8_t *, size_t);
const char		*tls_error(struct tls *);

#endif
