/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <event2/event.h>

#include <poll.h>

#include "nap.h"
#include "proc.h"

/* After a round that handled so many packets: nap rather than sleep? */
int
nap_wanted(struct nap *n, uint64_t packets)
{
	if (packets >= NAP_TRAFFIC)
		n->rounds = NAP_ROUNDS;
	else if (n->rounds > 0)
		n->rounds--;
	/* the more there is, the more is worth waiting for */
	n->time = NAP_LEAST + packets * NAP_PACKET;
	if (n->time > NAP_MOST)
		n->time = NAP_MOST;
	return (n->rounds > 0);
}

/* Until the time is over, or the doorbell rings. */
void
nap_take(const struct nap *n, int bell)
{
	struct pollfd	 pfd = { bell, POLLIN, 0 };
	struct timespec	 ts = { 0, (long)n->time };

	(void)ppoll(&pfd, 1, &ts, NULL);
	/* once: otherwise a socket that is always readable keeps it */
	event_base_loop(evbase, EVLOOP_NONBLOCK | EVLOOP_ONCE);
}
