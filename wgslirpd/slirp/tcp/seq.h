/* SPDX-License-Identifier: ISC */

#ifndef SEQ_H
#define SEQ_H

#include <stdint.h>

/* Modular comparison of sequence numbers (RFC 9293 3.4). */
#define SEQ_LT(a, b)	((int32_t)((a) - (b)) < 0)
#define SEQ_LEQ(a, b)	((int32_t)((a) - (b)) <= 0)
#define SEQ_GT(a, b)	((int32_t)((a) - (b)) > 0)
#define SEQ_GEQ(a, b)	((int32_t)((a) - (b)) >= 0)

#define TCP_SACK_BLOCKS	4

struct tcp_range {
	uint32_t	 start;
	uint32_t	 end;
};

#endif
