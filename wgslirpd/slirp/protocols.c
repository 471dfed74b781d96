/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include "net/icmp.h"
#include "net/udp.h"
#include "net/uplink.h"
#include "protocols.h"
#include "tcp/splice.h"
#include "tcp/tcp.h"

static void
inside_close(void *arg, struct flow *f, int reset)
{
	if (f->type == FLOW_TCP)
		splice_close(arg, f, reset);
	else
		uplink_close(arg, f, reset);
}

/* The other side of flows that leave by an uplink: there is no socket. */
static const struct host_ops	 inside_ops = {
	.answered = splice_answered,
	.tcp_open = splice_open,
	.readv = splice_readv,
	.writev = splice_writev,
	.shutdown = splice_shutdown,
	.connected = splice_connected,
	.error = splice_error,
	.udp_open = uplink_udp_open,
	.icmp_open = uplink_icmp_open,
	.local_port = uplink_local_port,
	.close = inside_close,
	.errqueue = uplink_errqueue,
	.sendto = uplink_sendto,
	.recvfrom = uplink_recvfrom
};

int
protocols_register(struct slirp *s, const struct siphash_key *seed)
{
	s->inside = &inside_ops;
	icmp_register(s);
	if (udp_register(s) == -1 || tcp_register(s, seed) == -1)
		return (-1);
	return (0);
}
