/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>

#include "remotes.h"

/* What is known of an address and port that the guest has sent to. */
struct remote *
remotes_find(struct remotes *r, const struct ipaddr *a, uint16_t port)
{
	uint16_t	 i;

	if (r->hot < r->n && r->v[r->hot].port == port &&
	    ipaddr_cmp(&r->v[r->hot].addr, a) == 0)
		return (&r->v[r->hot]);
	for (i = 0; i < r->n; i++)
		if (r->v[i].port == port &&
		    ipaddr_cmp(&r->v[i].addr, a) == 0) {
			r->hot = i;
			return (&r->v[i]);
		}
	return (NULL);
}

/* The guest sends there.  NULL if there is no memory to note it. */
struct remote *
remotes_note(struct remotes *r, const struct ipaddr *a, uint16_t port,
    mono_t now)
{
	struct remote	*e, *v;
	uint16_t	 cap, i;

	if ((e = remotes_find(r, a, port)) == NULL) {
		if (r->n == r->cap && r->cap < MAX_REMOTES) {
			cap = r->cap == 0 ? 1 : r->cap * 2;
			v = recallocarray(r->v, r->cap, cap, sizeof(*v));
			if (v == NULL)
				return (NULL);
			r->v = v;
			r->cap = cap;
		}
		if (r->n < r->cap)
			e = &r->v[r->n++];
		else {
			e = &r->v[0];
			for (i = 1; i < r->n; i++)
				if (r->v[i].last < e->last)
					e = &r->v[i];
		}
		memset(e, 0, sizeof(*e));
		e->addr = *a;
		e->port = port;
	}
	e->last = now;
	return (e);
}

/* May this address answer, from any port? */
int
remotes_have(const struct remotes *r, const struct ipaddr *a)
{
	uint16_t	 i;

	for (i = 0; i < r->n; i++)
		if (ipaddr_cmp(&r->v[i].addr, a) == 0)
			return (1);
	return (0);
}

void
remotes_free(struct remotes *r)
{
	free(r->v);
	r->v = NULL;
	r->n = r->cap = r->hot = 0;
}
