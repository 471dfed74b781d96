/* SPDX-License-Identifier: ISC */

/*
 * Who may not talk any more: by quota or date, or because everything pauses.
 */

#include <string.h>

#include "limit.h"
#include "output.h"

/*
 * Take nothing and send nothing until wg_resume(), and forget every
 * session.  Sockets, endpoints and the guests' flows stay.
 */
void
wg_pause(struct wg_device *d)
{
	struct wg_peer	*p;

	d->paused = 1;
	wg_forget_pending(d);
	TAILQ_FOREACH(p, &d->peers, entry) {
		timers_stop(&p->timers);
		wg_peer_zero(d, p);
		wg_stage_purge(d, p);
	}
}

/*
 * What a peer may use: bytes both ways, 0 for any, and until when, in Unix
 * seconds, 0 for ever.  Who was shut out may be let in by that.
 */
void
wg_peer_limit(struct wg_device *d, struct wg_peer *p, uint64_t quota,
    int64_t expires)
{
	struct timespec	 ts;

	p->quota = quota;
	p->expires = expires;
	p->over = 0;
	wg_note_quota(d, p);
	d->ops->wall(d->arg, &ts);
	if (!p->over && (expires == 0 || (int64_t)ts.tv_sec < expires))
		p->cut = 0;
	d->over = 1;
}

/*
 * Shut out every peer whose quota or time is over: no session, and no
 * handshake any more; and let in again whose time is not over after all, as
 * the clock was put right.  To be called after a round, and now and then.
 */
void
wg_cut_peers(struct wg_device *d)
{
	struct timespec	 ts;
	struct wg_peer	*p;
	int		 due;

	d->over = 0;
	d->ops->wall(d->arg, &ts);
	TAILQ_FOREACH(p, &d->peers, entry) {
		due = p->over || (p->expires != 0 &&
		    (int64_t)ts.tv_sec >= p->expires);
		if (due == p->cut)
			continue;
		p->cut = (uint8_t)due;
		if (!due)
			continue;
		timers_stop(&p->timers);
		wg_peer_zero(d, p);
		wg_stage_purge(d, p);
		d->count.wg_peers_cut++;
		if (d->ops->cut != NULL)
			d->ops->cut(d->arg, p);
	}
}

/* Go on; peers with a persistent keepalive are contacted at once. */
void
wg_resume(struct wg_device *d, mono_t now)
{
	struct wg_peer	*p;

	d->paused = 0;
	d->fresh = now;
	TAILQ_FOREACH(p, &d->peers, entry) {
		/* the network may be another one */
		memset(&p->ep.local, 0, sizeof(p->ep.local));
		p->ep.ifindex = 0;
		if (p->cut)
			continue;
		wg_peer_poke(d, p, now);
		wg_peer_schedule(d, p);
	}
}
