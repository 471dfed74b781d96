/* SPDX-License-Identifier: ISC */

#ifndef DERP_PEM_H
#define DERP_PEM_H

#include <stddef.h>

/*
 * Append a file that the parent has opened, whose offset is shared with others,
 * to what there is; it is closed.  The memory is the caller's.
 */
void	 pem_read(int, char **, size_t *);

#endif
