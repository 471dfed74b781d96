/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <errno.h>

#include "steer.h"

/* SO_REUSEPORT is for multicast here, and nothing steers. */
int
steer_open(int fd, const struct ipaddr *addr, uint16_t port, int offload,
    int side[STEER_SIDES])
{
	int	 i;

	(void)fd;
	(void)addr;
	(void)port;
	(void)offload;
	for (i = 0; i < STEER_SIDES; i++)
		side[i] = -1;
	errno = EOPNOTSUPP;
	return (-1);
}

int
steer_aim(int fd, const struct steer_msg *m, uint8_t gateway)
{
	(void)fd;
	(void)m;
	(void)gateway;
	errno = EOPNOTSUPP;
	return (-1);
}
