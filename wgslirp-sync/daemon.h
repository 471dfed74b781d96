/* SPDX-License-Identifier: ISC */

#ifndef DAEMON_H
#define DAEMON_H

#include "ctl.h"

/*
 * The gateway, by its control socket.  Unlike in wgslirpctl(8), a daemon that
 * is not there is no reason to end: it is asked again later.  Functions return
 * -1 after telling what is wrong, once for each thing.
 */
struct daemon_peer {
	char		 key[KEY_B64LEN];
	uint64_t	 rx;		/* bytes from the peer, */
	uint64_t	 tx;		/* to it, since the daemon's start */
	uint64_t	 handshake;	/* Unix seconds, 0: none */
};

struct daemon {
	uint64_t		 started;	/* Unix seconds */
	char			 peers_dir[CTL_PATH_LEN];
	struct daemon_peer	*peer;		/* sorted by key */
	size_t			 npeers;
	size_t			 cap;
};

/* The control socket's path, or NULL for where it usually is. */
void		 daemon_init(const char *);

/* When it was started, its peers and the folder for them. */
int		 daemon_ask(struct daemon *);

/* The peer with this key, or NULL. */
const struct daemon_peer	*daemon_find(const struct daemon *,
				    const char *);

/*
 * Have it read its configuration again.  1: it does not like it, -1: nobody
 * knows.
 */
int		 daemon_reload(void);

#endif
