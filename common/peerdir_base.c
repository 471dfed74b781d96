/* SPDX-License-Identifier: ISC */

/* What is wrong, and room for what is known. */

#include <sys/types.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "peerdir_base.h"

int __attribute__((__format__(printf, 2, 3)))
pd_fail(struct peerdir *p, const char *fmt, ...)
{
	va_list	 ap;

	va_start(ap, fmt);
	vsnprintf(p->err, sizeof(p->err), fmt, ap);
	va_end(ap);
	return (-1);
}

/* Room for one more, of n that there are. */
void *
pd_grow(struct peerdir *p, void *v, size_t n, size_t *cap, size_t size)
{
	size_t	 more = *cap == 0 ? 4 : 2 * *cap;
	void	*w;

	if (n < *cap)
		return (v);
	if ((w = reallocarray(v, more, size)) == NULL) {
		p->nomem = 1;
		return (v);
	}
	*cap = more;
	return (w);
}
