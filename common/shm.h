/* SPDX-License-Identifier: ISC */

#ifndef SHM_H
#define SHM_H

#include <sys/types.h>

/*
 * Platform: anonymous shared memory, a wakeup between processes, and giving
 * the system what malloc(3) keeps of what was freed.
 */
int	shm_area(size_t);
int	shm_check(int, size_t);

/*
 * Give the system what so many bytes of an area's whole pages hold: they read
 * as zeros then, for everybody.  -1 if it cannot.
 */
int	shm_forget(void *, size_t);
int	bell_create(int [2]);
void	bell_drain(int);
void	heap_trim(void);

#endif
