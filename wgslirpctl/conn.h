/* SPDX-License-Identifier: ISC */

#ifndef CONN_H
#define CONN_H

#include <imsg.h>
#include <stdint.h>

#include "ctl.h"

/*
 * One record of an answer: its type, and the message.  Returns 1 if there is
 * nothing more to hear.
 */
typedef int	 conn_fn(uint32_t, struct imsg *, void *);

/* Connect to the socket of this path, or where the daemon's is; or exit. */
void		 conn_open(const char *);

/* Wait no longer than so many seconds for an answer. */
void		 conn_patience(int);

/*
 * Ask: type, its argument, a peer's name or NULL.  fn, which may be NULL, gets
 * every record but the last.  Returns NULL, or what the daemon says is wrong.
 */
const char	*conn_ask(uint32_t, uint64_t, const char *, conn_fn *, void *);

/* The same, and exit with what is wrong. */
void		 conn_must(uint32_t, uint64_t, const char *, conn_fn *, void *);

/* Whose socket it is that was connected to. */
uid_t		 conn_owner(void);

/* A record's payload, which has to be so long; or exit. */
void		 conn_get(struct imsg *, void *, size_t);

#endif
