/* SPDX-License-Identifier: ISC */

#ifndef RELAY_H
#define RELAY_H

#include <event2/event.h>

#include "conf.h"
#include "frame.h"
#include "hello.h"
#include "log.h"
#include "mono.h"
#include "outq.h"
#include "tls.h"

/*
 * One relay: the connection to it, from the first SYN to the end, and again.
 */
#define RELAY_IN	(FRAME_HDR + KEY_LEN + FRAME_DATA_MAX + 16384)
#define RELAY_RECORD	16384		/* bytes of frames sealed at once */
#define RELAY_OUT	(RELAY_RECORD + 4096)
#define RELAY_CTL	HELLO_MAX	/* bytes of what is no datagram */
#define RELAY_ERROR	176

enum relay_state {
	RELAY_WAITING,		/* for its address, or for its time */
	RELAY_CONNECTING,
	RELAY_PROXY,		/* has been asked to connect */
	RELAY_TLS,
	RELAY_HTTP,		/* has been asked for DERP */
	RELAY_KEY,		/* the server's key is awaited */
	RELAY_INFO,		/* it was told who we are */
	RELAY_UP
};

struct relay {
	struct conf_relay	 conf;
	uint32_t		 number;	/* in the configuration */
	uint8_t			 public[KEY_LEN];
	struct tls_config	*tls_conf;
	enum relay_state	 state;
	int			 fd;
	struct event		*rev;
	struct event		*wev;
	struct event		*timer;		/* of the state */
	struct event		*pinger;
	struct event		*shaper;	/* the server's rate */
	struct tls		*tls;
	struct relay_addrs	 addrs;
	uint32_t		 which;		/* of them is the next */
	uint32_t		 tried;		/* so many since a wait */
	int			 doomed;	/* it failed: it ends soon */
	int			 blocked;	/* the socket takes no more */
	int			 shaped;	/* nor does the server */
	unsigned int		 backoff;	/* ms, of the last wait */
	unsigned int		 restarting;	/* ms that the server asked */
	mono_t			 up_since;
	mono_t			 heard;
	mono_t			 pinged;	/* last */
	int			 awaited;	/* its answer is */
	uint8_t			 ping[8];
	mono_t			 rtt;		/* smoothed, 0: not known */
	int			 pongs;		/* it has answered one */
	int			 preferred;
	uint8_t			 server[KEY_LEN];
	struct server_info	 info;
	uint64_t		 tokens;	/* bytes it takes now */
	mono_t			 refilled;
	struct outq		 q;
	size_t			 skip;		/* of a frame, to come */
	size_t			 inlen;
	size_t			 outoff, outlen;
	size_t			 ctllen;
	uint64_t		 rx, tx;	/* datagrams */
	struct log_limit	 limit;
	char			 error[RELAY_ERROR];	/* the last one */
	uint8_t			 in[RELAY_IN];
	uint8_t			 out[RELAY_OUT];
	uint8_t			 ctl[RELAY_CTL];
};

/*
 * What a relay tells its owner, who must not call it, or free it, meanwhile.
 * input: a datagram from a key, which is not the owner's to keep; gone: who has
 * the key is not there; changed: it came up or went down, or its round trip is
 * known better; ended: a batch of input is over; lost: its address may be
 * another one by now.
 */
struct relay_ops {
	void	 (*input)(struct relay *, const uint8_t [KEY_LEN],
		    const uint8_t *, size_t);
	void	 (*ended)(struct relay *);
	void	 (*gone)(struct relay *, const uint8_t [KEY_LEN]);
	void	 (*changed)(struct relay *);
	void	 (*lost)(struct relay *);
};

/*
 * relay_new:		one of the configuration, whose CA file is so many bytes
 *			of PEM; NULL, and why
 * relay_start:		connect, from now on
 * relay_addresses:	where it is
 * relay_send:		a datagram to a key; it is queued, and goes with...
 * relay_flush:		... what is queued with it
 * relay_prefer:	tell it whether it is the one that is preferred
 */
struct relay	*relay_new(const struct conf_relay *, uint32_t, const char *,
		    size_t, const struct relay_ops *, const char **);
void		 relay_free(struct relay *);
void		 relay_start(struct relay *);
void		 relay_addresses(struct relay *, const struct relay_addrs *);
void		 relay_send(struct relay *, const uint8_t [KEY_LEN],
		    const uint8_t *, size_t, mono_t);
void		 relay_flush(struct relay *);
void		 relay_prefer(struct relay *, int);
const char	*relay_state_name(const struct relay *);

#endif
