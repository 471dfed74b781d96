/* SPDX-License-Identifier: ISC */

#ifndef STATE_H
#define STATE_H

#include "counters.h"
#include "proc.h"

/* What the modules of the derp engine share. */
struct derp_state {
	struct imsgev		 parent;
	struct imsgev		 control;
	struct imsgev		 slirp[MAX_WORKERS];
	struct derp_counters	 count;
	int			 started;
};

extern struct derp_state	 de;

#endif
