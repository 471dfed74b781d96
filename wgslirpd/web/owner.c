/* SPDX-License-Identifier: ISC */

#include <stdlib.h>

#include "owner.h"

struct owner {
	void		*arg;
	owner_fn	*fn;
};

int
owner_set(struct httpd_conn *c, void *arg, owner_fn *fn)
{
	struct owner	*o;

	if ((o = malloc(sizeof(*o))) == NULL)
		return (-1);
	o->arg = arg;
	o->fn = fn;
	httpd_set_user(c, o);
	return (0);
}

void
owner_closed(struct httpd_conn *c, void *user)
{
	struct owner	*o = user;

	o->fn(c, o->arg);
	free(o);
}
