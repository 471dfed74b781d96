/* SPDX-License-Identifier: ISC */

#ifndef WG_TIMERS_H
#define WG_TIMERS_H

#include <stdint.h>

#include "mono.h"

/* WireGuard paper, 6.1. */
#define REKEY_AFTER_TIME	MONO_SEC(120)
#define REJECT_AFTER_TIME	MONO_SEC(180)
#define REKEY_ATTEMPT_TIME	MONO_SEC(90)
#define REKEY_TIMEOUT		MONO_SEC(5)
#define KEEPALIVE_TIMEOUT	MONO_SEC(10)
#define REKEY_TIMEOUT_JITTER	(MONO_SEC(1) / 3)
#define REKEY_AFTER_MESSAGES	(1ULL << 60)

/*
 * A peer's timers, named by the event that arms them.  0: not armed.
 * Jitter is a random number below REKEY_TIMEOUT_JITTER.
 */
struct wg_timers {
	mono_t		 handshake_initiated;	/* retry it */
	mono_t		 data_received;		/* answer with keepalive */
	mono_t		 data_sent;		/* no answer: handshake */
	mono_t		 session_derived;	/* zero key material */
	mono_t		 offered;		/* no answer: forget it */
	mono_t		 traversal;		/* persistent keepalive */
	mono_t		 last_handshake_sent;
	mono_t		 last_offer;
	unsigned int	 attempts;
	unsigned int	 unanswered;	/* initiations, by whatever cause */
	uint16_t	 keepalive_interval;	/* seconds, 0 is off */
	uint8_t		 another_keepalive;
};

/* What an expired timer asks for. */
#define WG_DO_RETRY		0x01	/* initiate again, forget source */
#define WG_DO_GIVE_UP		0x02	/* purge what waits */
#define WG_DO_INITIATE		0x04	/* initiate, forget source */
#define WG_DO_KEEPALIVE		0x08
#define WG_DO_ZERO		0x10
#define WG_DO_FORGET		0x20	/* the handshake that was offered */

void	 timers_any_sent(struct wg_timers *);
void	 timers_any_received(struct wg_timers *);
void	 timers_any_traversal(struct wg_timers *, mono_t);
void	 timers_data_sent(struct wg_timers *, mono_t, mono_t);
void	 timers_data_received(struct wg_timers *, mono_t);
void	 timers_handshake_sent(struct wg_timers *, mono_t);
void	 timers_handshake_initiated(struct wg_timers *, mono_t, mono_t);
void	 timers_handshake_offered(struct wg_timers *, mono_t);
void	 timers_handshake_complete(struct wg_timers *);
void	 timers_session_derived(struct wg_timers *, mono_t);
int	 timers_may_initiate(const struct wg_timers *, mono_t);
int	 timers_may_offer(const struct wg_timers *, mono_t);
void	 timers_set_keepalive(struct wg_timers *, uint16_t, mono_t);
void	 timers_stop(struct wg_timers *);
int	 timers_expire(struct wg_timers *, mono_t);
mono_t	 timers_next(const struct wg_timers *);

#endif
