/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <stdlib.h>

#include "identity.h"

struct wg_identity *
wg_identity_new(const uint8_t private[KEY_LEN])
{
	struct wg_identity	*id;

	if ((id = calloc(1, sizeof(*id))) == NULL)
		return (NULL);
	if (noise_local_init(&id->local, private) == 0 &&
	    cookie_checker_init(&id->checker, id->local.public) == 0)
		return (id);
	wg_identity_free(id);
	return (NULL);
}

int
wg_identity_is(const struct wg_identity *id, const uint8_t private[KEY_LEN])
{
	return (ct_equal(private, id->local.private, KEY_LEN));
}

void
wg_identity_free(struct wg_identity *id)
{
	if (id != NULL)
		noise_local_clear(&id->local);
	freezero(id, sizeof(*id));
}
