/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "children.h"
#include "log.h"
#include "notify.h"
#include "state.h"
#include "watchdog.h"

static struct timeval	 every;		/* zero: not wanted */
static struct event	*timer;

void
watchdog_open(void)
{
	const char	*usec = getenv("WATCHDOG_USEC");
	const char	*pid = getenv("WATCHDOG_PID");
	const char	*errstr;
	long long	 v;

	if (usec == NULL || (pid != NULL && atoi(pid) != (int)getpid()))
		return;
	v = strtonum(usec, 1000, 3600000000LL, &errstr);
	if (errstr != NULL) {
		log_warnx("WATCHDOG_USEC: %s is %s", usec, errstr);
		return;
	}
	/* three times before it bites */
	every.tv_sec = v / 3 / 1000000;
	every.tv_usec = v / 3 % 1000000;
}

static void
ask_all(evutil_socket_t fd, short what, void *arg)
{
	int	 i;

	(void)fd;
	(void)what;
	(void)arg;
	/* who has not answered is not asked again */
	for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
		if (env.child[i].on && !env.child[i].alive)
			return;
	for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
		env.child[i].alive = 0;
	children_send(IMSG_PING, NULL, 0);
}

void
watchdog_start(void)
{
	int	 i;

	if (every.tv_sec == 0 && every.tv_usec == 0)
		return;
	for (i = PROC_CRYPTO; i < PROC_SLOTS; i++)
		env.child[i].alive = 1;
	timer = event_new(evbase, -1, EV_PERSIST, ask_all, NULL);
	if (timer == NULL || event_add(timer, &every) == -1)
		fatalx("cannot start a timer");
}

void
watchdog_alive(void)
{
	notify("WATCHDOG=1");
}
