/* SPDX-License-Identifier: ISC */

#ifndef SHM_H
#define SHM_H

#include <sys/types.h>

/* Platform: anonymous shared memory, and a wakeup between processes. */
int	shm_area(size_t);
int	shm_check(int, size_t);
int	bell_create(int [2]);
void	bell_drain(int);

#endif
