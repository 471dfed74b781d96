/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <errno.h>

#include "steer.h"

/* SO_REUSEPORT is for multicast here, and nothing steers. */
int
steer_open(int fd, const struct ipaddr *addr, uint16_t port, int offload,
    uint32_t workers, int side[][STEER_SIDES])
{
	uint32_t	 i;

	(void)fd;
	(void)addr;
	(void)port;
	(void)offload;
	for (i = 0; i < workers * STEER_SIDES; i++)
		side[i / STEER_SIDES][i % STEER_SIDES] = -1;
	errno = EOPNOTSUPP;
	return (-1);
}

int
steer_aim(int fd, const struct steer_msg *m, uint32_t workers, uint8_t gateway)
{
	(void)fd;
	(void)m;
	(void)workers;
	(void)gateway;
	errno = EOPNOTSUPP;
	return (-1);
}
