/* SPDX-License-Identifier: ISC */

#ifndef PARSE_H
#define PARSE_H

#include <stdint.h>

#include "packet.h"
#include "seq.h"
#include "peer.h"

#define TCP_HDR		20
#define TH_FIN		0x01
#define TH_SYN		0x02
#define TH_RST		0x04
#define TH_PSH		0x08
#define TH_ACK		0x10
#define TH_ECE		0x40		/* RFC 3168 */
#define TH_CWR		0x80

/* A segment from the guest, taken apart (RFC 9293 3.1, 7323, 2018). */
struct tcp_in {
	struct ippkt	*p;
	uint32_t	 seq;
	uint32_t	 ack;
	uint32_t	 wnd;
	uint32_t	 len;		/* payload */
	const uint8_t	*data;
	uint16_t	 sport;
	uint16_t	 dport;
	uint8_t		 flags;
	/* options */
	uint8_t		 has_mss;
	uint8_t		 has_ws;
	uint8_t		 has_sackok;
	uint8_t		 has_ts;
	uint8_t		 ws;
	uint16_t	 mss;
	uint32_t	 tsval;
	uint32_t	 tsecr;
	int		 nsack;
	struct tcp_range sack[TCP_SACK_BLOCKS];
};

/* Take a segment apart and check it.  -1 if it is to be dropped. */
int	 tcp_parse(struct slirp *, struct ippkt *, struct tcp_in *);

#endif
