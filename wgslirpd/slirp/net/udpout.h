/* SPDX-License-Identifier: ISC */

#ifndef UDPOUT_H
#define UDPOUT_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "peer.h"

#define UDP_HDR_LEN	8

void		 udp_header(uint8_t *, const struct ipaddr *, uint16_t,
		    const struct ipaddr *, uint16_t, size_t);
void		 udp_answer(struct slirp *, struct slirp_peer *, struct lane *,
		    const struct ipaddr *, uint16_t, const struct ipaddr *,
		    uint16_t, uint8_t *, size_t);

#endif
