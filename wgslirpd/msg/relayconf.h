/* SPDX-License-Identifier: ISC */

#ifndef RELAYCONF_H
#define RELAYCONF_H

#include <stdint.h>

#include "addr.h"
#include "key.h"
#include "msg.h"

/* A DERP relay, and how it is reached. */
#define MAX_RELAYS	16
#define RELAY_URL_LEN	512
#define MAX_RELAY_ALLOW	64		/* prefixes of "relay listen" */
#define PIN_LEN		32		/* SHA-256 */
struct conf_relay {
	char		 url[RELAY_URL_LEN];	/* for who reads it */
	char		 host[HOST_NAME_LEN];	/* that its certificate has */
	char		 path[RELAY_URL_LEN];
	char		 proxy_auth[4 * USER_LEN];	/* base64, "": none */
	char		 via[HOST_NAME_LEN];	/* host to connect to: it, or a
						   proxy; "": at addr */
	struct ipaddr	 addr;
	uint16_t	 port;			/* of the relay */
	uint16_t	 via_port;
	uint8_t		 proxy;			/* that is an HTTP proxy */
	uint8_t		 tls;
	uint8_t		 pinned;
	uint8_t		 has_ca;		/* IMSG_CONF_RELAY_CA follows */
	uint8_t		 any;		/* whoever is there may come */
	uint8_t		 key[KEY_LEN];	/* private: ours at this relay */
	uint8_t		 pin[PIN_LEN];	/* of the public key's DER */
};

#endif
