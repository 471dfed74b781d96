/* SPDX-License-Identifier: ISC */

#ifndef WG_IDENTITY_H
#define WG_IDENTITY_H

#include "cookie.h"
#include "noise.h"

/* A private key of this side that is for one peer alone. */
struct wg_identity {
	struct noise_local	 local;
	struct cookie_checker	 checker;	/* its mac1 */
};

/* From a key, which is copied; NULL if that is not usable. */
struct wg_identity	*wg_identity_new(const uint8_t [KEY_LEN]);
int	 wg_identity_is(const struct wg_identity *, const uint8_t [KEY_LEN]);
void	 wg_identity_free(struct wg_identity *);

#endif
