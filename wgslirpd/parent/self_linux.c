/* SPDX-License-Identifier: ISC */

#include <sys/types.h>

#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "self.h"

/*
 * The dynamic linker binds libc's own calls when they are first made, and
 * keeps the vector registers on the stack meanwhile, with whatever strlen(3) or
 * memcpy(3) has left there: a key, after which the stack cannot be searched.
 * So everything is bound before there is one; that takes an environment
 * variable that the program was started with.
 */
void
self_bind(char *argv[])
{
#ifdef __GLIBC__
	char	 path[PATH_MAX];
	ssize_t	 n;

	if (getenv("LD_BIND_NOW") != NULL)
		return;
	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n <= 0 || setenv("LD_BIND_NOW", "1", 1) == -1)
		return;
	path[n] = '\0';
	execv(path, argv);
	/* a binary that was replaced, say: it is safe as it is, but for that */
#else
	(void)argv;	/* others bind everything when a program starts */
#endif
}

const char *
self_path(const char *argv0)
{
	static char	 path[1024];
	ssize_t		 n;

	n = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (n > 0) {
		path[n] = '\0';
		if (access(path, X_OK) == 0)
			return (path);
	}
	return (argv0);
}
