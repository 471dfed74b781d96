/* SPDX-License-Identifier: ISC */

#ifndef LOOKUP_H
#define LOOKUP_H

#include "conf.h"
#include "mono.h"
#include "net/peer.h"

#define LOOKUP_ADDRS	16	/* of a name, at most */

/* Where a peer is, whose endpoint is a name. */
typedef void	lookup_result_fn(const struct endpoint_msg *);
/* Where a relay is. */
typedef void	lookup_relay_fn(const struct relay_addrs *);
/* The n addresses of a name; 0, and why there are none. */
typedef void	lookup_fn(void *, const struct ipaddr *, size_t,
		    const char *);

/*
 * lookup_init:		read the host's resolver configuration; before the
 *			sandbox
 * lookup_name:		resolve a name for somebody else; fn may be called at
 *			once, and else *req is for lookup_cancel()
 * lookup_cancel:	fn is not called any more
 * lookup_add:		an endpoint by name, or a relay, from now on
 * lookup_start:	ask for all of them; answers go to one of these, again
 *			and again
 * lookup_clear:	forget them
 * lookup_refresh:	ask for all of them again, now
 * lookup_lost:		a peer does not answer: ask for its name again, not
 *			too often
 */
struct lookup;
void	 lookup_init(struct slirp *);
void	 lookup_name(const char *, lookup_fn *, void *, struct lookup **);
void	 lookup_cancel(struct lookup *);
void	 lookup_add(const struct resolve_msg *);
void	 lookup_start(lookup_result_fn *, lookup_relay_fn *);
void	 lookup_clear(void);
void	 lookup_refresh(void);
void	 lookup_lost(uint32_t, mono_t);

#endif
