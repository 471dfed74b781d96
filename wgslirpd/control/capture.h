/* SPDX-License-Identifier: ISC */

#ifndef CAPTURE_H
#define CAPTURE_H

#include <stdint.h>

#include "ctl.h"

/* The file to write to, which the parent has opened; this module's then. */
void	 capture_file(int);

/*
 * Whose packets, "" for everybody's, and how many bytes the file may have, 0
 * for any.  It is kept when that changes.
 */
void	 capture_set(const char *, uint64_t);

/* Are packets wanted? */
int	 capture_wants(void);

/* A packet that a guest has sent or gets. */
void	 capture_packet(const struct ctl_packet *);

#endif
