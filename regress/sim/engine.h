/* SPDX-License-Identifier: ISC */

#ifndef ENGINE_H
#define ENGINE_H

/*
 * What simulators of the slirp engine share: its queues, and what no host
 * socket of theirs does.
 */

#include <errno.h>
#include <unistd.h>

#include "shm.h"
#include "sim.h"
#include "slirp/tcp/tcp.h"

/* Both packet queues, with both of their ends in this process. */
static inline void
open_queues(uint32_t nslots, struct pktq *in_p, struct pktq *in_c,
    struct pktq *out_p, struct pktq *out_c)
{
	int	 i, fd[2];

	for (i = 0; i < 2; i++)
		if ((fd[i] = pktq_area_create(nslots)) == -1)
			abort();
	if (pktq_attach_producer(in_p, fd[0], nslots, -1) == -1 ||
	    pktq_attach_consumer(in_c, fd[0], nslots, -1) == -1 ||
	    pktq_attach_producer(out_p, fd[1], nslots, -1) == -1 ||
	    pktq_attach_consumer(out_c, fd[1], nslots, -1) == -1)
		abort();
	close(fd[0]);
	close(fd[1]);
}

static inline int
no_socket(void *a, struct flow *f)
{
	(void)a;
	(void)f;
	errno = EACCES;
	return (-1);
}

static inline int
no_error(void *a, struct flow *f)
{
	(void)a;
	(void)f;
	return (0);
}

static inline int
no_errqueue(void *a, struct flow *f, struct host_error *e)
{
	(void)a;
	(void)f;
	(void)e;
	return (-1);
}

#endif
