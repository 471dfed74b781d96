/* SPDX-License-Identifier: ISC */

#ifndef TCPCONF_H
#define TCPCONF_H

#include <stdint.h>

/*
 * What can be set about TCP toward guests: names, bounds and defaults that
 * the parent, which reads them, and the slirp engine share.
 */
#define TCP_MSS_MIN	88
#define TCP_WND_START	65536
#define TCP_WND_MAX	(4 * 1024 * 1024)
#define TCP_WSCALE	8
#define TCP_IW_SEGS	10		/* RFC 6928 */

/* Congestion controls. */
enum cc_id {
	CC_NEWRENO,
	CC_CUBIC,
	CC_BBR,
	CC_OFF,
	CC_MAX
};
#define CC_DEFAULT	CC_BBR

/* How a failed connect is told to the guest. */
enum error_signal {
	SIGNAL_ICMP,		/* as what it was */
	SIGNAL_RST,		/* as a reset, whatever it was */
	SIGNAL_NONE
};

enum gate_log {
	GATE_OFF,
	GATE_INFO,
	GATE_DEBUG
};

/* Everything about TCP toward guests that can be set. */
struct conf_tcp {
	uint32_t	 ack_delay;	/* milliseconds */
	uint32_t	 pace_gap;	/* microseconds between segments */
	uint32_t	 fast_dial;	/* milliseconds, 0: connect first */
	uint32_t	 idle_gate;	/* milliseconds without progress */
	uint32_t	 idle_inflight;	/* bytes, 0: one segment */
	uint32_t	 idle_fail;	/* seconds */
	uint32_t	 host_idle;	/* seconds before a host is asked */
	uint32_t	 host_timeout;	/* seconds, 0: the system's */
	uint32_t	 rcvbuf;	/* of host sockets, 0: the system's */
	uint32_t	 sndbuf;
	uint32_t	 window;	/* offered at first, bytes */
	uint16_t	 mss;		/* clamp, 0: none */
	uint8_t		 cc;		/* enum cc_id */
	uint8_t		 sack;
	uint8_t		 ecn;		/* with guests that ask for it */
	uint8_t		 host_cc;	/* of host sockets, 0: the system's */
	uint8_t		 signal;	/* enum error_signal */
	uint8_t		 gate_log;	/* enum gate_log */
	uint8_t		 wscale;
	uint8_t		 iw;		/* segments */
};

/* What host sockets may use instead of the system's; NULL-terminated. */
extern const char *const	 tcpconf_host_cc[];

/* Every setting, where nobody has set it. */
void		 tcpconf_defaults(struct conf_tcp *);

/* What the configuration calls a congestion control. */
const char	*tcpconf_cc_name(enum cc_id);
/* And which one has the name: an enum cc_id, or -1. */
int		 tcpconf_cc(const char *);

#endif
