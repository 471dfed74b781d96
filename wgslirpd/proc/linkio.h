/* SPDX-License-Identifier: ISC */

#ifndef LINKIO_H
#define LINKIO_H

#include <sys/types.h>

#include "link.h"

/*
 * The two ends of a socket that keeps messages apart (link.h): each
 * is a header, of so many bytes, and data.
 *
 * link_send:	so many bytes of data; -1: there is no room, or no link
 * link_recv:	what came, the length of the data; 0: there is none now, -1: the
 *		other side is gone.  One without data, or too much of it, ends
 *		this process.
 *
 * link_pass:	the same, with or without data, and a descriptor or -1, which
 *		stays the caller's
 * link_take:	one of those: 1, with how much data and the descriptor, which is
 *		the caller's then, or -1; else 0 or -1 as above
 */
int	 link_send(int, const void *, size_t, const uint8_t *, size_t);
ssize_t	 link_recv(int, void *, size_t, uint8_t [LINK_DATA_MAX]);
int	 link_pass(int, const void *, size_t, const uint8_t *, size_t, int);
int	 link_take(int, void *, size_t, uint8_t [LINK_DATA_MAX], size_t *,
	    int *);

#endif
