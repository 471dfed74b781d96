/* SPDX-License-Identifier: ISC */

/*
 * What the processes hold: how many pages are resident and, where the system
 * tells it, how many of them are shared, with files or with the other
 * processes: the program itself, libraries, and the packet queues.
 */

#include <sys/types.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "conn.h"
#include "memory.h"
#include "procinfo.h"

#define SLOT	2048			/* bytes of a packet in the queue */

static struct {
	struct ctl_process	 proc[CTL_PROCESSES];
	size_t			 n;
	struct slirp_counters	 slirp;
} mem;

static int
take(uint32_t type, struct imsg *imsg, void *arg)
{
	(void)arg;
	if (type == CTL_PROCESS && mem.n < sizeof(mem.proc) /
	    sizeof(mem.proc[0])) {
		conn_get(imsg, &mem.proc[mem.n], sizeof(mem.proc[0]));
		mem.proc[mem.n].title[sizeof(mem.proc[0].title) - 1] = '\0';
		mem.n++;
	} else if (type == CTL_SLIRP_COUNTERS)
		conn_get(imsg, &mem.slirp, sizeof(mem.slirp));
	return (0);
}

static void
show_one(const struct ctl_process *p, int json, int first)
{
	uint64_t	 rss = 0, shared = 0;
	int		 known = procinfo_memory(p->pid, &rss,
			    &shared) == 0;

	if (json) {
		printf("%s{\"title\":\"%s\",\"pid\":%d", first ? "" : ",",
		    p->title, p->pid);
		if (known)
			printf(",\"resident\":%" PRIu64 ",\"shared\":%" PRIu64,
			    rss, shared);
		printf("}");
	} else if (known)
		printf("%-10s %8d %9" PRIu64 "K %9" PRIu64 "K\n", p->title,
		    p->pid, rss / 1024, shared / 1024);
	else
		printf("%-10s %8d %10s %10s\n", p->title, p->pid, "?", "?");
}

void
memory_show(int json)
{
	const struct slirp_counters	*s = &mem.slirp;
	uint64_t			 used;
	size_t				 i;

	conn_must(CTL_SHOW_PROCESSES, 0, NULL, take, NULL);
	conn_must(CTL_SHOW_COUNTERS, 0, NULL, take, NULL);
	if (json)
		printf("{\"memory\":[");
	else
		printf("%-10s %8s %10s %10s\n", "process", "pid", "resident",
		    "shared");
	for (i = 0; i < mem.n; i++)
		show_one(&mem.proc[i], json, i == 0);
	used = s->queue_slots - s->queue_slots_free;
	if (json)
		printf("],\"queue_bytes\":%" PRIu64 ",\"queue_bytes_used\":%"
		    PRIu64 ",\"flows\":%" PRIu64 ",\"flows_max\":%" PRIu64
		    "}\n", s->queue_slots * SLOT, used * SLOT, s->tcp_active +
		    s->udp_active + s->icmp_active, s->flows_max);
	else
		printf("packets on their way to guests: %" PRIu64 "K of %"
		    PRIu64 "K\nflows: %" PRIu64 " of %" PRIu64 "\n",
		    used * SLOT / 1024, s->queue_slots * SLOT / 1024,
		    s->tcp_active + s->udp_active + s->icmp_active,
		    s->flows_max);
}
