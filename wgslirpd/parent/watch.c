/* SPDX-License-Identifier: ISC */

#include <sys/stat.h>

#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lex.h"
#include "log.h"
#include "proc.h"
#include "watch.h"

#define EVERY		500000		/* microseconds */

static struct event	*timer;
static void		(*changed)(void);
static uint64_t		 read_print;	/* of what was read */
static uint64_t		 last_print;	/* of the last look */

/* One more number of a fingerprint (FNV-1a). */
static void
mix(uint64_t *h, uint64_t v)
{
	int	 i;

	for (i = 0; i < 64; i += 8)
		*h = (*h ^ (v >> i & 0xff)) * 1099511628211ULL;
}

/* What a file is by now; of a pattern, its folder. */
static void
look_at(const char *path, void *arg)
{
	struct stat	 st;
	uint64_t	*h = arg;
	char		*dir, *base;
	int		 fd;

	if ((dir = strdup(path)) == NULL)
		fatal(NULL);
	base = strrchr(dir, '/');
	if (base != NULL && strpbrk(base, "*?[") != NULL)
		*base = '\0';
	/* no fifo may keep this process */
	fd = open(dir, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	free(dir);
	if (fd == -1 || fstat(fd, &st) == -1)
		memset(&st, 0, sizeof(st));
	if (fd != -1)
		close(fd);
	mix(h, (uint64_t)st.st_dev);
	mix(h, (uint64_t)st.st_ino);
	mix(h, (uint64_t)st.st_size);
	mix(h, (uint64_t)st.st_mtim.tv_sec);
	mix(h, (uint64_t)st.st_mtim.tv_nsec);
	mix(h, (uint64_t)st.st_ctim.tv_sec);
	mix(h, (uint64_t)st.st_ctim.tv_nsec);
}

static uint64_t
look(void)
{
	uint64_t	 h = 14695981039346656037ULL;

	lex_paths(look_at, &h);
	return (h);
}

static void
again(evutil_socket_t fd, short what, void *arg)
{
	struct timeval	 tv = { 0, EVERY };
	uint64_t	 print = look();

	(void)fd;
	(void)what;
	(void)arg;
	event_add(timer, &tv);
	if (print != read_print && print == last_print) {
		/* whatever comes of it: once for each change */
		read_print = print;
		changed();
	}
	last_print = print;
}

void
watch_start(void (*fn)(void))
{
	changed = fn;
	if ((timer = evtimer_new(evbase, again, NULL)) == NULL)
		fatalx("cannot start a timer");
}

void
watch_before(void)
{
	read_print = look();
}

void
watch_after(int on)
{
	struct timeval	 tv = { 0, EVERY };

	if (!on) {
		event_del(timer);
		return;
	}
	last_print = look();
	/* other files now, or a change: it is read once more */
	if (read_print != last_print)
		read_print = 0;
	event_add(timer, &tv);
}
