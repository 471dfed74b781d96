/* SPDX-License-Identifier: ISC */

#ifndef STATE_H
#define STATE_H

#include "conf.h"
#include "net/peer.h"
#include "pktq.h"
#include "proc.h"

/*
 * What the modules of the slirp engine, as a process, share.
 */
struct slirp_state {
	struct imsgev		 parent;
	struct imsgev		 control;
	struct imsgev		 crypto;
	uint32_t		 workers;	/* there are */
	struct imsgev		 derp;
	struct slirp		 s;
	struct pktq		 in;
	struct pktq		 out;
	int			 staging;	/* a configuration */
	int			 started;
};

extern struct slirp_state	 se;

#endif
