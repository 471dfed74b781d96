/* SPDX-License-Identifier: ISC */

#ifndef UAPI_H
#define UAPI_H

#include "proc.h"

/*
 * Serve wg(8) on a listening socket, which is this module's then; changes
 * go to the parent.
 */
void	 uapi_start(int, struct imsgev *);

/* The parent has made the change, or failed with an errno. */
void	 uapi_set_done(int);

#endif
