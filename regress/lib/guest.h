/* SPDX-License-Identifier: ISC */

#ifndef GUEST_H
#define GUEST_H

#include "world.h"

/* The guest's side of one TCP connection. */
struct guest {
	struct ipaddr	 a;
	struct ipaddr	 dst;
	uint16_t	 port;
	uint16_t	 dport;
	uint32_t	 seq;
	uint32_t	 ack;
	uint16_t	 wnd;
	int		 sack;
	int		 ws;		/* offers window scaling */
	uint8_t		 tos;
	struct tcp_range blocks[3];	/* to be reported once */
	int		 nblocks;
};

/* A segment from the gateway, taken apart. */
struct seg {
	uint32_t	 seq;
	uint32_t	 ack;
	uint16_t	 wnd;
	uint8_t		 flags;
	size_t		 len;
	const uint8_t	*data;
	const uint8_t	*opt;
	size_t		 optlen;
	uint8_t		 tos;
	uint8_t		 ttl;
};

void		 g_send(struct guest *, uint8_t, uint32_t, const void *,
		    size_t);
int		 g_next(struct seg *);
void		 g_init(struct guest *, int, uint32_t);
void		 host_up(struct fsock *);
void		 host_says(struct fsock *, const void *, size_t);
struct fsock	*g_connect(struct guest *, uint32_t);
void		 fill(uint8_t *, size_t, uint32_t);
void		 g_udp_queue(const char *, const char *, uint16_t, uint16_t,
		    const void *, size_t);
void		 g_udp_send(const char *, const char *, uint16_t, uint16_t,
		    const void *, size_t);
void		 g_udp_says(struct fsock *, const char *, uint16_t, const void *,
		    size_t);

#endif
