/* SPDX-License-Identifier: ISC */

#ifndef MEMSTREAM_H
#define MEMSTREAM_H

#include <sys/types.h>
#include <sys/uio.h>

#include <event2/bufferevent.h>

#include "hostfd.h"

/*
 * What stands for a flow's host socket where its other end is in this
 * process: a pair of libevent's buffers.  A socket pair would do, but then
 * this process could have UNIX sockets, and reach others by them.
 *
 * memstream_open() returns a number for the flow's f->fd, and the other end,
 * which is the caller's; -1 with errno.  The rest is as for sockets.
 */
int	 memstream_open(struct slirp *, hostfd_event_fn *, struct flow *,
	    struct bufferevent **);
/* The same; the other end is kept until memstream_kept() takes it. */
int	 memstream_keep(struct slirp *, hostfd_event_fn *, struct flow *);
struct bufferevent	*memstream_kept(void);
ssize_t	 memstream_readv(int, const struct iovec *, int);
ssize_t	 memstream_writev(int, const struct iovec *, int);
int	 memstream_shutdown(int);
void	 memstream_close(int);

/* The owner of the other end frees it by this: the flow sees its end. */
void	 memstream_free_other(struct bufferevent *);

#endif
