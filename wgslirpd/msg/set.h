/* SPDX-License-Identifier: ISC */

#ifndef SET_H
#define SET_H

#include <sys/types.h>

#include <stdint.h>

#include "addr.h"
#include "key.h"
#include "msg.h"

/*
 * wg(8) in messages: a change on its way from control to the parent and to
 * crypto, and what crypto answers when it is asked.
 */

/* A change by wg(8), in the order in which it was written. */
#define SET_PRIVATE_KEY		0x01	/* zeros: none */
#define SET_LISTEN_PORT		0x02
#define SET_REPLACE_PEERS	0x04
struct set_device {
	uint32_t	 flags;
	uint16_t	 listen_port;	/* 0: the system chooses */
	uint16_t	 pad;
	uint8_t		 private_key[KEY_LEN];
};

#define SET_REMOVE		0x01
#define SET_UPDATE_ONLY		0x02
#define SET_PSK			0x04
#define SET_ENDPOINT		0x08
#define SET_KEEPALIVE		0x10
#define SET_REPLACE_AIPS	0x20
struct set_peer {
	uint32_t	 flags;
	uint32_t	 id;		/* the parent fills it in */
	char		 name[PEER_NAME_LEN];	/* and this */
	uint8_t		 public_key[KEY_LEN];
	uint8_t		 psk[KEY_LEN];
	struct ipaddr	 ep_addr;
	uint32_t	 ep_scope;
	char		 ep_ifname[16];	/* of the scope; "": ep_scope */
	uint16_t	 ep_port;
	uint16_t	 keepalive;	/* seconds */
	uint8_t		 reserved[3];	/* of a peer of the file; parent */
	uint8_t		 worker;
	uint64_t	 quota;		/* the same */
	int64_t		 expires;
};

struct set_done {
	int32_t		 error;		/* errno */
	uint32_t	 naips;		/* of all peers now */
};

struct set_aip {
	struct ipprefix	 prefix;
	uint32_t	 remove;
};

struct uapi_device {
	uint8_t		 has_key;
	uint8_t		 pad;
	uint16_t	 listen_port;
	uint8_t		 private_key[KEY_LEN];
};

struct uapi_peer {
	uint64_t	 latest_handshake;	/* Unix seconds, 0: none */
	uint64_t	 rx_bytes;
	uint64_t	 tx_bytes;
	uint32_t	 latest_nsec;
	uint32_t	 ep_scope;
	struct ipaddr	 endpoint;		/* af 0: unknown */
	uint16_t	 endpoint_port;
	uint16_t	 keepalive;
	uint8_t		 public_key[KEY_LEN];
	uint8_t		 psk[KEY_LEN];
};

#endif
