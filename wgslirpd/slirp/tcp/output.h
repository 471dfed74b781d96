/* SPDX-License-Identifier: ISC */

#ifndef OUTPUT_H
#define OUTPUT_H

#include "tcpcb.h"

int		 tcp_split(struct slirp *, struct tcpcb *, uint32_t);
int		 tcp_resend(struct slirp *, struct tcpcb *, uint32_t);
int		 tcp_probe_new(struct slirp *, struct tcpcb *);
int		 tcp_output(struct slirp *, struct tcpcb *);

#endif
