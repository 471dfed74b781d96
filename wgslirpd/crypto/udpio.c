/* SPDX-License-Identifier: ISC */

/*
 * Batches of datagrams that come: what systems do differently is udpsys.
 */

#include <sys/types.h>
#include <sys/socket.h>

#include <stdlib.h>

#include "udpio.h"

/* What a batch is received into. */
struct lane {
	struct mmsghdr		 msgs[UDPIO_BATCH];
	struct iovec		 iovs[UDPIO_BATCH];
	struct sockaddr_storage	 names[UDPIO_BATCH];
	_Alignas(struct cmsghdr)
	uint8_t			 controls[UDPIO_BATCH][UDPSYS_CONTROL];
};

static struct lane	 lanes[UDPIO_LANES];
/* -1 if there is no memory. */
int
udpio_init(void)
{
	struct msghdr	*m;
	struct lane	*l;
	uint8_t		*bufs;
	int		 i;

	for (l = lanes; l < lanes + UDPIO_LANES; l++) {
		if ((bufs = malloc((size_t)UDPIO_BATCH * UDPIO_BUF)) == NULL)
			return (-1);
		for (i = 0; i < UDPIO_BATCH; i++) {
			l->iovs[i].iov_base = bufs + (size_t)i * UDPIO_BUF;
			l->iovs[i].iov_len = UDPIO_BUF;
			m = &l->msgs[i].msg_hdr;
			m->msg_iov = &l->iovs[i];
			m->msg_iovlen = 1;
			m->msg_name = &l->names[i];
			m->msg_control = l->controls[i];
		}
	}
	return (0);
}

/*
 * Receive a batch into the buffers of a lane.  Returns how many hold something,
 * which they do until the lane's next call; -1 with errno if there is nothing.
 * *full: the batch was full, whatever of it is worth a look, and more may wait.
 */
int
udpio_recv(int fd, int lane, struct udpio_rx rx[UDPIO_BATCH], int *full)
{
	struct lane	*l = &lanes[lane];
	struct udpio_rx	*r;
	struct msghdr	*m;
	int		 i, n, out = 0;

	for (i = 0; i < UDPIO_BATCH; i++) {
		l->msgs[i].msg_hdr.msg_namelen = sizeof(l->names[i]);
		l->msgs[i].msg_hdr.msg_controllen = UDPSYS_CONTROL;
	}
	*full = 0;
	if ((n = recvmmsg(fd, l->msgs, UDPIO_BATCH, MSG_DONTWAIT, NULL)) ==
	    -1)
		return (-1);
	*full = n == UDPIO_BATCH;
	for (i = 0; i < n; i++) {
		m = &l->msgs[i].msg_hdr;
		if (m->msg_flags & MSG_TRUNC || l->msgs[i].msg_len == 0)
			continue;
		r = &rx[out];
		if (udpsys_sender(r, &l->names[i]) == -1)
			continue;
		r->buf = l->iovs[i].iov_base;
		r->len = l->msgs[i].msg_len;
		r->segment = r->len;
		r->ecn = 0;
		udpsys_control(m, r);
		out++;
	}
	return (out);
}
