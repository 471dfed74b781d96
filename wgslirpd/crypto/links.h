/* SPDX-License-Identifier: ISC */

#ifndef LINKS_H
#define LINKS_H

#include "conf.h"
#include "wg/device.h"

/*
 * Gateways with one key tell each other who is where, and pass on what their
 * guests send each other: a WireGuard device of its own, on the same sockets,
 * whose peers are the other gateways.  Its keys follow from the private key
 * and the gateways' numbers, so that there is nothing more to configure.
 */
int		 links_init(void);

/* The configuration, or the private key, may be another. */
void		 links_set(const struct conf_links *);

/* The device whose peers are the other gateways, or NULL. */
const struct wg_device	*links_device(void);

/* A peer has a session here from now on. */
void		 links_here(struct wg_peer *, mono_t);

/*
 * The same of a peer of another worker, which says so, with Unix time in ns;
 * and what the first worker says: that a peer is, or is no longer, at a
 * gateway.
 */
void		 links_told(struct wg_peer *, uint64_t);
void		 links_away(struct wg_peer *, int, uint8_t, uint64_t);

/* A packet for a peer that is at another gateway. */
void		 links_far(void *, struct wg_peer *, const uint8_t *, size_t,
		    mono_t);

#endif
