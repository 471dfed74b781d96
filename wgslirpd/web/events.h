/* SPDX-License-Identifier: ISC */

#ifndef EVENTS_H
#define EVENTS_H

#include <stdio.h>

#include "auth.h"
#include "ctl.h"
#include "httpd.h"

/* Of all streams one in so many is not for users who only look. */
#define EVENTS_LEFT	11

/*
 * What happens, as it happens: server-sent events (HTML, 9.2).  All who listen
 * get the same text, which is made once; who is too slow for it misses some.
 *
 *	tick	figures of the gateway, and of the peers who did something
 *	peers	there are others, or other names: fetch the list again
 *	log	one of the daemon's events
 */

/* At most so many streams. */
void	 events_init(int);

/* One of the daemon's. */
void	 events_take(const struct ctl_event *);

/* Another picture of the peers is there. */
void	 events_tick(int named);

/* Begin to listen; answers in any case. */
void	 events_stream(struct httpd_conn *, const struct auth_who *,
	    const char *);

/* The last ones, as an array, the newest first. */
void	 events_json(FILE *);

/* Sessions have ended: so do their streams. */
void	 events_check(void);

#endif
