/* SPDX-License-Identifier: ISC */

#ifndef MEMORY_H
#define MEMORY_H

/* Show what the daemon's processes hold, as text or JSON. */
void	 memory_show(int);

#endif
