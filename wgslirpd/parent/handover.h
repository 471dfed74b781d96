/* SPDX-License-Identifier: ISC */

#ifndef HANDOVER_H
#define HANDOVER_H

#include "listen.h"

/*
 * A daemon takes the place of another one ("wgslirpd -R"): it gets its
 * sockets, starts its own processes, and only then has it end, so that one that
 * cannot start changes nothing, and what arrives meanwhile waits in the
 * sockets' buffers.  They meet at the path of the control socket with ".next"
 * after it, where root and the daemon's own user are served.
 *
 * handover_listen:	before the sandbox, with the control socket made: be
 *			there for the next one
 * handover_take:	ask the one before for its sockets; exits if there is
 *			none.  What of them is not in env by then is the
 *			caller's: WireGuard's and the services'
 * handover_wait:	1: the one before was asked to end, and fn is called
 *			when it has; 0: there is none
 */
void		 handover_listen(void);
void		 handover_take(struct listen_set *, struct service_set *,
		    const struct conf_global *);
int		 handover_wait(void (*fn)(void));

/* Is a socket that was given bound to this path? */
int		 handover_is_at(int, const char *);

#endif
