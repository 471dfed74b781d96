/* SPDX-License-Identifier: ISC */

#ifndef SEGMENT_H
#define SEGMENT_H

#include "parse.h"
#include "sendq.h"

void		 tcp_send_ack(struct slirp *, struct tcpcb *);
void		 tcp_send_probe(struct slirp *, struct tcpcb *);
void		 tcp_send_rst(struct slirp *, struct tcpcb *);
void		 tcp_send_synack(struct slirp *, struct tcpcb *);
void		 tcp_send_syn(struct slirp *, struct tcpcb *);
void		 tcp_reply_rst(struct slirp *, const struct tcp_in *);
void		 tcp_reply_ack(struct slirp *, struct slirp_peer *,
		    const struct ipaddr *, uint16_t, const struct ipaddr *,
		    uint16_t, uint32_t, uint32_t);
void		 tcp_send_seg(struct slirp *, struct tcpcb *, struct tseg *,
		    int);
void		 tcp_send_fin(struct slirp *, struct tcpcb *, uint32_t);
void		 tcp_challenge(struct slirp *, struct tcpcb *);

#endif
