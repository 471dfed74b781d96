/* SPDX-License-Identifier: ISC */

#ifndef OWNER_H
#define OWNER_H

#include "httpd.h"

/* Whoever answers a connection later, or for long: told when it is gone. */
typedef void	 owner_fn(struct httpd_conn *, void *);

/* -1: there is no memory, and the connection is nobody's. */
int	 owner_set(struct httpd_conn *, void *, owner_fn *);

/* For struct httpd_ops. */
void	 owner_closed(struct httpd_conn *, void *);

#endif
