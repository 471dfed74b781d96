/* SPDX-License-Identifier: ISC */

#ifndef PACE_H
#define PACE_H

#include "tcpcb.h"

#define PACE_QUANTUM	MONO_MS(1)	/* that may be sent ahead */

uint32_t	 tcp_pace_room(const struct slirp *, struct tcpcb *);
void		 tcp_pace_sent(const struct slirp *, struct tcpcb *, uint32_t);

#endif
