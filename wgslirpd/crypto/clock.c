/* SPDX-License-Identifier: ISC */

/*
 * Peers whose time ends.
 */

#include <sys/types.h>
#include <sys/queue.h>

#include "clock.h"
#include "state.h"
#include "wg/limit.h"

#define EXPIRY_LOOK	1	/* seconds */

static struct event	*timer;

/* Look whether somebody's time is over; the clock may be set any time. */
static void
look_at_clock(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	wg_cut_peers(ce.dev);
}

/* Only if there is somebody whose time ends. */
void
clock_watch(void)
{
	struct timeval	 tv = { EXPIRY_LOOK, 0 };
	struct wg_peer	*p;

	TAILQ_FOREACH(p, &ce.dev->peers, entry)
		if (p->expires != 0)
			break;
	if (p != NULL)
		event_add(timer, &tv);
	else
		event_del(timer);
}

/* -1 if there is no memory. */
int
clock_init(void)
{
	timer = event_new(evbase, -1, EV_PERSIST, look_at_clock, NULL);
	return (timer == NULL ? -1 : 0);
}
