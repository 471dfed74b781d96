/* SPDX-License-Identifier: ISC */

#ifndef OUTPUT_H
#define OUTPUT_H

#include "peer.h"

int		 wg_send_message(struct wg_device *,
		    const struct wg_endpoint *, const uint8_t [3],
		    const void *, size_t);
void		 wg_send_initiation(struct wg_device *, struct wg_peer *, int,
		    mono_t);
int		 wg_may_heal(struct wg_device *, mono_t);
void		 wg_offer_session(struct wg_device *, struct wg_peer *,
		    const struct wg_endpoint *, mono_t);
void		 wg_send_response(struct wg_device *, struct wg_peer *,
		    mono_t);
int		 wg_output(struct wg_device *, struct wg_peer *,
		    const uint8_t *, size_t, int, mono_t);
int		 wg_output_shared(struct wg_device *, struct wg_peer *,
		    const uint8_t *, size_t, const uint8_t *, size_t, int,
		    mono_t);
void		 wg_send_staged(struct wg_device *, struct wg_peer *, mono_t);
void		 wg_send_keepalive(struct wg_device *, struct wg_peer *,
		    mono_t);
void		 wg_peer_keepalive(struct wg_device *, struct wg_peer *,
		    uint16_t, mono_t);
void		 wg_peer_poke(struct wg_device *, struct wg_peer *, mono_t);

#endif
