/* SPDX-License-Identifier: ISC */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl.h"

/* Where the control socket is unless one is named; NULL if nowhere. */
const char *
ctl_default_path(char *buf, size_t len)
{
	const char	*dir;
	int		 n;

	if ((dir = getenv("WGSLIRPD_SOCKET")) != NULL && *dir != '\0')
		n = snprintf(buf, len, "%s", dir);
	else if (geteuid() == 0)
		n = snprintf(buf, len, CTL_SYSTEM_PATH);
	else if ((dir = getenv("XDG_RUNTIME_DIR")) != NULL && *dir != '\0')
		n = snprintf(buf, len, "%s/wgslirpd.sock", dir);
	else
		return (NULL);
	return (n < 0 || (size_t)n >= len ? NULL : buf);
}
