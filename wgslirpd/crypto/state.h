/* SPDX-License-Identifier: ISC */

#ifndef STATE_H
#define STATE_H

#include "conf.h"
#include "pktq.h"
#include "proc.h"
#include "wg/device.h"

/*
 * What the modules of the crypto engine share; what is only one's own is in
 * its file.
 */
struct crypto_state {
	struct imsgev		 parent;
	struct imsgev		 control;
	struct imsgev		 slirp;
	struct imsgev		 crypto[MAX_WORKERS];	/* of the others; */
						/* only the first has all */
	struct wg_device	*dev;
	struct pktq		 in;		/* guest -> host */
	struct pktq		 out;		/* host -> guest */
	struct conf_global	 global;
	int			 staging;	/* a configuration */
	int			 setting;	/* a change by wg(8) */
	int			 started;
	uint64_t		 start_time;	/* Unix seconds */
};

extern struct crypto_state	 ce;

#endif
