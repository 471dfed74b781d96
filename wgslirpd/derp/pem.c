/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <stdlib.h>
#include <unistd.h>

#include "pem.h"
#include "log.h"

#define CA_MAX		(16U << 20)	/* bytes of a CA file */

void
pem_read(int fd, char **data, size_t *len)
{
	size_t	 cap = *len;
	ssize_t	 n = 1;
	char	*p;

	while (n > 0 && *len < CA_MAX) {
		if (*len == cap) {
			cap = cap == 0 ? 65536 : 2 * cap;
			if ((p = realloc(*data, cap)) == NULL)
				fatal(NULL);
			*data = p;
		}
		n = pread(fd, *data + *len, cap - *len, (off_t)*len);
		if (n > 0)
			*len += (size_t)n;
	}
	close(fd);
}
