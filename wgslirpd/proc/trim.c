/* SPDX-License-Identifier: ISC */

#include <sys/types.h>
#include <sys/time.h>

#include <event2/event.h>

#include "log.h"
#include "proc.h"
#include "shm.h"
#include "trim.h"

#define MUCH	512		/* slots whose memory is worth a look */

static const struct timeval	 every = { 10, 0 };
static struct pktq		*queue;
static struct event		*ev;
static uint32_t			 taken;		/* when there was no more */
static int			 pending;

static void
trim(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	/* what came back is not free before somebody looks */
	if (pktq_reclaim(queue) == -1)
		fatalx("the packet queue is broken");
	pending = pktq_trim(queue);
	if (pending)
		event_add(ev, &every);
	else {
		heap_trim();
		taken = queue->taken;
	}
}

void
trim_init(struct pktq *q)
{
	queue = q;
	if ((ev = evtimer_new(evbase, trim, NULL)) == NULL)
		fatalx("event_new failed");
}

void
trim_note(void)
{
	/* an idle process is not woken for what it could not give back */
	if (pending || queue->ntouched < MUCH || queue->taken == taken)
		return;
	pending = 1;
	event_add(ev, &every);
}
