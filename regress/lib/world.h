/* SPDX-License-Identifier: ISC */

#ifndef WORLD_H
#define WORLD_H

#include <sys/types.h>
#include <sys/queue.h>
#include <netinet/in.h>

#include <errno.h>

#include "log.h"
#include "slirp/net/bytes.h"
#include "slirp/net/cksum.h"
#include "slirp/net/engine.h"
#include "slirp/net/error.h"
#include "slirp/net/out.h"
#include "slirp/net/packet.h"
#include "slirp/net/policy.h"
#include "slirp/net/rate.h"
#include "slirp/net/remotes.h"
#include "slirp/net/table.h"
#include "slirp/net/turns.h"
#include "slirp/net/udpfwd.h"
#include "slirp/net/udpout.h"
#include "slirp/tcp/dial.h"
#include "slirp/tcp/parse.h"
#include "slirp/tcp/rcvq.h"
#include "slirp/tcp/sendq.h"
#include "slirp/tcp/tcpcb.h"
#include "unit.h"

/*
 * A slirp engine with a driven clock, real packet queues, and host
 * sockets that are only memory.
 */

#define SLOTS	2048
#define FBUF	(8 << 20)
#define MAXF	64
#define MAXPKT	4096

struct fsock {
	struct flow	*f;
	int		 used;
	int		 connected;
	int		 error;		/* of the connect, or the next read */
	int		 werror;
	int		 queued;	/* ICMP error; reading it clears error */
	uint8_t		*in;		/* for the engine to read */
	size_t		 inlen;
	size_t		 inpos;
	int		 eof;
	uint8_t		*out;		/* what the engine wrote */
	size_t		 outlen;
	size_t		 cap;		/* it takes no more than this */
	int		 shut;
	int		 closed;	/* 1 orderly, 2 reset */
	struct ipaddr	 dst;
	uint16_t	 dport;
	struct ipaddr	 from;		/* datagrams: sender of in */
	uint16_t	 fport;
	int		 ttl;
	size_t		 segment;	/* of what comes coalesced */
	int		 answered;	/* errno; -1: it is connected */
};

struct pkt {
	size_t		 len;
	uint8_t		 b[2048];
};

struct world {
	struct slirp		 s;
	struct pktq		 in_p, in_c, out_p, out_c;
	int			 fd[2];
	struct fsock		 fs[MAXF];
	int			 nfs;
	int			 open_error;
	struct pkt		*pkts;		/* toward the guest */
	int			 npkts;
	struct slirp_peer	*peer;
	uint8_t			 reply[2048];	/* the last one */
	size_t			 replylen;
	int			 replies;
	int			 forgotten;
	int			 sends;		/* calls */
	int			 no_gso;
	uint32_t		 from;		/* peer who sends */
	uint16_t		 ip_id;		/* of its next packet */
};

extern struct world	 W;
extern uint32_t		 w_flows;	/* that the next world has room for */

struct fsock	*fs_of(struct flow *);
void		 w_addr(struct ipaddr *, const char *);
void		 w_open(void);
void		 w_collect(void);
void		 w_run(void);
void		 w_time(unsigned int);
void		 w_jump(unsigned int);
void		 w_close(void);
void		 w_queue(const uint8_t *, size_t);
void		 w_inject(const uint8_t *, size_t);
void		 w_header(uint8_t *, const struct ipaddr *,
		    const struct ipaddr *, uint8_t, size_t, int);
size_t		 w_ip(uint8_t *, const struct ipaddr *, const struct ipaddr *,
		    uint8_t, uint8_t *, size_t, size_t);

#endif
