/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "ctl.h"
#include "tell.h"

static struct imsgev	*to;
static uint32_t		 lost;

void
tell_to(struct imsgev *iev)
{
	to = iev;
	lost = 0;
}

int
tell_wanted(void)
{
	return (to != NULL);
}

void
tell(const char *kind, const char *peer, const char *fmt, ...)
{
	struct ctl_event	 e;
	struct timespec		 ts;
	va_list			 ap;

	if (to == NULL)
		return;
	if (imsgbuf_queuelen(&to->ibuf) >= PROC_BACKLOG / 2) {
		lost++;
		return;
	}
	memset(&e, 0, sizeof(e));
	clock_gettime(CLOCK_REALTIME, &ts);
	e.when = (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
	e.lost = lost;
	strlcpy(e.kind, kind, sizeof(e.kind));
	strlcpy(e.peer, peer, sizeof(e.peer));
	va_start(ap, fmt);
	(void)vsnprintf(e.text, sizeof(e.text), fmt, ap);
	va_end(ap);
	lost = 0;
	imsgev_send(to, CTL_EVENT, 0, -1, &e, sizeof(e));
}
