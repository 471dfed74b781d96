/* SPDX-License-Identifier: ISC */

#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdint.h>

#include "ctl.h"

/*
 * One of the files to write to, which the parent has opened; this module's
 * then.  When one is full the next is emptied and written to.  -1: too many.
 */
int	 capture_file(int);

/* Empty them and begin: nobody else writes to them any more. */
void	 capture_start(void);

/*
 * Whose packets, "" for everybody's, how many bytes a file may have, and how
 * many of each packet are kept, 0 for any.  It is kept when that changes.
 */
void	 capture_set(const char *, uint64_t, uint16_t);

/* Are packets wanted? */
int	 capture_wants(void);

/* A packet that a guest has sent or gets. */
void	 capture_packet(const struct ctl_packet *);

#endif
