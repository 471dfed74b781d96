/* SPDX-License-Identifier: ISC */

#ifndef PEERS_H
#define PEERS_H

#include <stdio.h>

#include "ctl.h"
#include "history.h"

/*
 * What the page shows of the peers: a picture of all of them, which is taken
 * again and again, and what has changed from one to the next.  It is taken
 * every two seconds while somebody looks, else every ten, and less often where
 * there are so many that it takes its time.
 */
enum peer_state {
	PEER_ONLINE,		/* a handshake in the last three minutes */
	PEER_OFFLINE,
	PEER_NEVER,		/* it has not been here yet */
	PEER_CUT,		/* its time or its quota is over */
	PEER_DISABLED		/* it has a file, and that is all */
};

struct web_peer {
	struct ctl_peer		 c;
	struct ipprefix		 aip[CTL_ADDRESSES];
	uint32_t		 naips;		/* perhaps more than those */
	uint32_t		 flows;
	uint32_t		 rtt_us;
	double			 rx_rate;	/* bytes a second */
	double			 tx_rate;
	enum peer_state		 state;
	int			 managed;	/* it has a file of its own */
	int			 moved;		/* since the picture before */
	struct series		*series;	/* or NULL */
};

/* changed(): another picture is there; named: other peers, or other names. */
void	 peers_init(void (*changed)(int named));

/* Somebody looks, from now on for a while. */
void	 peers_wanted(void);

/* It is another one: do not wait for the next time. */
void	 peers_again(void);

/* Is there a picture yet? */
int	 peers_ready(void);

const struct ctl_summary	*peers_summary(void);
const struct ctl_setup		*peers_setup(void);
const struct series		*peers_total(void);
void	 peers_rates(double *, double *);
uint32_t peers_online(void);

/* All, those who are disabled last; and how many. */
const struct web_peer	*peers_all(size_t *);

/* The one of this name, or NULL. */
const struct web_peer	*peers_find(const char *);

/* Seconds of the clock that history has. */
double	 peers_clock(void);

/* An object: what changes all the time, or all of it. */
void	 peers_json(FILE *, const struct web_peer *, int);

#endif
