/* SPDX-License-Identifier: ISC */

#ifndef SEGMENT_H
#define SEGMENT_H

#include "parse.h"
#include "sendq.h"

/* A segment without payload that belongs to no connection, to the guest. */
struct tcp_bare {
	struct ipaddr	 src;		/* the host's side of it */
	struct ipaddr	 dst;		/* the guest */
	uint16_t	 sport;
	uint16_t	 dport;
	uint32_t	 seq;
	uint32_t	 ack;
	uint32_t	 tsval;
	uint32_t	 tsecr;
	uint8_t		 has_ts;
	uint8_t		 flags;
};

void		 tcp_send_ack(struct slirp *, struct tcpcb *);
void		 tcp_send_probe(struct slirp *, struct tcpcb *);
void		 tcp_send_rst(struct slirp *, struct tcpcb *);
void		 tcp_send_synack(struct slirp *, struct tcpcb *);
void		 tcp_send_syn(struct slirp *, struct tcpcb *);
void		 tcp_reply_rst(struct slirp *, const struct tcp_in *);
void		 tcp_send_bare(struct slirp *, struct slirp_peer *,
		    const struct tcp_bare *);
void		 tcp_send_seg(struct slirp *, struct tcpcb *, struct tseg *,
		    int);
void		 tcp_send_fin(struct slirp *, struct tcpcb *, uint32_t);
void		 tcp_challenge(struct slirp *, struct tcpcb *);

#endif
