/* SPDX-License-Identifier: ISC */

#ifndef WG_OPS_H
#define WG_OPS_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "mono.h"
#include "place.h"

struct wg_peer;

enum wg_note {
	WG_NOTE_HANDSHAKE,	/* there is a new session */
	WG_NOTE_MOVED,		/* the peer is elsewhere */
	WG_NOTE_UNKNOWN,	/* somebody with a key that is no peer's */
	WG_NOTE_OFFER		/* a lost session is offered again */
};

/*
 * What the protocol needs from its surroundings.  rx_buf gives room for a
 * plaintext of len bytes, or NULL; rx_done says that it now holds an inner
 * packet of the peer.  A buffer that is not done is given again.  tx_buf gives
 * room for a datagram to an endpoint; tx_done that it is complete.  wall is the
 * time of day, random fills a buffer.  The others may be NULL: lost says that a
 * peer does not answer handshakes; cut that one was shut out; back that one who
 * was silent for a while, or is elsewhere now, can be sent to; note what an
 * administrator may want to see, of a peer (NULL: unknown) and a place; far
 * takes a packet for a peer that is at another gateway; hand takes a datagram
 * that is for a peer of another worker, send a packet for one.
 */
struct wg_ops {
	uint8_t	*(*rx_buf)(void *, size_t);
	void	 (*rx_done)(void *, struct wg_peer *, size_t, mono_t);
	uint8_t	*(*tx_buf)(void *, const struct wg_endpoint *, size_t, int);
	void	 (*tx_done)(void *, size_t);
	void	 (*wall)(void *, struct timespec *);
	void	 (*random)(void *, void *, size_t);
	void	 (*lost)(void *, struct wg_peer *);
	void	 (*cut)(void *, struct wg_peer *);
	void	 (*back)(void *, struct wg_peer *);
	void	 (*note)(void *, enum wg_note, struct wg_peer *,
		    const struct wg_endpoint *);
	void	 (*far)(void *, struct wg_peer *, const uint8_t *, size_t,
		    mono_t);
	void	 (*hand)(void *, uint32_t, const uint8_t *, size_t,
		    const struct wg_endpoint *, int);
	void	 (*send)(void *, uint32_t, const uint8_t *, size_t);
};

#endif
