/* SPDX-License-Identifier: ISC */

#ifndef SIBLING_H
#define SIBLING_H

#include "ctl.h"
#include "proc.h"

/*
 * Processes of the daemon that are clients of this one, by the control
 * protocol: the web and the files engine.  Each of their questions has an id;
 * where a portion of the answer ends with CTL_MORE they send CTL_NEXT, whose
 * argument is 0 for the next portion and 1 to hear no more.
 */

/* One of their messages; iev is the pipe that it came by. */
void	 sibling_msg(struct imsgev *, struct imsg *);

/* An event, for the one that shows them. */
void	 sibling_event(struct imsgev *, const struct ctl_event *);

#endif
