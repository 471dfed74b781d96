/* SPDX-License-Identifier: ISC */

#include "fds.h"

static uint32_t	 used, most;

void
fds_init(uint32_t n)
{
	most = n;
}

int
fds_take(void)
{
	if (used >= most)
		return (-1);
	used++;
	return (0);
}

void
fds_give(void)
{
	used--;
}
