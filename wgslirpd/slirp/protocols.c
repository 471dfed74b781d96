/* SPDX-License-Identifier: ISC */

#include "net/icmp.h"
#include "net/udp.h"
#include "protocols.h"
#include "tcp/tcp.h"

int
protocols_register(struct slirp *s, const struct siphash_key *seed)
{
	icmp_register(s);
	if (udp_register(s) == -1 || tcp_register(s, seed) == -1)
		return (-1);
	return (0);
}
