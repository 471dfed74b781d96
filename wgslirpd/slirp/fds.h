/* SPDX-License-Identifier: ISC */

#ifndef FDS_H
#define FDS_H

#include <stdint.h>

/*
 * Descriptors that are not flows' have a budget of their own, so that those
 * that the parent passes always find room.
 */
void	 fds_init(uint32_t);

/* Take one out of the budget; -1 if there is none left. */
int	 fds_take(void);
void	 fds_give(void);

#endif
