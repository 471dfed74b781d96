/* SPDX-License-Identifier: ISC */

#ifndef SPLICE_H
#define SPLICE_H

#include <sys/uio.h>

#include "tcpcb.h"

/*
 * A guest's connection that leaves by an uplink is two: this side's end of the
 * guest's, and one of this side's own into the tunnel there.  Each is the
 * other's host.
 */

/* What is in struct host_ops; the first argument is the engine. */
int	 splice_open(void *, struct flow *, int);
void	 splice_close(void *, struct flow *, int);
ssize_t	 splice_readv(void *, struct flow *, const struct iovec *, int);
ssize_t	 splice_writev(void *, struct flow *, const struct iovec *, int);
int	 splice_shutdown(void *, struct flow *);
int	 splice_connected(void *, struct flow *);
int	 splice_error(void *, struct flow *);
void	 splice_answered(void *, struct flow *, int);

#endif
