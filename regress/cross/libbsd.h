/* SPDX-License-Identifier: ISC */

/*
 * What libbsd has that FreeBSD or NetBSD have not: declared, to compile for
 * them where it is not installed.
 */
#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>

void	 explicit_bzero(void *, size_t);
void	 freezero(void *, size_t);
void	*recallocarray(void *, size_t, size_t, size_t);
