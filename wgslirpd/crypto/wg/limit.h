/* SPDX-License-Identifier: ISC */

#ifndef LIMIT_H
#define LIMIT_H

#include "peer.h"

void		 wg_pause(struct wg_device *);
void		 wg_peer_limit(struct wg_device *, struct wg_peer *, uint64_t,
		    int64_t);
void		 wg_cut_peers(struct wg_device *);
void		 wg_resume(struct wg_device *, mono_t);

#endif
