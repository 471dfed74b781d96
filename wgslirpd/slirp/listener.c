/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "listener.h"
#include "proc.h"

static void
accept_again(evutil_socket_t fd, short what, void *arg)
{
	struct fwd_listener	*l = arg;

	(void)fd;
	(void)what;
	event_add(l->ev, NULL);
}

static void
readable(evutil_socket_t fd, short what, void *arg)
{
	struct fwd_listener	*l = arg;

	(void)fd;
	(void)what;
	l->ops->readable(l);
}

struct fwd_listener *
listener_new(const struct service *s, int fd,
    const struct listener_ops *ops)
{
	struct fwd_listener	*l;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		return (NULL);
	l->ops = ops;
	l->s = *s;
	l->fd = fd;
	RB_INIT(&l->clients);
	l->ev = event_new(evbase, fd, EV_READ | EV_PERSIST,
	    readable, l);
	l->pause = evtimer_new(evbase, accept_again, l);
	if (l->ev == NULL || l->pause == NULL) {
		if (l->ev != NULL)
			event_free(l->ev);
		free(l);
		return (NULL);
	}
	return (l);
}

int
listener_watch(struct fwd_listener *l)
{
	return (event_add(l->ev, NULL));
}

int
listener_accept(struct fwd_listener *l)
{
	return (accept_or_pause(l->fd, l->ev, l->pause));
}

int
listener_allowed(const struct fwd_listener *l, const struct ipaddr *a)
{
	size_t	 i;

	if (l->nallow == 0)
		return (1);
	for (i = 0; i < l->nallow; i++)
		if (ipprefix_match(&l->allow[i], a))
			return (1);
	return (0);
}

void
listener_free(struct fwd_listener *l)
{
	l->ops->gone(l);
	event_free(l->ev);
	event_free(l->pause);
	close(l->fd);
	free(l->allow);
	if (l->users != NULL)
		freezero(l->users, l->nusers * sizeof(*l->users));
	free(l);
}
