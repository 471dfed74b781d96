/* SPDX-License-Identifier: ISC */

#ifndef DEVICE_H
#define DEVICE_H

#include "peer.h"

int		 wg_run_handshakes(struct wg_device *, int, mono_t);
void		 wg_input(struct wg_device *, uint8_t *, size_t,
		    const struct wg_endpoint *, int, mono_t);
struct wg_peer	*wg_route(struct wg_device *, uint32_t, const uint8_t *,
		    size_t);
struct wg_device	*wg_device_new(const struct wg_ops *, void *, mono_t);
void		 wg_device_free(struct wg_device *);
int		 wg_device_set_key(struct wg_device *,
		    const uint8_t [KEY_LEN]);
void		 wg_device_clear_key(struct wg_device *);

#endif
