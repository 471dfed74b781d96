/* SPDX-License-Identifier: ISC */

#ifndef PROXYCONN_H
#define PROXYCONN_H

#include <sys/types.h>
#include <sys/queue.h>

#include <event2/event.h>

#include "listener.h"
#include "net/peer.h"

#define PROXY_ADDRS	8	/* of a destination, that are tried */

enum proxy_state {
	PX_GREETING,
	PX_PASSWORD,
	PX_REQUEST,
	PX_RESOLVING,
	PX_ROUTING,
	PX_ASSOCIATED
};

struct proxy {
	TAILQ_ENTRY(proxy)	 entry;
	struct fwd_listener	*l;		/* NULL: it is gone */
	enum proxy_state	 state;
	enum flow_via		 via;
	void			 (*answer)(int, int);	/* fd, an errno */
	int			 fd;
	struct event		*ev;
	struct event		*timer;
	struct ipaddr		 client;
	struct ipaddr		 addrs[PROXY_ADDRS];
	int			 naddrs;
	int			 next;		/* to be tried */
	uint16_t		 port;
	int			 busy;		/* a callback is to come */
	int			 dead;
	int			*counted;	/* among these */
	struct lookup		*lookup;	/* it is this one's */
	struct fwd_listener	*assoc;
};

TAILQ_HEAD(proxy_list, proxy);
extern struct proxy_list	 proxy_clients;

void		 proxy_conn_init(struct slirp *);
void		 proxy_free(struct proxy *, int);
void		 proxy_say(int, const void *, size_t);
void		 proxy_fail(struct proxy *, int);
void		 proxy_go(struct proxy *, const char *, uint16_t);
int		 proxy_take(struct proxy *, uint8_t *, size_t);
ssize_t		 proxy_peek(struct proxy *, uint8_t *, size_t);
int		 proxy_may_use(const struct fwd_listener *, const char *,
		    size_t, const char *, size_t);

#endif
