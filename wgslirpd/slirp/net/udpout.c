/* SPDX-License-Identifier: ISC */

/*
 * UDP toward the guests: headers, and datagrams that belong to no mapping's
 * socket.
 */

#include <sys/types.h>
#include <netinet/in.h>

#include <string.h>

#include "bytes.h"
#include "cksum.h"
#include "out.h"
#include "udpout.h"

/* Put a header before len bytes of payload at p + UDP_HDR_LEN. */
void
udp_header(uint8_t *p, const struct ipaddr *from, uint16_t port,
    const struct ipaddr *to, uint16_t tport, size_t len)
{
	uint32_t	 sum;
	uint16_t	 c;

	/* not read back: what was just written is slow to read otherwise */
	sum = cksum_pseudo(from, to, IPPROTO_UDP, len + UDP_HDR_LEN) +
	    htons(port) + htons(tport) + htons((uint16_t)(len + UDP_HDR_LEN));
	c = cksum_fold(cksum_add(p + UDP_HDR_LEN, len, sum));
	if (c == 0)
		c = 0xffff;
	put32(p, (uint32_t)port << 16 | tport);
	put16(p + 4, (uint32_t)(len + UDP_HDR_LEN));
	memcpy(p + 6, &c, 2);
}

/*
 * Send a datagram to a guest that answers no mapping's socket.  data has
 * len bytes and as much room before them as a UDP header takes.
 */
void
udp_answer(struct slirp *s, struct slirp_peer *peer, struct lane *lane,
    const struct ipaddr *from, uint16_t port, const struct ipaddr *to,
    uint16_t tport, uint8_t *data, size_t len)
{
	udp_header(data - UDP_HDR_LEN, from, port, to, tport, len);
	out_send(s, peer, lane, from, to, IPPROTO_UDP, data - UDP_HDR_LEN,
	    len + UDP_HDR_LEN, 0);
	s->count.udp_tx_datagrams++;
	s->count.udp_tx_bytes += len;
}
