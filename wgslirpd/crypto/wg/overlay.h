/* SPDX-License-Identifier: ISC */

#ifndef OVERLAY_H
#define OVERLAY_H

#include "peer.h"

int		 wg_exclude(struct wg_device *, const struct ipprefix *);
void		 wg_exclude_clear(struct wg_device *);
int		 wg_source_ok(struct wg_device *, const struct wg_peer *,
		    const uint8_t *);
int		 wg_carry_ce(uint8_t *);
int		 wg_overlay_input(struct wg_device *, uint8_t *, size_t,
		    mono_t);

int		 wg_overlay_far(struct wg_device *, const uint8_t *, size_t,
		    uint8_t, mono_t);
int		 wg_overlay_across(struct wg_device *, const uint8_t *, size_t,
		    uint32_t, mono_t);

#endif
