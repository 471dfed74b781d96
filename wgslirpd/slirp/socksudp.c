/* SPDX-License-Identifier: ISC */

/*
 * Datagrams of clients of the proxy (RFC 1928 7).
 */

#include <sys/types.h>

#include <string.h>

#include "fwdudp.h"
#include "net/bytes.h"
#include "socksudp.h"
#include "tunnelnames.h"

/* What precedes a datagram to the client (RFC 1928 7); its length. */
static size_t
udp_header(const struct forward_flow *w, uint8_t h[22])
{
	size_t	 n = w->f.src.af == 4 ? 4 : 16;

	memset(h, 0, 3);
	h[3] = n == 4 ? SOCKS_IPV4 : SOCKS_IPV6;
	memcpy(h + 4, w->f.src.a, n);
	put16(h + 4 + n, w->f.sport);
	return (n + 6);
}

/*
 * The same from the client: where the datagram goes, and where its payload
 * starts.  Names are those of the tunnel.  -1 if it is to be dropped.
 */
static int
udp_parse(const uint8_t *m, size_t len, struct ipaddr *dst,
    uint16_t *port, size_t *off)
{
	char	 name[256];

	if (len < 5 || m[2] != 0)
		return (-1);	/* fragments of SOCKS are optional */
	switch (m[3]) {
	case SOCKS_IPV4:
		*off = 10;
		break;
	case SOCKS_IPV6:
		*off = 22;
		break;
	case SOCKS_NAME:
		*off = 7U + m[4];
		break;
	default:
		return (-1);
	}
	if (len < *off || (*port = be16(m + *off - 2)) == 0)
		return (-1);
	if (m[3] == SOCKS_IPV4)
		ipaddr_from4(dst, m + 4);
	else if (m[3] == SOCKS_IPV6)
		ipaddr_from6(dst, m + 4);
	else {
		memcpy(name, m + 5, m[4]);
		name[m[4]] = '\0';
		if (ipaddr_parse(dst, name) == -1 &&
		    names_local(name, dst, 1) <= 0)
			return (-1);
	}
	return (0);
}

const struct listener_ops	 socksudp_ops = {
	.readable = fwdudp_readable,
	.take_over = fwdudp_take_over,
	.gone = fwdudp_gone,
	.parse = udp_parse,
	.header = udp_header
};
