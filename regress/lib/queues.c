/* SPDX-License-Identifier: ISC */

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "queues.h"
#include "shm.h"

/* Both packet queues, with both of their ends in this process. */
void
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

int
no_socket(void *a, struct flow *f)
{
	(void)a;
	(void)f;
	errno = EACCES;
	return (-1);
}

int
no_error(void *a, struct flow *f)
{
	(void)a;
	(void)f;
	return (0);
}

int
no_errqueue(void *a, struct flow *f, struct host_error *e)
{
	(void)a;
	(void)f;
	(void)e;
	return (-1);
}
